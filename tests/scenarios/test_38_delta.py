"""Fossil deltas, decoded by the SDKs: what the application sees is what was published, whatever came over the wire."""

import asyncio
import json
import random

import pytest
from centrifuge import DeltaType

from sdk import JsPerson, Person

LETTERS = "abcdefghij é è 中 丮 😀 😁 \u2028 \" \\ \n"


def subscriber(stack, channel, gateway=1, delta=True):
    person = JsPerson()
    person.send(op="connect", url=stack.ws(gateway))
    person.send(op="subscribe", channel=channel, options={"delta": "fossil"} if delta else {})
    person.wait_event("subscribed")
    return person


def words(rng, n):
    return "".join(rng.choice(LETTERS) for _ in range(n))


def documents(seed, n):
    """One that is edited n times: members changed, put in, taken out, moved; now and then another one altogether."""
    rng = random.Random(seed)
    document = {f"key {i}": words(rng, 30) for i in range(20)}
    for i in range(n):
        keys = list(document)
        key = rng.choice(keys)
        kind = rng.randrange(5)
        if kind == 0:
            document[key] = words(rng, rng.randrange(60))
        elif kind == 1:
            document[f"new {i}"] = rng.randrange(10**9)
        elif kind == 2 and len(keys) > 5:
            del document[key]
        elif kind == 3:
            document = {k: document[k] for k in rng.sample(keys, len(keys))}
        elif rng.random() < 0.1:
            document = {"other": words(rng, 500)}
        yield {**document, "n": i}


def publish_all(stack, channel, all, **fields):
    commands = [{"publish": {"channel": channel, "data": d, **fields}} for d in all]
    replies = stack.api("batch", {"commands": commands}).json()["replies"]
    assert all and {"publish"} == set().union(*replies), replies[:2]


def data_of(person, channel, n):
    person.wait(lambda e: len(person.publications(channel)) >= n)
    return [e["data"] for e in person.publications(channel)]


def stats(person, channel):
    return person.call("delta_stats", channel=channel)["result"]


@pytest.mark.parametrize("seed", [1, 2])
def test_an_sdk_makes_every_document_of_its_changes(stack, channel, seed):
    channel = f"doc:{channel}"
    people = [subscriber(stack, channel), subscriber(stack, channel, gateway=2), subscriber(stack, channel, delta=False)]
    sent = list(documents(seed, 300))
    publish_all(stack, channel, sent)
    for person in people:
        assert data_of(person, channel, 300) == sent
        assert not [e for e in person.events if e["event"] == "error"]
    got = stats(people[0], channel)
    assert got["numFullPayloads"] < 60 and got["numDeltaPayloads"] > 200 and got["compressionRatio"] > 0.5, got
    for person in people:
        person.close()


def test_who_comes_back_gets_a_whole_and_then_changes(stack, channel):
    channel = f"doc:{channel}"
    person = subscriber(stack, channel)
    sent = list(documents(3, 60))
    publish_all(stack, channel, sent[:20])
    assert data_of(person, channel, 20) == sent[:20]
    person.send(op="disconnect")
    person.wait_event("disconnected")
    publish_all(stack, channel, sent[20:40])
    before = stats(person, channel)
    person.send(op="reconnect")
    assert data_of(person, channel, 40) == sent[:40]
    publish_all(stack, channel, sent[40:])
    assert data_of(person, channel, 60) == sent
    after = stats(person, channel)
    assert after["numDeltaPayloads"] - before["numDeltaPayloads"] > 30, (before, after)
    person.close()


def test_the_api_asks_for_deltas_where_the_namespace_does_not(stack, channel):
    channel = f"ask:{channel}"
    person = subscriber(stack, channel)
    sent = list(documents(4, 20))
    publish_all(stack, channel, sent[:10])
    assert data_of(person, channel, 10) == sent[:10]
    assert stats(person, channel)["numDeltaPayloads"] == 0
    publish_all(stack, channel, sent[10:], delta=True)
    assert data_of(person, channel, 20) == sent
    assert stats(person, channel)["numDeltaPayloads"] > 5
    person.close()


async def test_in_protobuf_deltas_are_raw_bytes(stack, channel):
    channel = f"doc:{channel}"
    person = await Person(stack.ws(2), use_protobuf=True).connect()
    recorder = await person.subscribe(channel, delta=DeltaType.FOSSIL)
    sent = list(documents(6, 100))
    await asyncio.to_thread(publish_all, stack, channel, sent)
    await recorder.wait_for(100)
    assert [json.loads(data) for data in recorder.publications] == sent
    await person.close()


def test_where_none_are_allowed_the_sdk_goes_on_without(stack, channel):
    person = subscriber(stack, channel)
    sent = list(documents(5, 5))
    publish_all(stack, channel, sent)
    assert data_of(person, channel, 5) == sent
    person.close()
