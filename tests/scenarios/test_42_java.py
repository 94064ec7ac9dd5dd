"""The Java SDK from Maven Central, unmodified; it speaks Protobuf only."""

import asyncio

import pytest

from protobuf_tour import ann, check_all, publish_over_a_kill, tour
from sdk import JAVA, JavaPerson
from stack import REPO
from switch import Switch


@pytest.fixture(scope="module")
def classes(stack):
    return stack.tool(REPO / "deploy/java-sdk", JAVA / "Person.java").stdout.strip()


@pytest.fixture
def java(classes):
    person = JavaPerson(classes)
    yield person
    person.close()


def test_it_does_it_all(stack, java, channel):
    tour(stack, java, channel)


async def test_it_loses_and_repeats_nothing_when_a_gateway_is_killed(stack, java, channel):
    switch = await Switch("127.0.0.1", stack.slot_base + 1).start()
    java.connect_protobuf(switch.url, ann(600))
    java.subscribe(channel)
    await asyncio.to_thread(java.wait_event, "subscribed")
    await publish_over_a_kill(stack, switch, channel, 60)
    check_all(await asyncio.to_thread(java.wait_for, 60, channel), 60)
    again = await asyncio.to_thread(java.wait, lambda e: e["event"] == "subscribed" and e["wasRecovering"])
    assert again["recovered"]
    await switch.stop()
    stack.wait_ready()
