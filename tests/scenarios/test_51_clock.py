"""The database's clock jumps, sequencers start anew meanwhile, and it is put right again: everybody publishes as before."""

from pathlib import Path

import pytest

from sdk import Person
from stack import REPO, Stack, wait_until

STEPS = [("+1h", False), ("+1h", True), ("+0", False), ("+0", True), ("-3h", True)]  # the clock, and whether the sequencer is killed


class ClockStack(Stack):
    """One whose PostgreSQL believes a file about the time (libfaketime)."""

    def set_clock(self, offset):
        """As in "+1h"."""
        (self.home / "clock").write_text(offset)

    def start_postgres(self):
        self.set_clock("+0")
        self.tool(REPO / "deploy/postgres/server", "start", self.pg_port, self.home / "postgres",
                  env={"LD_PRELOAD": str(next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), "FAKETIME_NO_CACHE": "1",
                       "FAKETIME_TIMESTAMP_FILE": str(self.home / "clock"), "FAKETIME_DONT_FAKE_MONOTONIC": "1"})


@pytest.fixture
def cell():
    s = ClockStack(gateways=1, workers=1)
    try:
        yield s.start()
    finally:
        s.stop()


def kill_sequencer(cell, key):
    """-> when another one leads"""
    cell.kill("sequencer")
    wait_until(lambda: cell.publish("other", "it leads", idempotency_key=key), 40, "a sequencer leads")


async def test_clients_publish_and_ids_ascend_whatever_the_clock_does(cell):
    person = await Person(cell.ws()).connect()
    heard = await person.subscribe("clock")
    sent = []
    for clock, killed in STEPS:
        cell.set_clock(clock)
        if killed:
            kill_sequencer(cell, clock)
        for n in range(20):
            sent.append(f"{clock} {killed} {n}")
            await person.subs["clock"].publish(sent[-1])
        await heard.wait_for(len(sent))  # so that its gateway has shown it the newest id
    assert heard.publications == sent and heard.offsets == list(range(1, len(sent) + 1))
    ids = [id for _, id, _ in cell.rows("default/clock")]
    assert ids == sorted(ids) and len(set(ids)) == len(sent)
    with cell.sql() as db:
        ahead = db.execute("select extract(epoch from to_timestamp(1704067200 + (%s >> 21) / 1000.0) - clock_timestamp())", (ids[-1],)).fetchone()[0]
    assert 3 * 3600 < ahead < 5 * 3600  # an hour when the sequencer began under a wrong clock, and three by which it is wrong now
    await person.close()


def test_who_tries_again_when_the_clock_has_jumped_publishes_once(cell):
    first = cell.publish("retried", "x", idempotency_key="k")
    cell.set_clock("+1h")
    wait_until(lambda: cell.publish("other", "y") and cell.said("sequencer", "event=clock_jumped"), 20, "the sequencer has seen the jump")
    with cell.sql() as db:
        removed = db.execute("select cellcast.sweep(1000)").fetchone()[0]
    assert removed == 0
    assert cell.publish("retried", "x", idempotency_key="k") == first
    assert len(cell.rows("default/retried")) == 1
