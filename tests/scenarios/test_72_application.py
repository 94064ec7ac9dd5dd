"""The application's own transactions as publishers: long ones, many at once, rolled back in parts, refused, and rows that
turn out to be unacceptable after their commit. CELLCAST_TRANSACTIONS=10000 CELLCAST_CONNECTIONS=300 for the large run."""

import asyncio
import os
import threading
import time

import psycopg
import pytest
import requests

from sdk import Person
from stack import wait_until

TRANSACTIONS = int(os.environ.get("CELLCAST_TRANSACTIONS", 1000))
CONNECTIONS = int(os.environ.get("CELLCAST_CONNECTIONS", 50))

SQL = "select cellcast.publish(%s, to_json(%s::text))"


def metric(stack, name):
    text = requests.get(f"http://127.0.0.1:{stack.sequencer_admin}/metrics", timeout=5).text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"cellcast_sequencer_{name}{{"))


async def test_a_transaction_that_stays_open_holds_nobody_back(stack, channel):
    person = await Person(stack.ws()).connect()
    recorder = await person.subscribe(channel)
    with stack.sql() as slow:
        slow.execute(SQL, (channel, "slow"))
        began, late = time.monotonic(), 0
        while time.monotonic() - began < 5:
            sent = time.monotonic()
            with stack.sql() as db:
                db.execute(SQL, (channel, "fast"))
            await recorder.wait_for(len(recorder.publications) + 1, 5)
            late += time.monotonic() - sent > 1
            await asyncio.sleep(0.1)
        assert late == 0 and set(recorder.publications) == {"fast"}
        slow.commit()
    await recorder.wait_for(len(recorder.publications) + 1)
    assert recorder.publications[-1] == "slow"
    assert recorder.offsets == list(range(1, len(recorder.offsets) + 1))
    await person.close()


async def test_many_transactions_over_many_connections_arrive_complete_and_in_order(stack, channel):
    person = await Person(stack.ws()).connect()
    recorder = await person.subscribe(channel)

    def application(number):
        with stack.sql() as db:
            for n in range(number, TRANSACTIONS, CONNECTIONS):
                db.execute(SQL, (channel, f"{number}-{n}"))
                db.commit()

    threads = [threading.Thread(target=application, args=(n,)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    await asyncio.to_thread(lambda: [thread.join() for thread in threads])
    await recorder.wait_for(TRANSACTIONS, 20 + TRANSACTIONS / 100)
    assert recorder.offsets == list(range(1, TRANSACTIONS + 1))
    assert sorted(recorder.publications) == sorted(f"{n % CONNECTIONS}-{n}" for n in range(TRANSACTIONS))
    for number in range(CONNECTIONS):  # what one connection committed first comes first
        own = [int(p.split("-")[1]) for p in recorder.publications if p.startswith(f"{number}-")]
        assert own == sorted(own)
    await person.close()


async def test_what_a_savepoint_takes_back_is_not_published(stack, channel):
    with stack.sql() as db:
        db.execute(SQL, (channel, "before"))
        with pytest.raises(psycopg.errors.DivisionByZero), db.transaction():
            db.execute(SQL, (channel, "taken back"))
            db.execute("select 1 / 0")
        db.execute(SQL, (channel, "behind"))
    wait_until(lambda: len(stack.rows(f"default/{channel}")) == 2)
    await asyncio.sleep(0.2)
    assert [data for _, _, data in stack.rows(f"default/{channel}")] == ['"before"', '"behind"']


def test_a_payload_of_two_megabytes_is_refused_in_the_transaction_and_says_why(stack, channel):
    with stack.sql() as db:
        with pytest.raises(psycopg.Error) as refused, db.transaction():
            db.execute(SQL, (channel, "x" * 2_000_000))
        assert refused.value.sqlstate == "ZC107"
        assert refused.value.diag.message_primary == "cellcast.publish: data: 2000002 bytes; 65536 are the most"
        assert refused.value.diag.message_hint == "The transaction publishes nothing."
        db.execute(SQL, (channel, "small"))  # the application goes on behind its savepoint
    wait_until(lambda: len(stack.rows(f"default/{channel}")) == 1)


def test_a_row_that_cannot_be_accepted_later_is_set_aside_with_an_alarm_and_blocks_nobody(stack, channel):
    """Under an older snapshot publish() can't tell whether what is answered exists: the sequencer decides."""
    buried = metric(stack, "outbox_buried_total")
    with stack.sql() as db:
        db.execute("set transaction isolation level repeatable read")
        db.execute("select cellcast.publish(%s, '1', after => array[%s])", (channel, f"{channel}-nobody@7"))
        db.execute(SQL, (channel, "behind it"))
    wait_until(lambda: [data for _, _, data in stack.rows(f"default/{channel}")] == ['"behind it"'])
    with stack.sql() as db:
        code, error = db.execute("select code, error from cellcast.outbox_dead where channel = %s", (f"default/{channel}",)).fetchone()
    assert code == 107 and "does not exist" in error
    assert metric(stack, "outbox_buried_total") == buried + 1
    wait_until(lambda: metric(stack, "outbox_dead_rows") >= 1)  # the gauge that an alarm watches: a human has to look
    assert "level=error" in next(line for line in (stack.log / "sequencer.log").read_text().splitlines() if "event=outbox_buried" in line)
