"""A subscriber that asks for a part of a channel by tags gets that part, and recovers it."""

import json

import pytest
from centrifuge.filter import Filter

from sdk import JsPerson, Person

CHEAP = {"op": "and", "nodes": [{"key": "kind", "cmp": "in", "vals": ["fruit", "nut"]},
                                {"op": "not", "nodes": [{"key": "price", "cmp": "gte", "val": "10"}]}]}


def offers(first, last):
    """(data, tags); prices as texts of different lengths."""
    return [(n, {"kind": ("fruit", "nut", "stone")[n % 3], "price": f"{n % 20}.50"}) for n in range(first, last)]


def is_cheap(n):
    return n % 3 != 2 and n % 20 < 10


def publish_all(stack, channel, offers):
    commands = [{"publish": {"channel": channel, "data": data, "tags": tags}} for data, tags in offers]
    replies = stack.api("batch", {"commands": commands}).json()["replies"]
    assert {"publish"} == set().union(*replies), replies[:2]


def test_npm_gets_what_its_filter_lets_through_live_and_recovered(stack, channel):
    channel = f"tagged:{channel}"
    person = JsPerson()
    person.send(op="connect", url=stack.ws(1))
    person.send(op="subscribe", channel=channel, options={"tagsFilter": CHEAP})
    person.wait_event("subscribed")
    publish_all(stack, channel, offers(0, 60))
    publish_all(stack, channel, [("end of part 1", {"kind": "nut", "price": "0"})])
    person.wait(lambda e: e["event"] == "publication" and e["data"] == "end of part 1")
    person.send(op="disconnect")
    person.wait_event("disconnected")
    publish_all(stack, channel, offers(60, 120))
    person.send(op="reconnect")
    publish_all(stack, channel, [("end", {"kind": "nut", "price": "-1"})])
    person.wait(lambda e: e["event"] == "publication" and e["data"] == "end")
    got = [e["data"] for e in person.publications(channel)]
    assert got == [n for n in range(60) if is_cheap(n)] + ["end of part 1"] + [n for n in range(60, 120) if is_cheap(n)] + ["end"]
    assert [e["recovered"] for e in person.events if e["event"] == "subscribed"] == [False, True]
    offsets = [e["offset"] for e in person.publications(channel)]
    assert offsets == sorted(set(offsets)) and offsets[-1] == 122
    person.close()


@pytest.mark.parametrize("protobuf", [False, True])
async def test_so_does_pypi_beside_one_that_wants_everything(stack, channel, protobuf):
    channel = f"tagged:{channel}"
    person, other = await Person(stack.ws(2), use_protobuf=protobuf).connect(), await Person(stack.ws(2)).connect()
    some = await person.subscribe(channel, tags_filter=Filter.any(Filter.gt("price", "9.5"), Filter.eq("kind", "stone")))
    everything = await other.subscribe(channel)
    publish_all(stack, channel, offers(0, 40) + [("end", {"kind": "stone"})])
    wanted = [n for n in range(40) if n % 20 >= 10 or n % 3 == 2] + ["end"]
    await some.wait_for(len(wanted))
    await everything.wait_for(41)
    assert [json.loads(data) if protobuf else data for data in some.publications] == wanted
    assert everything.publications == list(range(40)) + ["end"]
    await person.close()
    await other.close()


def test_a_filter_that_is_none_is_an_error_that_ends_the_subscription(stack, channel):
    person = JsPerson()
    person.send(op="connect", url=stack.ws(1))
    person.send(op="subscribe", channel=f"tagged:{channel}", options={"tagsFilter": {"key": "kind", "cmp": "like", "val": "x"}})
    assert person.wait_event("unsubscribed")["code"] == 107
    person.close()
