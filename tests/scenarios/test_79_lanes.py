"""Lanes: a channel gets a partition of its own, and loses it again, while publications run."""

import asyncio

import psycopg
import pytest

from kafka_help import Topics
from sdk import Person
from stack import BUILD, wait_until

HASHED = 4


def ctl(stack, *words, check=True):
    return stack.tool(BUILD / "supervisor/cellcastctl", f"--postgres={stack.pg}", *words, check=check)


def lanes(stack):
    return stack.status()["map"]["lanes"]


def give_lane(stack, channel, number):
    """... and waits until the cell's map has it."""
    assert ctl(stack, "lane", channel, str(number)).stdout == f"default/{channel}: lane {number}\n"
    wait_until(lambda: lanes(stack) == number, 20, "the map has the lane")


@pytest.fixture
def hot(stack, channel):
    yield channel
    ctl(stack, "lane", channel, "0")
    wait_until(lambda: lanes(stack) == 0, 20, "the lane is gone")


async def test_a_channel_changes_lanes_under_publications_and_nothing_is_lost(stack, hot):
    quiet = f"{hot}-quiet"
    people = [await Person(stack.ws(gateway)).connect() for gateway in range(1, stack.gateways + 1)]
    recorders = [await p.subscribe(channel) for p in people for channel in (hot, quiet)]
    published, going = 0, True

    def publish():
        nonlocal published
        with stack.sql(autocommit=True) as db:
            while going:
                for channel in (hot, quiet):
                    db.execute("select cellcast.publish(%s, %s)", (channel, f'{{"n":{published}}}'))
                published += 1

    publishing = asyncio.create_task(asyncio.to_thread(publish))
    try:
        for number in (1, 2, 0, 1):
            await asyncio.to_thread(give_lane, stack, hot, number)
            before = published
            await asyncio.to_thread(wait_until, lambda: published > before + 50 or publishing.done(), 20, "publications go on")
    finally:
        going = False
        await publishing
    for recorder in recorders:
        await recorder.wait_for(published, 30)
        assert recorder.offsets == list(range(1, published + 1))
        assert [p["n"] for p in recorder.publications] == list(range(published))
    for person in people:
        await person.close()
    full = f"default/{hot}"
    records = await asyncio.to_thread(Topics(stack.kafka).read, "cellcast.a",
                                      lambda all: len({r.seq for r in all if r.channel == full}) == published)
    of_channel = {name: {r.partition for r in records if r.channel == f"default/{name}"} for name in (hot, quiet)}
    assert {HASHED, HASHED + 1} < of_channel[hot] and min(of_channel[hot]) < HASHED
    assert len(of_channel[quiet]) == 1 and min(of_channel[quiet]) < HASHED


async def test_presence_history_and_ephemeral_publications_follow_the_lane(stack, hot):
    typing = f"typing:{hot}"
    person = await Person(stack.ws(1)).connect()
    recorder = await person.subscribe(typing)
    await person.subscribe(hot)
    await asyncio.to_thread(stack.publish, hot, {"n": 1})
    await asyncio.to_thread(give_lane, stack, hot, 1)
    assert ctl(stack, "lane", typing, "1").stdout == f"default/{typing}: lane 1\n"
    await asyncio.to_thread(wait_until, lambda: stack.publish(typing, {"n": 1}) == {} and recorder.publications, 20, "it arrives by its lane", 0.2)
    assert list((await person.subs[hot].history(limit=10)).publications)[0].data == {"n": 1}

    def present():
        return stack.api("presence", {"channel": hot}).json()["result"]["presence"]
    await asyncio.to_thread(wait_until, lambda: len(present()) == 1, 20, "presence is told anew")
    await person.close()
    ctl(stack, "lane", typing, "0")


def test_what_is_no_lane_is_refused_and_changes_nothing(stack, hot):
    for words, why in (((hot, "65"), "a lane is a number from 1 to 64, or 0: none"), (("cellcast/canary-a-0", "1"), "tenant cellcast is reserved"),
                       (("with space", "1"), "is no channel name")):
        refused = ctl(stack, "lane", *words, check=False)
        assert refused.returncode == 1 and why in refused.stderr
    assert ctl(stack, "lane", hot, "first", check=False).returncode == 2
    with stack.sql() as db:
        assert db.execute("select count(*) from cellcast.lane where channel like '%%' || %s", (hot,)).fetchone() == (0,)
        with pytest.raises(psycopg.errors.CheckViolation):
            db.execute("insert into cellcast.lane values ('default/x', 'default', 65)")
