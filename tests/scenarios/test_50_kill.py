"""kill -9 of any process: delivery goes on by itself, and nobody loses, repeats, invents or reorders anything."""

import asyncio
import random
import threading
import time
from pathlib import Path

import pytest

from sdk import Person

from checker import Observed, Published, check  # noqa: E402


class Load:
    """Publishers by SQL and by API, one of ten transactions rolled back, and subscribers on all gateways."""

    def __init__(self, stack, prefix, channels=10):
        self.stack, self.channels = stack, [f"{prefix}-{n}" for n in range(channels)]
        self.published, self.stopping, self.threads = Published(), threading.Event(), []
        self.people = []

    async def start(self, subscribers=30):
        for n in range(subscribers):
            person = await Person(self.stack.ws(), min_reconnect_delay=0.05, max_reconnect_delay=0.5).connect()
            for channel in random.sample(self.channels, 3):
                await person.subscribe(channel)
            self.people.append(person)
        for n in range(4):
            thread = threading.Thread(target=self._publish, args=(n,), daemon=True)
            thread.start()
            self.threads.append(thread)

    def _publish(self, number):
        n = 0
        while not self.stopping.is_set():
            n += 1
            channel, data = random.choice(self.channels), f"{number}-{n}"
            try:
                if number % 2:
                    self._transaction(channel, data, roll_back=n % 10 == 0)
                else:
                    self.published.tried(channel, data)
                    result = self.stack.publish(channel, data, idempotency_key=data)
                    self.published.acknowledged(channel, data, result["offset"])
            except Exception:
                time.sleep(0.05)  # the outcome is unknown: it may be there or not, and the checker knows that
            time.sleep(0.005)

    def _transaction(self, channel, data, roll_back):
        with self.stack.sql() as db:
            db.execute("select cellcast.publish(%s, to_json(%s::text))", (channel, data))
            if roll_back:
                self.published.rolled_back(channel, data)
                db.rollback()
            else:
                self.published.tried(channel, data)
                db.commit()
                self.published.acknowledged(channel, data, None)

    async def finish(self):
        self.stopping.set()
        await asyncio.to_thread(lambda: [t.join() for t in self.threads])
        for channel in self.channels:
            await asyncio.to_thread(self._mark, channel)
        rows = await asyncio.to_thread(self._settled)
        for person in self.people:
            for channel, recorder in person.recorders.items():
                await recorder.wait_for(len(rows[channel]), 30)
        observed = [Observed(c, r.offsets, r.publications, r.recovered) for p in self.people for c, r in p.recorders.items()]
        for person in self.people:
            await person.close()
        return check(self.published, rows, observed)

    def _settled(self):
        """All that was committed, once nothing is on its way any more: neither rows of the outbox, which a mark may overtake,
        nor publishes without an answer, which their gateway sends again for a while."""
        before, since = None, time.monotonic()
        while time.monotonic() - since < 60:
            with self.stack.sql() as db:
                waiting = db.execute("select count(*) from cellcast.outbox").fetchone()[0]
            rows = {c: self.stack.rows(f"default/{c}") for c in self.channels}
            if rows == before and not waiting:
                return rows
            before = rows
            time.sleep(0.5)
        raise AssertionError(f"{waiting} rows of the outbox wait, and new rows keep coming")

    def _mark(self, channel):
        self.published.tried(channel, "mark")
        for _ in range(100):
            try:
                result = self.stack.publish(channel, "mark", idempotency_key="mark")
                self.published.acknowledged(channel, "mark", result["offset"])
                return result
            except Exception:
                time.sleep(0.1)
        raise AssertionError("no publish goes through any more")


def is_alive(pid):
    """A zombie that nobody has waited for yet is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("name", ["gateway-1", "worker-1", "sequencer", "relay"])
async def test_killed_and_nothing_is_lost_repeated_invented_or_reordered(stack, channel, name):
    load = Load(stack, channel)
    await load.start()
    for _ in range(3):
        await asyncio.sleep(1)
        old = stack.pid(name)
        stack.kill(name)
        await asyncio.to_thread(stack.wait_back, name, old)
    await asyncio.sleep(1)
    violations = await load.finish()
    assert violations == []
    await asyncio.to_thread(stack.wait_ready)


async def test_the_supervisor_killed_takes_its_children_along_and_the_cell_starts_anew(stack, channel):
    load = Load(stack, channel, channels=3)
    await load.start(subscribers=9)
    await asyncio.sleep(1)
    old = stack.pid("cell")
    children = [p["pid"] for p in stack.status()["processes"]]
    stack.kill("cell")
    await asyncio.to_thread(stack.wait_back, "cell", old)
    await asyncio.to_thread(stack.wait_ready)
    assert not [pid for pid in children if is_alive(pid)]
    assert await load.finish() == []


async def test_kafka_killed_and_back(stack, channel):
    load = Load(stack, channel)
    await load.start()
    await asyncio.sleep(1)
    stack.kill_kafka()
    await asyncio.sleep(2)
    await asyncio.to_thread(stack.start_kafka)
    await asyncio.sleep(1)
    assert await load.finish() == []
    await asyncio.to_thread(stack.wait_ready)


async def test_postgresql_crashed_and_back(stack, channel):
    load = Load(stack, channel)
    await load.start()
    await asyncio.sleep(1)
    await asyncio.to_thread(stack.stop_postgres, "immediate")
    await asyncio.sleep(1)
    await asyncio.to_thread(stack.start_postgres)
    await asyncio.sleep(1)
    assert await load.finish() == []
    await asyncio.to_thread(stack.wait_ready)
