"""sequencer and relay: durable publishes by socket, API batch and single-row SQL; CPU of each process for one; Kafka away"""

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import requests

from cpu import children, cpu_s, memory_kb, reset_peak, tree_cpu_s
from kafka_help import Topics
from prometheus import quantiles_ms, value
from stack import BUILD, KEY, Stack, wait_until

CORES = 2
TENANTS = ("default", "acme")
BATCH = 100  # publishes in one request of the API
AIMS = {"socket": 40000, "api": 15000, "sql": 5000}  # publishes a second
PUBLISH = "select cellcast.publish($1, $2)"
# What a row of the outbox costs at least: the same columns and indexes, no function.
INSERT = ("insert into bench_outbox (shard, tenant, channel, format, data, size) "
          "select 1, 'default', $1, 0, convert_to($2, 'UTF8'), octet_length($2) + 512")
TABLES = """
drop table if exists bench_outbox;
create table bench_outbox (like cellcast.outbox including all);
drop table if exists bench_floor;
create table bench_floor (like cellcast.message including defaults);
alter table bench_floor add primary key (channel, epoch, seq, id);
create index on bench_floor (shard, id);
"""


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run sequencer")
    for name, default in (("channels", 60), ("bytes", 200), ("socket", 200000), ("api", 60000), ("sql", 40000), ("floor", 100000),
                          ("away", 60000), ("outstanding", 1000), ("connections", 64), ("requests", 16)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--perf", metavar="FILE", help="of the socket's phase: perf record of the whole machine")
    return parser.parse_args()


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- looking


def page(port):
    return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text


class Meter:
    """CPU seconds of every process of the way, and within PostgreSQL of each that lives."""

    def __init__(self, stack):
        self.stack = stack
        self.postmaster = int((stack.home / "postgres/postmaster.pid").read_text().split()[0])
        self.kafka = int((stack.home / "kafka/kafka.pid").read_text())
        self.start = self.read()

    def read(self):
        now = {"sequencer": cpu_s(self.stack.pid("sequencer")), "relay": cpu_s(self.stack.pid("relay")),
               "postgres": tree_cpu_s(self.postmaster), "kafka": cpu_s(self.kafka)}
        if "cell" in self.stack.kept:
            now["cell"] = tree_cpu_s(self.stack.pid("cell"))
        with self.stack.sql() as db:
            names = dict(db.execute(
                "select pid, case when pid in (select pid from cellcast.shard) then 'writer' when backend_type = 'client backend' "
                "then application_name when backend_type = 'walsender' then 'walsender ' || application_name else backend_type end "
                "from pg_stat_activity where pid <> pg_backend_pid()").fetchall())
        for pid in children(self.postmaster):
            if pid in names:
                key = f"postgres: {names[pid]}"
                now[key] = now.get(key, 0) + cpu_s(pid)
        return now

    def since_start(self):
        now = self.read()
        return {name: round(seconds - self.start.get(name, 0), 2) for name, seconds in now.items()
                if seconds - self.start.get(name, 0) >= 0.01}


class RelayWatch(threading.Thread):
    """The relay's lag and memory, ten times a second while it runs."""

    def __init__(self, stack):
        super().__init__()
        self.stack, self.stopping, self.lags_s, self.outstanding = stack, False, [], []
        reset_peak(stack.pid("relay"))
        self.rss_start_kb = memory_kb(stack.pid("relay"), "VmRSS")
        self.start()

    def run(self):
        while not self.stopping:
            text = page(self.stack.relay_admin)
            self.lags_s.append(value(text, "cellcast_relay_lag_seconds"))
            self.outstanding.append(value(text, "cellcast_relay_outstanding"))
            time.sleep(0.1)

    def stop(self):
        self.stopping = True
        self.join()
        return {"lag_max_s": round(max(self.lags_s), 2), "outstanding_max": int(max(self.outstanding)),
                "rss_start_mb": round(self.rss_start_kb / 1024, 1), "rss_peak_mb": round(memory_kb(self.stack.pid("relay"), "VmHWM") / 1024, 1)}


def is_ready(port):
    return requests.get(f"http://127.0.0.1:{port}/ready", timeout=5).status_code == 200


def acknowledged(stack):
    return int(value(page(stack.relay_admin), "cellcast_relay_acknowledged_total"))


def rows(stack):
    with stack.sql() as db:
        return db.execute("select count(*) from cellcast.message where tenant = any (%s)", (list(TENANTS),)).fetchone()[0]


# ---- publishing


def program(name, o, *where, count, outstanding):
    command = [BUILD / "tests/bench/publishing" / name, *where, count, outstanding, o.channels, o.bytes]
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)


def by_socket(stack, o, count):
    """A process for each tenant: what waits of one is bounded."""
    all = [program("bench_socket_load", o, f"127.0.0.1:{stack.sequencer_port}", tenant, count=count // len(TENANTS), outstanding=o.outstanding)
           for tenant in TENANTS]
    return [json.loads(p.communicate()[0]) for p in all]


def by_sql(stack, o, count, sql=PUBLISH):
    return [json.loads(program("bench_sql_load", o, stack.pg, sql, count=count, outstanding=o.connections).communicate()[0])]


def by_api(stack, o, count):
    taken, asked = [0] * o.requests, count // BATCH // o.requests

    def run(n):
        commands = [{"publish": {"channel": f"load-{i % o.channels}", "data": "x" * (o.bytes - 2)}} for i in range(BATCH)]
        body = json.dumps({"parallel": True, "commands": commands})
        with requests.Session() as session:
            for _ in range(asked):
                answer = session.post(stack.http("/api/batch", gateway=n % stack.gateways + 1), body, headers={"X-API-Key": KEY}, timeout=20)
                taken[n] += answer.text.count('"offset"')

    begun = time.monotonic()
    all = [threading.Thread(target=run, args=(n,)) for n in range(o.requests)]
    for thread in all:
        thread.start()
    for thread in all:
        thread.join()
    return [{"taken": sum(taken), "refused": asked * BATCH * o.requests - sum(taken), "seconds": round(time.monotonic() - begun, 3)}]


# ---- phases


def phase(stack, o, name, publish, count):
    say(f"{name} …")
    before_rows, before_acks = rows(stack), acknowledged(stack)
    before = page(stack.relay_admin), page(stack.sequencer_admin)
    watch, meter = RelayWatch(stack), Meter(stack)
    said = publish(stack, o, count)
    cpu = meter.since_start()
    ended = time.monotonic()
    taken = sum(s["taken"] for s in said)
    wait_until(lambda: acknowledged(stack) - before_acks >= taken, 120, "the relay has handed over what was taken")
    behind_s = time.monotonic() - ended
    total = meter.since_start()
    wait_until(lambda: value(page(stack.relay_admin), "cellcast_relay_lag_seconds") == 0, 20, "the relay is not behind")
    after = page(stack.relay_admin), page(stack.sequencer_admin)
    spent = sum(total[p] for p in total if ":" not in p)
    batches = value(after[1], "cellcast_sequencer_batches_total") - value(before[1], "cellcast_sequencer_batches_total")
    result = {
        "taken": taken, "refused": sum(s["refused"] for s in said), "rows": rows(stack) - before_rows,
        "per_s": round(taken / max(s["seconds"] for s in said)), "answers": said, "messages_a_batch": round(taken / max(1, batches), 1),
        "relay_done_after_s": round(behind_s, 2), "relay": watch.stop(),
        "commit_to_kafka": quantiles_ms(before[0], after[0], "cellcast_relay_latency_seconds"),
        "kafka_ack": quantiles_ms(before[0], after[0], "cellcast_relay_kafka_seconds"),
        "cpu_us": {p: round(s / taken * 1e6, 1) for p, s in total.items()}, "cpu_us_all": round(spent / taken * 1e6, 1),
        "cpu_s_while_publishing": cpu,
        "per_s_of_two_cores": round(CORES * taken / spent),
    }
    say(json.dumps(result))
    return result


def floor(stack, o):
    """The same rows by COPY into a table with the same indexes, a batch's thousand in each transaction: CPU of that backend."""
    with stack.sql(autocommit=True) as db:
        db.execute(TABLES)
        pid = db.execute("select pg_backend_pid()").fetchone()[0]
        [names] = db.execute("select array_agg(attname::text order by attnum) from pg_attribute "
                             "where attrelid = 'bench_floor'::regclass and attnum > 0").fetchone()
        with db.cursor().copy(f"copy (select {', '.join(names)} from cellcast.message where tenant = any (%s) order by id limit {o.floor}) "
                              "to stdout", (list(TENANTS),)) as copy:
            text = b"".join(copy)
        lines = text.splitlines(keepends=True)
        before = cpu_s(pid)
        for at in range(0, len(lines), 1000):
            with db.cursor().copy("copy bench_floor from stdin") as copy:
                copy.write(b"".join(lines[at:at + 1000]))
        return round((cpu_s(pid) - before) / len(lines) * 1e6, 1)


def clients_us(cpu):
    """What PostgreSQL spent, a row, in backends that have gone since: those of the publishers."""
    return cpu["postgres"] - sum(us for name, us in cpu.items() if ":" in name)


def sql_floor(stack, o):
    """Half of the rows in single-row transactions over as many connections, without cellcast. -> µs a row in PostgreSQL's backends"""
    meter = Meter(stack)
    said = by_sql(stack, o, o.sql // 2, INSERT)
    return clients_us({name: s / said[0]["taken"] * 1e6 for name, s in meter.since_start().items()})


def kafka_away(stack, o):
    """The broker stopped while publishes go on: the relay holds what its bounds allow, and nobody waits."""
    say("kafka away …")
    before_acks, watch = acknowledged(stack), RelayWatch(stack)
    stack.kill_kafka(signal.SIGSTOP)
    try:
        said = by_socket(stack, o, o.away)
        time.sleep(1)
        held = int(value(page(stack.relay_admin), "cellcast_relay_outstanding"))
    finally:
        stack.kill_kafka(signal.SIGCONT)
    taken = sum(s["taken"] for s in said)
    back = time.monotonic()
    wait_until(lambda: acknowledged(stack) - before_acks >= taken, 120, "the relay has caught up")
    return {"taken": taken, "refused": sum(s["refused"] for s in said), "held_by_relay": held, "caught_up_s": round(time.monotonic() - back, 2),
            "relay": watch.stop()}


def in_kafka(stack, enough):
    """-> records, publications among them that differ"""
    seen = Counter()

    def has_all(records):
        seen.update((r.channel, r.seq) for r in records if r.channel.split("/")[0] in TENANTS)
        records.clear()
        return len(seen) >= enough

    try:
        Topics(stack.kafka).read("cellcast.a", has_all, 60)
    except AssertionError:
        pass  # the counts tell
    return sum(seen.values()), len(seen)


def run(stack, o):
    perf = None
    phase(stack, o, "warm-up", by_socket, o.socket // 2)
    phase(stack, o, "warm-up by SQL", by_sql, o.sql // 4)  # Kafka compiles anew for small batches
    if o.perf:
        perf = subprocess.Popen(["perf", "record", "-q", "-a", "-g", "-F", "499", "-o", o.perf])
    result = {"socket": phase(stack, o, "socket", by_socket, o.socket)}
    if perf:
        perf.send_signal(signal.SIGINT)
        perf.wait()
    result["floor_us"] = floor(stack, o)
    before = sql_floor(stack, o)
    result["sql"] = phase(stack, o, "sql", by_sql, o.sql)
    result["sql_floor_us"] = round((before + sql_floor(stack, o)) / 2, 1)
    result["kafka_away"] = kafka_away(stack, o)
    stack.start_cell()
    stack.wait_ready()
    result["api"] = phase(stack, o, "api", by_api, o.api)
    result["rows"] = rows(stack)
    result["kafka_records"], result["kafka_publications"] = in_kafka(stack, result["rows"])
    result["aims"] = {name: {"aim": aim, "per_s": result[name]["per_s"], "per_s_of_two_cores": result[name]["per_s_of_two_cores"]}
                      for name, aim in AIMS.items()}
    result["sql_vs_floor"] = round(clients_us(result["sql"]["cpu_us"]) / result["sql_floor_us"], 2)
    result["writer_vs_floor"] = round(result["socket"]["cpu_us"]["postgres: writer"] / result["floor_us"], 2)
    return result


def claims(r):
    """-> {what is claimed: whether it holds}"""
    phases = {name: r[name] for name in AIMS}
    return {
        "nothing is refused, every answer has its row": all(p["refused"] == 0 and p["taken"] == p["rows"] for p in phases.values()),
        "Kafka has every row": r["kafka_publications"] == r["rows"],
        "the relay ends within 2 s of the last answer": all(p["relay_done_after_s"] < 2 for p in phases.values()),
        "the backend that commits takes 2.5 times a COPY of the same rows at most": r["writer_vs_floor"] <= 2.5,
        "a publish by SQL costs its backend 4 times a plain row at most": r["sql_vs_floor"] <= 4,
        "by their CPU, two cores carry what is aimed at by API and SQL": all(
            r["aims"][name]["per_s_of_two_cores"] >= AIMS[name] for name in ("api", "sql")),
        "sequencer and relay together take less than PostgreSQL": all(
            p["cpu_us"]["sequencer"] + p["cpu_us"]["relay"] < p["cpu_us"]["postgres"] for p in phases.values()),
        "Kafka away: the relay holds 10,000 at most, and 100 MB more": r["kafka_away"]["held_by_relay"] <= 10000
        and r["kafka_away"]["relay"]["rss_peak_mb"] - r["kafka_away"]["relay"]["rss_start_mb"] < 100,
    }


def main():
    o = arguments()
    stack = Stack(gateways=2, workers=1, kafka_profile="perf")
    try:
        stack.start_without_cell()
        wait_until(lambda: is_ready(stack.sequencer_admin) and is_ready(stack.relay_admin), 60, "sequencer and relay are ready")
        result = run(stack, o)
    except AssertionError:
        say(stack.last_words())
        raise
    finally:
        stack.stop()
    result["claims"] = claims(result)
    print(json.dumps({"bench": "sequencer", **result, "options": vars(o)}))
    return 0 if all(result["claims"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
