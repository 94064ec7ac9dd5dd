"""10,000 users over 3 and 5 gateways, one channel and 100: end to end through PostgreSQL and Kafka, the last subscriber too"""

import argparse
import json
import sys
from pathlib import Path

from compare import Cellcast, Floor, figures, median, ratio
from report import page, plot, table

SPREAD_P99_MS, HOT_P99_MS, HOT_VS_FLOOR = 30, 110, 1.25  # issue 5
MOST = 2_000_000  # deliveries of a run: beyond what the machine holds a run would take minutes


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run scenario-a")
    for name, default in (("users", 10000), ("seconds", 20), ("payload", 200), ("warm", 30), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--gateways", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--channels", type=int, nargs="+", default=[1, 100])
    parser.add_argument("--rates", type=int, nargs="+", default=[1, 10, 100], metavar="PER_SECOND", help="over all channels")
    parser.add_argument("--report", metavar="FILE.html")
    return parser.parse_args()


def measure(server, gateways, channels, rate, o):
    each = o.users // channels
    messages = max(5, min(rate * o.seconds, MOST // each))
    report = figures(server.run(connections=o.users, channels=channels, rate=rate, messages=messages, payload=o.payload))
    ms = lambda of, q: round(report[of][q] / 1000, 2) if report[of] else None
    step = {"server": server.name, "gateways": gateways, "channels": channels, "subscribers_each": each, "rate": rate, "messages": messages,
            "asked_per_s": rate * each, **{f"{q}_ms": ms("kernel", q) for q in ("p50", "p90", "p99", "p999")},
            "last_p50_ms": ms("last_subscriber_kernel", "p50"), "last_p99_ms": ms("last_subscriber_kernel", "p99"),
            "user_p99_ms": ms("user", "p99"), "server_us": report["server_us"], "cpu_s": report["cpu_s"], "saturated": report["saturated"],
            "ok": report["ok"], "failures": report["failures"]}
    print(step, file=sys.stderr, flush=True)
    return step


def measure_loads(server, gateways, o):
    """What the floor can do, too, is measured in alternating runs: from one minute to the next a machine differs more than the two."""
    for channels in o.channels:
        for rate in o.rates:
            hot = (channels, rate) == (1, 1)
            for _ in range(o.rounds if hot else 1):
                yield measure(server, gateways, channels, rate, o)
                if hot:
                    yield measure(Floor(gateways), gateways, channels, rate, o)


def measure_all(o):
    steps = []
    for gateways in o.gateways:
        server = Cellcast(gateways)
        server.start()
        try:
            server.warm_up(o.warm)
            steps += measure_loads(server, gateways, o)
        finally:
            server.stop()
    return steps


def p99(step):
    return step["p99_ms"]


def find(steps, server, gateways, channels, rate):
    return [s for s in steps if (s["server"], s["gateways"], s["channels"], s["rate"]) == (server, gateways, channels, rate)]


def claims(steps, o):
    """What is promised, by the first number of gateways: medians of the rounds."""
    gateways, found = o.gateways[0], {}
    if spread := find(steps, "cellcast", gateways, 100, 100):
        found["p99_ms"] = p99(spread[0])
    hot = {server: find(steps, server, gateways, 1, 1) for server in ("cellcast", "floor")}
    if hot["cellcast"]:
        found.update(hot_p99_ms=median(hot["cellcast"], p99), hot_p99_vs_floor=ratio(hot, "cellcast", "floor", p99))
    return found


def hold(steps, found):
    """Everybody connected and got everything once and in order wherever the machine was not the limit, and what is promised."""
    fine = all(s["ok"] for s in steps if not s["saturated"])
    return fine and found.get("p99_ms", 0) < SPREAD_P99_MS and found.get("hot_p99_ms", 0) < HOT_P99_MS and found.get("hot_p99_vs_floor", 0) <= HOT_VS_FLOOR


def write_report(path, steps, found, o):
    ours = [s for s in steps if s["server"] == "cellcast"]
    names = [f"{s['gateways']} gw\n{s['channels']} ch\n{s['rate']}/s" for s in ours]

    def bars(axes):
        for shift, key in ((-0.3, "p50_ms"), (-0.1, "p99_ms"), (0.1, "p999_ms"), (0.3, "last_p50_ms")):
            axes.bar([n + shift for n in range(len(ours))], [s[key] or 0 for s in ours], 0.2, label=key.removesuffix("_ms").replace("_", " "))
        axes.axhline(100, color="tab:red", linewidth=1)
        axes.set(ylabel="ms", yscale="log")
        axes.set_xticks(range(len(ours)), names, fontsize=7)
        axes.legend()

    def per_delivery(axes):
        axes.bar(range(len(ours)), [s["server_us"] for s in ours], 0.5)
        axes.set(ylabel="µs of gateway CPU a delivery", yscale="log")
        axes.set_xticks(range(len(ours)), names, fontsize=7)

    columns = ("server", "gateways", "channels", "rate", "asked_per_s", "p50_ms", "p90_ms", "p99_ms", "p999_ms", "last_p50_ms", "last_p99_ms",
               "server_us", "saturated")
    Path(path).write_text(page(
        f"Scenario A: {o.users:,} concurrent users",
        "Publish by the HTTP API, commit in PostgreSQL, Kafka, worker, gateway, WebSocket client; arrival is the kernel's stamp. The generator "
        "runs on the same machine. `asked_per_s`: deliveries that the rate asks for. `last` is the last of a message's subscribers. Floor: send() in a loop by as many processes, nothing behind it.",
        f"Promised: {SPREAD_P99_MS} ms p99 on 100 channels, {HOT_P99_MS} ms on one of {o.users:,}. Measured: {json.dumps(found)}.",
        table(columns, [[" ".join(s[c]) if c == "saturated" else s[c] for c in columns] for s in steps]), plot(bars), plot(per_delivery)))


def main():
    o = arguments()
    steps = measure_all(o)
    found = claims(steps, o)
    if o.report:
        write_report(o.report, steps, found, o)
    fine = hold(steps, found)
    print(json.dumps({"bench": "scenario-a", **found, "holds": fine, "steps": steps, "options": vars(o)}))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
