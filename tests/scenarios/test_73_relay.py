"""The relay and the log behind it: a cell's topic gone, the slot lost, Kafka away or without its disk, one record lost,
PostgreSQL promoted, the epoch raised. CELLCAST_LONG=1: the long variants (ten minutes without Kafka)."""

import asyncio
import copy
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import psycopg
import pytest
import requests

from kafka_help import Topics
from sdk import Person
from stack import BUILD, CONFIGURATION, REPO, Stack, wait_until

LONG = bool(os.environ.get("CELLCAST_LONG"))
QUICK = {"min_reconnect_delay": 0.05, "max_reconnect_delay": 0.5}


class RelayStack(Stack):
    """One gateway, one worker, and a relay that sets a topic aside after a second."""

    def __init__(self):
        super().__init__(gateways=1, workers=1)

    def start_relay(self, *more):
        super().start_relay("--park-after=1s", *more)

    def relay(self, name, cell=None):
        """A metric of the relay."""
        text = requests.get(f"http://127.0.0.1:{self.relay_admin}/metrics", timeout=5).text
        for line in text.splitlines():
            if re.match(rf"cellcast_{name}\{{", line) and (cell is None or f'cell="{cell}"' in line):
                return float(line.rsplit(" ", 1)[1])
        raise KeyError(name)

    def source(self):
        return requests.get(f"http://127.0.0.1:{self.relay_admin}/ready", timeout=5).json()["source"]

    def wait_source(self, *states, seconds=20):
        return wait_until(lambda: self.source() in states, seconds, f"the relay is {states}", every=0.01)


@pytest.fixture(scope="module")
def stack():
    s = RelayStack()
    try:
        s.start()
        yield s
    finally:
        s.stop()


class Flow:
    """Publishes by SQL at a rate, from a thread; what was committed is in `sent`."""

    def __init__(self, stack, channels, rate=100):
        self.stack, self.channels, self.rate = stack, channels, rate
        self.sent, self.stopping = 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with self.stack.sql(autocommit=True) as db:
            while not self.stopping.is_set():
                db.execute("select cellcast.publish(%s, to_json(%s::bigint))", (self.channels[self.sent % len(self.channels)], time.time_ns()))
                self.sent += 1
                time.sleep(1 / self.rate)

    def finish(self):
        self.stopping.set()
        self.thread.join()
        return self.sent


def latencies_ms(recorder, first=0):
    return sorted((at - int(data)) / 1e6 for at, data in zip(recorder.arrived_ns[first:], recorder.publications[first:]))


def in_order(recorder, n):
    assert recorder.offsets == list(range(1, n + 1))


# ---- one cell's topic


async def test_a_cell_whose_topic_is_gone_is_parked_and_the_other_is_not_moved(stack, channel):
    two = copy.deepcopy(CONFIGURATION)
    two["cells"].append({"name": "b", "partitions": 4})
    two["tenants"][0]["cells"].append("b")
    stack.configure(two)
    topics, topic = Topics(stack.kafka), "cellcast.b"
    try:
        await asyncio.to_thread(wait_until, lambda: topics.partitions(topic) == 4, 20, "the relay has made b's topic")
        person = await Person(stack.ws(), **QUICK).connect()
        recorder = await person.subscribe(channel)
        flow = Flow(stack, [channel])
        await recorder.wait_for(50)
        await asyncio.to_thread(topics.read, topic, lambda records: sum(r.channel == f"default/{channel}" for r in records) >= 20)
        await asyncio.to_thread(wait_until, lambda: stack.sql().execute("select count(*) from cellcast.relay_progress where cell = 'b'").fetchone()[0] == 64)

        before = len(recorder.publications)
        await asyncio.to_thread(topics.make_wrong, topic)
        await asyncio.to_thread(wait_until, lambda: stack.relay("relay_cells_parked") == 1, 10, "b is parked")
        during = len(recorder.publications)
        assert requests.get(f"http://127.0.0.1:{stack.relay_admin}/ready", timeout=5).status_code == 200
        await asyncio.sleep(1)
        old = stack.pid("relay")  # and what is known of it outlives the process
        await asyncio.sleep(2.5)
        unmoved = latencies_ms(recorder, before)
        stack.kill("relay")
        await asyncio.to_thread(stack.wait_back, "relay", old)
        await asyncio.to_thread(wait_until, lambda: stack.relay("relay_cells_parked") == 1, 10, "b is still parked")

        sent = await asyncio.to_thread(flow.finish)
        await recorder.wait_for(sent)
        in_order(recorder, sent)
        assert unmoved[int(len(unmoved) * 0.99)] < 1000, f"p99 {unmoved[int(len(unmoved) * 0.99)]} ms"
        assert stack.relay("relay_lag_ms", "b") > 0

        await asyncio.to_thread(topics.delete, topic)
        await asyncio.to_thread(wait_until, lambda: topics.partitions(topic) == 4, 20, "the relay has made it again")
        await asyncio.to_thread(wait_until, lambda: stack.relay("relay_cells_parked") == 0, 20, "b has rejoined")
        stack.publish(channel, 0)
        await recorder.wait_for(sent + 1)

        def mine(records):
            return [r for r in records if r.channel == f"default/{channel}"]

        records = await asyncio.to_thread(topics.read, topic, lambda records: any(r.seq == sent + 1 for r in mine(records)))
        seqs = [r.seq for r in mine(records)]
        assert seqs == sorted(seqs) and len(set(seqs)) == len(seqs)
        assert seqs == list(range(seqs[0], sent + 2)) and seqs[0] <= during
        ids = [r.id for r in mine(records)]
        assert ids == sorted(ids)
        await person.close()
    finally:
        stack.configure(CONFIGURATION)
