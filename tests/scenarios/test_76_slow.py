"""A client that does not keep up: what it gets when it reads again, by namespace, and that an operator sees it."""

import asyncio
import json
import re

import pytest

from idle import open_many, read_frame, subscribe_all
from sdk import Person, token
from stack import BUILD, wait_until

MESSAGES, BYTES, BATCH = 300, 10000, 10  # far more than a socket and the rings hold


def slow_reader(stack, channel):
    """A socket that is subscribed and reads nothing more."""
    (sock,) = open_many(stack.slot_base + 1, 1)
    subscribe_all([sock], channel)
    return sock


def publish(stack, channel):
    data = json.dumps("x" * BYTES)
    with stack.sql(autocommit=True) as sql:
        for _ in range(MESSAGES // BATCH):
            sql.execute("select cellcast.publish(%s, %s::json) from generate_series(1, %s)", (channel, data, BATCH))


def read_until(sock, last):
    """Offsets of what comes, up to that one."""
    offsets = []
    while not offsets or offsets[-1] < last:
        _, payload = read_frame(sock)
        offsets += [int(offset) for offset in re.findall(rb'"offset":(\d+)', payload)]
    return offsets


def top(stack, *words):
    return stack.tool(BUILD / "supervisor/cellcastctl", f"--admin=127.0.0.1:{stack.admin_port}", "top", *words).stdout


def conflated(stack):
    return stack.metric("gateway_conflated_total")


async def with_one_who_reads(stack, channel):
    """Publishes to a slow reader and an SDK. -> the slow one's socket, and the offsets that the SDK got"""
    person = await Person(stack.ws(1)).connect()
    recorder = await person.subscribe(channel)
    slow = await asyncio.to_thread(slow_reader, stack, channel)
    await asyncio.to_thread(publish, stack, channel)
    end = asyncio.get_running_loop().time() + 60
    while not recorder.offsets or recorder.offsets[-1] < MESSAGES:
        assert asyncio.get_running_loop().time() < end, f"the SDK has got {len(recorder.offsets)} publications"
        await asyncio.sleep(0.01)
    await person.close()
    return slow, recorder.offsets


async def test_a_slow_reader_reads_on_and_misses_nothing(stack, channel):
    slow, others = await with_one_who_reads(stack, channel)
    assert others == list(range(1, MESSAGES + 1))
    offsets = await asyncio.to_thread(read_until, slow, MESSAGES)
    slow.close()
    assert offsets == list(range(1, MESSAGES + 1))


async def test_a_slow_reader_of_a_conflating_namespace_goes_on_with_the_newest(stack, channel):
    before = conflated(stack)
    slow, others = await with_one_who_reads(stack, f"state:{channel}")
    offsets = await asyncio.to_thread(read_until, slow, MESSAGES)
    slow.close()
    assert offsets == sorted(set(offsets)) and len(offsets) < MESSAGES
    assert others == sorted(set(others)) and len(others) > len(offsets)  # an SDK in Python may be slow now and then
    left_out = 2 * MESSAGES - len(offsets) - len(others)
    wait_until(lambda: conflated(stack) - before == left_out, 10, "what was left out is counted")


async def test_an_operator_sees_what_costs_most_and_who_is_behind(stack, channel):
    slow, _ = await with_one_who_reads(stack, channel)
    head, first = top(stack, "channels", "--by=behind", "--rows=1").splitlines()
    assert head.split() == ["DELIVERIES/s", "BYTES/s", "LISTENERS", "BEHIND", "NAME"]
    deliveries, size, listeners, behind, name = first.split()
    assert (behind, name) == ("1", f"default/{channel}")
    assert float(deliveries) > 0 and float(size) > 0 and listeners in "12"  # the SDK may not have left yet
    assert "canary" not in top(stack, "channels")  # nobody listens to those
    head, first = top(stack, "tenants", "--by=behind").splitlines()[:2]
    assert head.split()[4:6] == ["BUSY%", "SLOWED"] and head.split()[-1] == "NAME"
    assert (first.split()[3], first.split()[-1]) == ("1", "default")
    assert len(top(stack, "connections", "--by=behind").splitlines()) >= 2
    slow.close()


async def test_no_name_that_somebody_gives_himself_reaches_the_terminal(stack):
    person = await Person(stack.ws(1), token=token(sub="\x1b]0;owned\x07\x1b[2J\nann\u009b")).connect()
    shown = wait_until(lambda: (t := top(stack, "connections", "--rows=100")) and "owned" in t and t, what="the connection is there")
    assert r"  \x1b]0;owned\x07\x1b[2J\x0aann\xc2\x9b" + "\n" in shown
    assert all(c == "\n" or c.isprintable() for c in shown)
    await person.close()


@pytest.mark.parametrize("words", [("rooms",), ("channels", "--by=name")])
async def test_a_question_that_is_none_is_said(stack, words):
    done = stack.tool(BUILD / "supervisor/cellcastctl", "top", *words, check=False)
    assert done.returncode == 2 and "channels|connections|tenants" in done.stderr
