"""write-through, write-behind, dual write, commit that waits for the broker: ghosts and losses under the same faults"""

import argparse
import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import confluent_kafka
import confluent_kafka.admin

from sdk import Person
from stack import KEY, Stack, wait_until

HERE = Path(__file__).parent
WAYS = ("ours", "write-behind", "dual-write", "commit-waits")
PARTITIONS = 4
CALM = 4  # s without a fault, at first

# A database whose commits are slow on demand, and which refuses what its rules forbid, in the same manner for everybody's table.
FAULTS = """
create schema bench;
create table bench.slow (ms integer not null);
insert into bench.slow values (0);
create function bench.linger() returns trigger language plpgsql as
    $$ begin
    if current_setting('bench.lingered', true) is distinct from pg_current_xact_id()::text then -- once for each transaction
        perform set_config('bench.lingered', pg_current_xact_id()::text, true), pg_sleep(ms / 1000.0) from bench.slow where ms > 0;
    end if;
    return null; end $$;
create function bench.rule() returns trigger language plpgsql as $$ begin
    if position('"refuse"' in case tg_argv[0] when 'bytea' then convert_from((to_jsonb(new)->>'data')::bytea, 'UTF8') else to_jsonb(new)->>'data' end) > 0
    then raise check_violation using message = 'a rule of the application forbids it'; end if;
    return new; end $$;
create constraint trigger linger after insert on cellcast.message deferrable initially deferred for each row execute function bench.linger();
create trigger rule before insert on cellcast.message for each row execute function bench.rule('bytea');
"""
TABLE = """
create table {0} (id text primary key, data text not null, created_at timestamptz not null default clock_timestamp());
create table {0}_head (channel text primary key, seq bigint not null);
create constraint trigger linger after insert on {0} deferrable initially deferred for each row execute function bench.linger();
create trigger rule before insert on {0} for each row execute function bench.rule('text');
"""


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run storage-path")
    for name, default in (("seed", 1), ("rate", 200), ("threads", 8), ("kills", 10), ("slow_ms", 200), ("refuse_every", 50)):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    parser.add_argument("--ways", default=",".join(WAYS))
    return parser.parse_args()


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- who listens all the time, and keeps (id, when)


class TopicListener:
    def __init__(self, stack, topic):
        self.seen, self.stopping = [], False
        self.consumer = confluent_kafka.Consumer({
            "bootstrap.servers": stack.kafka, "group.id": "listener", "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "reconnect.backoff.max.ms": 200, "log_level": 0})
        self.consumer.assign([confluent_kafka.TopicPartition(topic, p, confluent_kafka.OFFSET_BEGINNING) for p in range(PARTITIONS)])
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping:
            for m in self.consumer.consume(100, 0.02):
                if not m.error():
                    self.seen.append((json.loads(m.value())["id"], time.time()))
        self.consumer.close()

    def sets(self):
        return [list(self.seen)]

    def stop(self):
        self.stopping = True
        self.thread.join()


class SdkListener:
    """Two people with the SDK, on all channels, wherever the cell puts them."""

    def __init__(self, stack, channels):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.people = self.call(self.start(stack, channels))

    def call(self, what):
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(30)

    async def start(self, stack, channels):
        people = []
        for _ in range(2):
            person = await Person(stack.ws(), min_reconnect_delay=0.05, max_reconnect_delay=0.5).connect()
            for channel in channels:
                await person.subscribe(channel)
            people.append(person)
        return people

    def sets(self):
        return [[(data["id"], at / 1e9) for r in p.recorders.values() for data, at in zip(list(r.publications), list(r.arrived_ns))]
                for p in self.people]

    def stop(self):
        for person in self.people:
            self.call(person.close())
        self.call(asyncio.sleep(0.5))  # for their last tasks
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


# ---- one way


class Way:
    def __init__(self, name, stack, o):
        self.name, self.stack, self.o = name, stack, o
        self.table, self.topic = f"bench.{name.replace('-', '_')}", f"bench.{name}"
        self.channels = [f"path-{n}" for n in range(4)]
        self.logs, self.processes, self.kills = stack.home / f"log-{name}", {}, 0
        self.random = random.Random(o.seed)

    def prepare(self):
        if self.name == "ours":
            self.listener = SdkListener(self.stack, self.channels)
        else:
            with self.stack.sql(autocommit=True) as db:
                db.execute(TABLE.format(self.table))
            admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.stack.kafka})
            admin.create_topics([confluent_kafka.admin.NewTopic(self.topic, PARTITIONS, 1)])[self.topic].result(10)
            self.listener = TopicListener(self.stack, self.topic)
        self.spawn("publisher")
        if self.name == "write-behind":
            self.spawn("writer")

    def spawn(self, what):
        self.kills += 1
        told = {"way": self.name, "name": f"{self.name}-{self.kills}", "rate": self.o.rate, "threads": self.o.threads, "log": str(self.logs),
                "refuse_every": self.o.refuse_every, "channels": self.channels, "port": self.stack.port, "key": KEY, "topic": self.topic,
                "table": self.table, "partitions": PARTITIONS, "kafka": self.stack.kafka, "postgres": self.stack.pg}
        self.processes[what] = subprocess.Popen([sys.executable, str(HERE / f"storage_{what}.py"), json.dumps(told)], stdin=subprocess.DEVNULL,
                                                stderr=open(self.stack.log / f"{self.name}-{what}.log", "ab"))

    def kill(self, n):
        """The publishing process, and one of those that stand behind it."""
        behind = {"ours": ("relay", "sequencer", "gateway-1", "worker-1", "gateway-2"), "write-behind": ("writer",)}.get(self.name, ())
        victims = ["publisher"] + ([behind[n % len(behind)]] if behind else [])
        for victim in victims:
            if victim in self.processes:
                self.processes[victim].kill()
            else:
                self.stack.kill(victim)
        for victim in victims:
            if victim in self.processes:
                self.processes[victim].wait()
                self.spawn(victim)

    def faults(self):
        """The same for every way: what, and when (s)."""
        plan = [(CALM, self.postgres_slow_then_away), (CALM + 9, self.kafka_away), (CALM + 16, self.kafka_stalled),
                (CALM + 25, lambda: self.set_slow(self.o.slow_ms)), (CALM + 29, lambda: self.set_slow(0))]
        plan += [(CALM + 22 + self.random.random() * 7, lambda n=n: self.kill(n)) for n in range(self.o.kills)]
        start, self.calm_until = time.monotonic(), time.time() + CALM
        for at, what in sorted(plan, key=lambda p: p[0]):
            time.sleep(max(0, start + at - time.monotonic()))
            what()
        time.sleep(3)

    def postgres_slow_then_away(self):
        self.set_slow(self.o.slow_ms)
        time.sleep(3)
        self.stack.stop_postgres("immediate")
        time.sleep(2)
        self.stack.start_postgres()
        self.set_slow(0)

    def kafka_away(self):
        self.stack.kill_kafka()
        time.sleep(2)
        self.stack.start_kafka()

    def kafka_stalled(self):
        self.stack.kill_kafka(signal.SIGSTOP)
        time.sleep(3)
        self.stack.kill_kafka(signal.SIGCONT)

    def set_slow(self, ms):
        with self.stack.sql(autocommit=True) as db:
            db.execute("update bench.slow set ms = %s", (ms,))

    def rows(self):
        """{id: when it was written}"""
        what = ("select convert_from(data, 'UTF8')::json->>'id', created_at from cellcast.message where channel like 'default/path-%'"
                if self.name == "ours" else f"select id, created_at from {self.table}")
        with self.stack.sql() as db:
            return {id: at.timestamp() for id, at in db.execute(what).fetchall()}

    def finish(self):
        publisher = self.processes.pop("publisher")
        publisher.send_signal(signal.SIGTERM)
        publisher.wait(30)
        settled = {"since": time.monotonic(), "state": None}

        def quiet():
            state = (len(self.rows()), [len(s) for s in self.listener.sets()])
            if state != settled["state"]:
                settled.update(since=time.monotonic(), state=state)
            return time.monotonic() - settled["since"] > 3

        wait_until(quiet, 60, "nothing moves any more", every=0.3)
        for process in self.processes.values():
            process.kill()
            process.wait()
        return self.judge()

    def judge(self):
        rows, acked, tried, refused, calm = self.rows(), {}, set(), {}, []
        for line in self.logs.read_text().splitlines():
            kind, id, *rest = line.split(" ", 3)
            if kind == "T":
                tried.add(id)
            elif kind == "A":
                acked[id] = float(rest[0])
                if float(rest[1]) < self.calm_until:
                    calm.append(acked[id])
            else:
                refused[id] = rest[1:]
        found = defaultdict(int)
        early, ghosts = [], Counter()
        for seen in self.listener.sets():
            times = Counter(id for id, _ in seen)
            found["ghosts"] += sum(id not in rows for id in times)
            ghosts.update("acknowledged" if id in acked else " ".join(refused.get(id, ["killed"])) for id in times if id not in rows)
            found["rows_never_delivered"] += sum(id not in times for id in rows)
            found["acknowledged_never_delivered"] += sum(id not in times for id in acked)
            found["repeats"] += sum(n - 1 for n in times.values())
            early += [rows[id] - at for id, at in seen if id in rows]
        found["acknowledged_without_row"] = sum(id not in rows for id in acked)
        told = {id for seen in self.listener.sets() for id, _ in seen} | set(rows)
        found["refused_yet_there"] = sum(id in told for id in refused)

        def at(seconds, q):
            ms = sorted(1000 * s for s in seconds)
            return round(ms[min(len(ms) - 1, int(q * len(ms)))], 2) if ms else None

        return {"tried": len(tried), "acknowledged": len(acked), "refused": len(refused), "rows": len(rows), **found, "ghosts_were_told": dict(ghosts),
                "row_after_delivery_ms_max": round(max(0, 1000 * max(early, default=0)), 1),
                "calm_ms_p50": at(calm, 0.5), "calm_ms_p99": at(calm, 0.99),
                "publish_ms_p50": at(acked.values(), 0.5), "publish_ms_p99": at(acked.values(), 0.99), "publish_ms_max": at(acked.values(), 1)}

    def run(self):
        self.prepare()
        try:
            self.faults()
            return self.finish()
        finally:
            for process in self.processes.values():
                process.kill()
            self.listener.stop()


COLUMNS = (("acknowledged", "acked"), ("ghosts", "ghosts"), ("rows_never_delivered", "rows lost"), ("acknowledged_never_delivered", "acks lost"),
           ("acknowledged_without_row", "acks w/o row"), ("repeats", "repeats"), ("refused_yet_there", "refused, yet there"),
           ("row_after_delivery_ms_max", "row late by ms"), ("calm_ms_p50", "calm p50 ms"), ("calm_ms_p99", "p99 ms"),
           ("publish_ms_p50", "faults p50 ms"), ("publish_ms_p99", "p99 ms"))


def table(results):
    lines = [f"{'':14}" + "".join(f"{title:>{len(title) + 3}}" for _, title in COLUMNS)]
    for name, r in results.items():
        lines.append(f"{name:14}" + "".join(f"{r[key]:>{len(title) + 3}}" for key, title in COLUMNS))
    return "\n".join(lines)


def main():
    o = arguments()
    stack, results = Stack(), {}
    try:
        stack.start()
        with stack.sql(autocommit=True) as db:
            db.execute(FAULTS)
        for name in o.ways.split(","):
            if name != "ours" and "cell" in stack.kept:
                for part in ("cell", "relay", "sequencer"):
                    stack.end(part)
            say(f"{name} …")
            results[name] = Way(name, stack, o).run()
            say(json.dumps(results[name]))
        say(table(results))
    finally:
        stack.stop()
    print(json.dumps({"ways": results, "options": vars(o)}))
    wrong = ("ghosts", "rows_never_delivered", "acknowledged_never_delivered", "acknowledged_without_row", "repeats")
    if "ours" in results and any(results["ours"][key] for key in wrong):
        sys.exit("ours lost, invented or repeated something")


main()
