"""A client that was away for long gets everything, as far back as the retention, though every process was restarted meanwhile;
`recovered: false` only where that is the truth. CELLCAST_FAR: how much is missed at most."""

import asyncio
import os
import time

import pytest

from sdk import JsPerson, Person, Raw
from stack import wait_until
from switch import Switch

FAR = int(os.environ.get("CELLCAST_FAR", 20000))


def publish_many(stack, channel, first, n):
    """n publications by one transaction, and waits until they are in the log."""
    with stack.sql() as db:
        db.execute("select count(cellcast.publish(%s, to_json(i))) from generate_series(%s::int, %s::int) i", (channel, first, first + n - 1))
    with stack.sql(autocommit=True) as db:
        there = lambda: db.execute("select seq from cellcast.channel_head where channel = %s", (f"default/{channel}",)).fetchone()
        wait_until(lambda: there() and there()[0] >= first + n - 1, 60 + n / 500, f"{n} rows are taken from the outbox")


def restart_everything(stack):
    """kill -9 of all processes of ours, PostgreSQL and Kafka ended at once."""
    for name in ("relay", "sequencer", "cell"):
        stack.kill(name)
    stack.kill_kafka()
    stack.stop_postgres("immediate")
    stack.start_postgres()
    time.sleep(0.3)
    stack.start_kafka()
    wait_until(stack.is_ready, 60, "the cell is ready")


async def recover(raw, id, channel, offset, epoch, total, seconds):
    """Everything behind offset: first ones in the reply, the others as pushes. -> the reply, offsets"""
    result = (await raw.ask({"id": id, "subscribe": {"channel": channel, "recover": True, "epoch": epoch, "offset": offset}}))["subscribe"]
    publications, end = list(result.get("publications", [])), time.monotonic() + seconds
    while offset + len(publications) < total:
        assert time.monotonic() < end, f"{len(publications)} of {total - offset} in {seconds} s"
        message = await raw.receive(seconds)
        if "push" in message:
            publications.append(message["push"]["pub"])
        elif not message:
            await raw.send("{}")
    assert [p["data"] for p in publications] == [p["offset"] for p in publications] == list(range(offset + 1, total + 1))
    return result


@pytest.mark.timeout(300)
async def test_everything_that_was_missed_comes_in_order_after_every_process_was_restarted(stack, channel):
    counts = [10, 1000, FAR]
    names = {n: f"{channel}-{n}" for n in counts}
    switch = await Switch("127.0.0.1", stack.port).start()
    person = await Person(switch.url, min_reconnect_delay=0.05, max_reconnect_delay=0.5).connect()
    js = JsPerson()
    js.send(op="connect", url=switch.url, options={"minReconnectDelay": 50, "maxReconnectDelay": 500})
    recorders = {}
    for n, name in names.items():
        recorders[n] = await person.subscribe(name)
        js.send(op="subscribe", channel=name)
        await asyncio.to_thread(js.wait, lambda e, c=name: e["event"] == "subscribed" and e["channel"] == c)
        stack.publish(name, 1)
        await recorders[n].wait_for(1)
        await asyncio.to_thread(js.wait, lambda e, c=name: e["event"] == "publication" and e["channel"] == c)
    raw = await Raw.open(stack.ws(1))
    await raw.connect()
    epoch = (await raw.ask({"id": 2, "subscribe": {"channel": names[10]}}))["subscribe"]["epoch"]
    await raw.close()
    switch.refusing = True
    switch.cut()
    for n, name in names.items():
        await asyncio.to_thread(publish_many, stack, name, 2, n)
    await asyncio.to_thread(restart_everything, stack)

    switch.refusing = False
    for n, name in names.items():
        raw = await Raw.open(stack.ws(2), max_size=None)
        await raw.connect()
        result = await recover(raw, 2, name, 1, epoch, n + 1, 60 + n / 500)
        assert result["recovered"] and result["was_recovering"] and result["offset"] == 1, result
        await raw.close()
        await recorders[n].wait_for(n + 1, 60 + n / 500)
        assert recorders[n].publications == recorders[n].offsets == list(range(1, n + 2))
        assert recorders[n].recovered == [(False, False), (True, True)]
        await asyncio.to_thread(js.wait, lambda e, c=name, last=n + 1: e["event"] == "publication" and e["channel"] == c and e["data"] == last, 60 + n / 500)
        assert [e["data"] for e in js.publications(name)] == list(range(1, n + 2))
        again = [e for e in js.events if e["event"] == "subscribed" and e["channel"] == name]
        assert [(e["wasRecovering"], e["recovered"]) for e in again] == [(False, False), (True, True)]
    await person.close()
    js.close()
    await switch.stop()


async def test_recovery_is_refused_only_for_what_the_retention_has_passed(stack, channel):
    """The first rows go, as a dropped partition takes them; from behind them it is still recovered."""
    await asyncio.to_thread(publish_many, stack, channel, 1, 600)
    raw = await Raw.open(stack.ws(1))
    await raw.connect()
    result = (await raw.ask({"id": 2, "subscribe": {"channel": channel}}))["subscribe"]
    epoch = result["epoch"]
    await raw.close()
    with stack.sql() as db:
        db.execute("delete from cellcast.message where channel = %s and seq <= 300", (f"default/{channel}",))
    raw = await Raw.open(stack.ws(2), max_size=None)
    await raw.connect()
    ask = {"channel": channel, "recover": True, "epoch": epoch, "offset": 100}
    refused = (await raw.ask({"id": 2, "subscribe": ask}))["subscribe"]
    assert refused["was_recovering"] and not refused.get("recovered", False) and "publications" not in refused, refused
    assert refused["offset"] == 600
    await raw.ask({"id": 3, "unsubscribe": {"channel": channel}})
    result = await recover(raw, 4, channel, 300, epoch, 600, 30)
    assert result["recovered"] and result["offset"] == 300
    await raw.close()
