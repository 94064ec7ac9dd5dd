"""The publishing process of bench_storage_path.py: threads that publish one message after the other, each in the way named.
storage_publisher.py '{"way":…,"name":…,"rate":…,"threads":…,"log":…,…}'; ended by SIGTERM, or killed.

What became of each message is appended to the log, a line per write, so that a killed process leaves what it knew:
    T id                tried
    A id seconds when   acknowledged, after so long
    R id seconds why    refused, or the outcome is not known"""

import http.client
import json
import os
import signal
import sys
import threading
import time

import confluent_kafka
import psycopg

TIMEOUT = 2.0  # s, of everything that is waited for


class Refused(Exception):
    pass


class Broker:
    """A producer as an application would set it up: idempotent, acks=all."""

    def __init__(self, o):
        self.topic = o["topic"]
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": o["kafka"], "enable.idempotence": True, "linger.ms": 0, "max.in.flight": 1,
            "message.timeout.ms": int(TIMEOUT * 1000), "reconnect.backoff.max.ms": 200, "log_level": 0})
        threading.Thread(target=self._poll, daemon=True).start()

    def _poll(self):
        while True:
            self.producer.poll(0.1)

    def produce(self, channel, data):
        """Returns when the broker has it."""
        done, answer = threading.Event(), []
        self.producer.produce(self.topic, data, channel, on_delivery=lambda error, _: (answer.append(error), done.set()))
        if not done.wait(2 * TIMEOUT) or answer[0]:
            raise Refused(f"broker: {answer[0].name() if answer else 'silent'}")


class Table:
    """A connection of one thread, made anew when it broke; a row, numbered within its channel."""

    def __init__(self, o):
        self.conninfo, self.table, self.db = o["postgres"], o["table"], None

    def open(self):
        if self.db is None or self.db.closed:
            self.db = psycopg.connect(self.conninfo, connect_timeout=2)
        return self.db

    def insert(self, channel, data):
        self.db.execute(f"insert into {self.table}_head as h values (%s, 1) on conflict (channel) do update set seq = h.seq + 1", (channel,))
        self.db.execute(f"insert into {self.table} (id, data) values (%s, %s)", (json.loads(data)["id"], data))

    def give_up(self):
        try:
            self.db.rollback()
        except Exception:
            self.db.close()


class Ours:
    """POST /api/publish."""

    def __init__(self, o, broker):
        self.address, self.key, self.http = ("127.0.0.1", o["port"]), o["key"], None

    def publish(self, channel, data, id):
        if self.http is None:
            self.http = http.client.HTTPConnection(*self.address, timeout=2 * TIMEOUT)
        try:
            self.http.request("POST", "/api/publish", json.dumps({"channel": channel, "data": json.loads(data), "idempotency_key": id}),
                              {"X-API-Key": self.key})
            answer = json.loads(self.http.getresponse().read())
        except Exception:
            self.http.close()
            self.http = None
            raise
        if "error" in answer:
            raise Refused(f"error {answer['error']['code']}")


class WriteBehind:
    """The broker has it: done. storage_writer.py writes the row."""

    def __init__(self, o, broker):
        self.broker = broker

    def publish(self, channel, data, id):
        self.broker.produce(channel, data)


class DualWrite:
    """Commit, then publish."""

    def __init__(self, o, broker):
        self.table, self.broker = Table(o), broker

    def publish(self, channel, data, id):
        db = self.table.open()
        try:
            self.table.insert(channel, data)
            db.commit()
        except Exception:
            self.table.give_up()
            raise
        self.broker.produce(channel, data)


class CommitWaits:
    """Insert, publish, and commit when the broker has it; roll back when it has not."""

    def __init__(self, o, broker):
        self.table, self.broker = Table(o), broker

    def publish(self, channel, data, id):
        db = self.table.open()
        try:
            self.table.insert(channel, data)
            self.broker.produce(channel, data)
            db.commit()
        except Exception:
            self.table.give_up()
            raise


WAYS = {"ours": Ours, "write-behind": WriteBehind, "dual-write": DualWrite, "commit-waits": CommitWaits}


class Publisher:
    def __init__(self, o):
        self.o, self.stopping = o, threading.Event()
        self.log = os.open(o["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, *words):
        os.write(self.log, (" ".join(map(str, words)) + "\n").encode())

    def one(self, way, id, n):
        data = {"id": id, "text": "x" * 150}
        if n % self.o["refuse_every"] == 0:
            data["refuse"] = True  # the database will not take it
        self.note("T", id)
        start = time.monotonic()
        try:
            way.publish(self.o["channels"][n % len(self.o["channels"])], json.dumps(data), id)
            self.note("A", id, round(time.monotonic() - start, 6), round(time.time(), 3))
        except Exception as error:
            self.note("R", id, round(time.monotonic() - start, 6), type(error).__name__, str(error).split("\n")[0])
            self.stopping.wait(0.02)

    def run(self, thread, broker):
        way, n, pause = WAYS[self.o["way"]](self.o, broker), 0, self.o["threads"] / self.o["rate"]
        due = time.monotonic() + pause * thread / self.o["threads"]
        while not self.stopping.wait(max(0, due - time.monotonic())):
            n += 1
            self.one(way, f"{self.o['name']}-{thread}-{n}", n)
            due = max(due + pause, time.monotonic() - pause)

    def main(self):
        signal.signal(signal.SIGTERM, lambda *_: self.stopping.set())
        broker = None if self.o["way"] == "ours" else Broker(self.o)
        threads = [threading.Thread(target=self.run, args=(n, broker)) for n in range(self.o["threads"])]
        for t in threads:
            t.start()
        while any(t.is_alive() for t in threads):
            time.sleep(0.1)
        os._exit(0)


Publisher(json.loads(sys.argv[1])).main()
