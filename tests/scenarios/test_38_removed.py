"""A channel's history is removed at one place among its publications: for history calls, for who recovers, on every gateway."""

import asyncio

import pytest

from sdk import JsPerson, Person, Raw
from stack import wait_until


def shown(stack, channel, **fields):
    result = stack.api("history", {"channel": channel, "limit": 100, **fields}).json()["result"]
    return [p["data"] for p in result["publications"]], result["offset"]


def remove(stack, channel, how):
    if how == "api":
        assert stack.api("history_remove", {"channel": channel}).json() == {"result": {}}
    else:
        with stack.sql(autocommit=True) as sql:
            sql.execute("select cellcast.history_remove(%s)", (channel,))


async def resubscribe(stack, gateway, channel, offset, epoch, flag=0):
    raw = await Raw.open(stack.ws(gateway))
    await raw.connect()
    reply = await raw.ask({"id": 2, "subscribe": {"channel": channel, "recover": True, "offset": offset, "epoch": epoch, "flag": flag}})
    await raw.close()
    return reply


@pytest.mark.parametrize("how", ["api", "sql"])
async def test_what_was_before_is_gone_and_what_comes_after_is_not(stack, channel, how):
    live = await Person(stack.ws(1)).connect()
    recorder = await live.subscribe(channel)
    places = [stack.publish(channel, n) for n in range(5)]
    await recorder.wait_for(5)
    await asyncio.to_thread(remove, stack, channel, how)
    await asyncio.to_thread(wait_until, lambda: shown(stack, channel) == ([], 6), 20, "nothing is shown")
    for n in (5, 6):
        stack.publish(channel, n)
    await recorder.wait_for(7)
    assert recorder.publications == list(range(7)) and recorder.offsets == [1, 2, 3, 4, 5, 7, 8] and recorder.events == []
    assert await asyncio.to_thread(shown, stack, channel) == ([5, 6], 8)
    assert await asyncio.to_thread(shown, stack, channel, reverse=True) == ([6, 5], 8)
    epoch = places[0]["epoch"]
    for gateway in (1, 2, 3):
        whole = (await resubscribe(stack, gateway, channel, 5, epoch))["subscribe"]
        assert whole["recovered"] and [p["data"] for p in whole["publications"]] == [5, 6], whole
        part = (await resubscribe(stack, gateway, channel, 4, epoch))["subscribe"]
        assert not part.get("recovered", False) and part["offset"] == 8 and "publications" not in part, part
        assert (await resubscribe(stack, gateway, channel, 4, epoch, flag=2))["error"]["code"] == 112
    await live.close()


async def test_what_is_removed_at_once_ends_nobodys_subscription(stack, channel):
    live = [await Person(stack.ws(n)).connect() for n in (1, 2, 3)]
    recorders = [await person.subscribe(channel) for person in live]

    def say_and_remove():
        with stack.sql() as sql:
            sql.execute("select cellcast.publish(%s, '1')", (channel,))
            sql.execute("select cellcast.history_remove(%s)", (channel,))

    for _ in range(5):
        await asyncio.to_thread(say_and_remove)
    stack.publish(channel, 2)
    for recorder in recorders:
        await recorder.wait_for(6)
        assert sorted(recorder.publications) == [1] * 5 + [2] and recorder.recovered == [(False, False)]
    for person in live:
        await person.close()


async def test_rows_are_deleted_and_a_worker_that_starts_anew_shows_none(stack, channel):
    for n in range(5):
        place = stack.publish(channel, n)
    await asyncio.to_thread(remove, stack, channel, "api")
    stack.publish(channel, "after")
    with stack.sql(autocommit=True) as sql:
        full = f"default/{channel}"
        sql.execute("update cellcast.history_floor set at = at - interval '1 hour' where channel = %s", (full,))

        def swept(rows):
            sql.execute("select cellcast.sweep_removed(%s)", (rows,))
            return sql.execute("select swept from cellcast.history_floor where channel = %s", (full,)).fetchone()[0]

        swept(3)
        await asyncio.to_thread(wait_until, lambda: swept(1000), 20, "the relay is past it, and the rows are gone")
        assert sql.execute("select count(*) from cellcast.message where channel = %s", (full,)).fetchone() == (2,)
    for n in range(1, stack.workers + 1):
        old = stack.pid(f"worker-{n}")
        stack.kill(f"worker-{n}")
        await asyncio.to_thread(stack.wait_back, f"worker-{n}", old)
    await asyncio.to_thread(stack.wait_ready)
    await asyncio.to_thread(wait_until, lambda: shown(stack, channel) == (["after"], 7), 20, "only what came after is shown")
    part = (await resubscribe(stack, 2, channel, 3, place["epoch"]))["subscribe"]
    assert not part.get("recovered", False) and part["offset"] == 7


def test_npm_loads_its_state_anew(stack, channel):
    place = stack.publish(channel, 0)
    person = JsPerson()
    person.send(op="connect", url=stack.ws(1))
    states = [place, {**place, "offset": 4}]
    person.send(op="subscribe", channel=channel, states=states, options={"minResubscribeDelay": 1, "maxResubscribeDelay": 50})
    person.wait_event("subscribed")
    person.send(op="disconnect")
    person.wait_event("disconnected")
    stack.publish(channel, 1)
    remove(stack, channel, "api")
    stack.publish(channel, 2)
    person.send(op="reconnect")
    person.wait(lambda e: len([x for x in list(person.events) if x["event"] == "subscribed"]) == 2)
    assert [e["offset"] for e in person.events if e["event"] == "get_state"] == [1, 4]
    stack.publish(channel, 3)
    person.wait(lambda e: e["event"] == "publication" and e["data"] == 3)
    assert [e["data"] for e in person.publications(channel)] == [3]
    person.close()


def test_what_cannot_be_removed_says_so(stack):
    for channel, code in (("quiet:x", 108), ("typing:x", 108), ("nope:x", 102), ("", 107), ("cellcast/x", 103)):
        assert stack.api("history_remove", {"channel": channel}).json()["error"]["code"] == code, channel
    with stack.sql(autocommit=True) as sql:
        for channel in ("typing:x", "nope:x", None):
            with pytest.raises(Exception, match="cellcast"):
                sql.execute("select cellcast.history_remove(%s)", (channel,))
