"""relay to worker by itself over Kafka, Redis Pub/Sub, Redis Streams, JetStream: latency, CPU, loss when killed; Kafka's settings"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import report
from broker_servers import servers
from cpu import cpu_s, memory_kb
from stack import BUILD

PROGRAM = BUILD / "tests/bench/brokers/bench_broker_leg"
SERVER = {"kafka": 0, "redis-pubsub": 1, "redis-streams": 1, "jetstream": 2}
RATES = (100, 1000, 10000)
KAFKA_RATES = (1200, 15000)
KAFKA_SETTINGS = ("linger.ms=0,max.in.flight=1", "linger.ms=0,max.in.flight=5", "linger.ms=0.5,max.in.flight=5",
                  "linger.ms=0,max.in.flight=1,partitions=4")  # the first is ours
WARM_S = 1
KILLED_AFTER_S, AWAY_S = 4, 1


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run brokers")
    for name, default in (("seconds", 4), ("rounds", 2), ("channels", 60), ("bytes", 200), ("kill_rate", 1000), ("kill_seconds", 10), ("warm_seconds", 10)):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    parser.add_argument("--parts", default="rates,kill", help="of rates, kill and settings")
    parser.add_argument("--report", metavar="FILE.html")
    return parser.parse_args()


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, servers, o):
        self.servers, self.o, self.runs = servers, o, 0

    def leg(self, broker, rate, seconds, meanwhile=None):
        """One run: a reader that is ready, then a publisher. -> what both say, and what the broker took."""
        server = self.servers[SERVER[broker.split(":")[0]]]
        self.runs += 1
        count, warm = rate * (seconds + WARM_S), rate * WARM_S
        where = [broker, str(server.port), f"leg{self.runs}", str(self.o.channels)]
        reader = subprocess.Popen([PROGRAM, "read", *where, str(count)], stdout=subprocess.PIPE, text=True)
        assert reader.stdout.readline() == "ready\n", broker
        pid = server.process.pid
        before = cpu_s(pid)
        publisher = subprocess.Popen([PROGRAM, "publish", *where, str(count), str(rate), str(warm), str(self.o.bytes)], stdout=subprocess.PIPE, text=True)
        if meanwhile:
            meanwhile(server)
        published = json.loads(publisher.communicate()[0])
        try:
            reader.wait(15 if meanwhile else 5)
        except subprocess.TimeoutExpired:
            reader.terminate()
        read = json.loads(reader.communicate()[0])
        result = {**read, "acknowledged": published["acknowledged"], "count": count, "ack_p50_us": published["ack_p50_us"],
                  "publisher_cpu_us": round(published["cpu_s"] / (count - warm) * 1e6, 1), "reader_cpu_us": round(read["cpu_s"] / count * 1e6, 1),
                  "broker_cpu_us": round((cpu_s(pid) - before) / count * 1e6, 1) if server.process.pid == pid else None,
                  "broker_mb": round(memory_kb(server.process.pid, "VmRSS") / 1024)}
        say(f"{broker} {rate}/s: {json.dumps(result)}")
        return result

    def rates(self):
        rows = {}
        for _ in range(self.o.rounds):
            for rate in RATES:
                for broker in SERVER:
                    rows.setdefault(f"{broker} {rate}", []).append(self.leg(broker, rate, self.o.seconds))
        return {name: best(runs) for name, runs in rows.items()}

    def kill(self):
        return {broker: self.killed(broker) for broker in SERVER}

    def killed(self, broker):
        away_ms = []

        def away(server):
            time.sleep(KILLED_AFTER_S)
            begun = time.monotonic()
            server.end()
            time.sleep(AWAY_S)
            server.start()
            away_ms.append(round((time.monotonic() - begun) * 1000))

        return {**self.leg(broker, self.o.kill_rate, self.o.kill_seconds, away), "away_ms": away_ms[0]}

    def settings(self):
        rows = {}
        for _ in range(self.o.rounds):
            for settings in KAFKA_SETTINGS:
                for rate in KAFKA_RATES:
                    rows.setdefault(f"{settings} {rate}", []).append(self.leg(f"kafka:{settings}", rate, self.o.seconds))
        return {name: best(runs) for name, runs in rows.items()}


def best(runs):
    """The run that was disturbed least; what went wrong, of all of them."""
    wrong = ("lost", "repeats", "disorder")
    return min(runs, key=lambda r: r["p50_us"]) | {key: sum(r[key] for r in runs) for key in wrong} | {"p99_us_of_all": [r["p99_us"] for r in runs]}


# ---- what comes of it

COLUMNS = (("p50_us", "p50 µs"), ("p90_us", "p90"), ("p99_us", "p99"), ("p999_us", "p99.9"), ("broker_cpu_us", "broker CPU µs"),
           ("publisher_cpu_us", "publisher"), ("reader_cpu_us", "reader"), ("lost", "lost"), ("repeats", "repeats"), ("disorder", "out of order"),
           ("broker_mb", "broker MB"))


def rows_of(part):
    return [[name] + [r[key] for key, _ in COLUMNS] for name, r in part.items()]


def draw_percentiles(axes, part):
    for broker in SERVER:
        for key, style in (("p50_us", "-"), ("p99_us", "--")):
            axes.plot(RATES, [part[f"{broker} {rate}"][key] / 1000 for rate in RATES], style, marker="o", label=f"{broker} {key[:3]}",
                      color=f"C{list(SERVER).index(broker)}")
    axes.set(xscale="log", yscale="log", xlabel="messages a second", ylabel="ms")
    axes.legend(fontsize=7, ncols=2)


def write_report(path, result):
    heads = [""] + [title for _, title in COLUMNS]
    parts = ["Publish to the reader's callback, 200 bytes, 60 channels, each process on a loop; the best of the rounds, by its median; "
             "CPU per message. Command: tests/bench/run brokers --report FILE.html"]
    if "rates" in result:
        parts += [report.plot(lambda axes: draw_percentiles(axes, result["rates"])), report.table(heads, rows_of(result["rates"]))]
    if "kill" in result:
        parts += [f"Killed -9 after {KILLED_AFTER_S} s, started again {AWAY_S} s later; the publisher sends again what is not acknowledged.",
                  report.table(["", "acknowledged", "lost", "repeats", "out of order", "broker away ms", "longest silence ms"],
                               [[name, r["acknowledged"], r["lost"], r["repeats"], r["disorder"], r["away_ms"], r["silence_ms"]] for name, r in result["kill"].items()])]
    if "settings" in result:
        parts += ["Settings of Kafka's producer.", report.table(heads, rows_of(result["settings"]))]
    Path(path).write_text(report.page("Between relay and worker: four brokers", *parts))


def claims(result):
    kept = {}
    for part in ("rates", "settings"):
        for name, r in result.get(part, {}).items():
            if "redis-pubsub" not in name:
                kept[f"{name}: none lost, repeated or out of order"] = r["lost"] == r["repeats"] == r["disorder"] == 0
    if "kill" in result:
        r = result["kill"]["kafka"]
        kept["Kafka killed: none lost, repeated or out of order"] = r["lost"] == r["repeats"] == r["disorder"] == 0
    if "rates" in result:
        kept["Kafka does not collapse: p50 at 10,000/s within 10 times that at 1,000/s"] = (
            result["rates"]["kafka 10000"]["p50_us"] <= 10 * result["rates"]["kafka 1000"]["p50_us"])
    return kept


def main():
    o = arguments()
    if not PROGRAM.exists():
        sys.exit("tests/bench/run brokers: the other brokers' clients are missing: deploy/packages bench, then build anew")
    result = {"bench": "brokers"}
    with servers() as running:
        bench = Bench(running, o)
        bench.leg("kafka", 10000, o.warm_seconds)  # what its JIT compiler has yet to learn
        for part in o.parts.split(","):
            result[part] = getattr(bench, part)()
    result["claims"] = claims(result)
    if o.report:
        write_report(o.report, result)
    print(json.dumps({**result, "options": vars(o)}))
    return 0 if all(result["claims"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
