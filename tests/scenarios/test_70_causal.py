"""Causes first: an answer that would overtake its question waits for it, on every connection, for half a second at most."""

import asyncio
import hashlib
import json
import os
import signal
import time

import centrifuge
import psycopg
import pytest

from sdk import JsPerson, Person
from stack import wait_until

from checker import Told, check_causal  # noqa: E402


class Listener(Person):
    """Records over all its channels in the order in which the SDK calls: [(channel, data, late)]."""

    def __init__(self, url, **options):
        super().__init__(url, **options)
        self.heard, self.told = [], Told()

    async def subscribe(self, channel, **options):
        recorder = await super().subscribe(channel, **options)
        plain = recorder.on_publication

        async def on_publication(ctx):
            self.heard.append((channel, ctx.pub.data, "late" in ctx.pub.tags))
            self.told.publication(f"default/{channel}", ctx.pub.offset, ctx.pub.tags)
            await plain(ctx)
        recorder.on_publication = on_publication
        return recorder


def js_heard(js):
    return [(e["channel"], e["data"], "late" in e.get("tags", {})) for e in list(js.events) if e["event"] == "publication"]


def js_told(js):
    told = Told()
    for e in list(js.events):
        if e["event"] == "publication":
            told.publication(f"default/{e['channel']}", e["offset"], e.get("tags"))
    return told


def owner(stack, channel):
    """Slot of the worker whose partition the channel is in."""
    owners = stack.status()["map"]["owners"]
    return owners[int.from_bytes(hashlib.md5(f"default/{channel}".encode()).digest()[4:8], "big") % len(owners)]


def channels_of_two_workers(stack, prefix):
    """-> question, answer, and the worker of the question, which alone is going to be stopped."""
    question = f"{prefix}-q"
    slot = owner(stack, question)
    answer = next(name for n in range(100) if owner(stack, name := f"{prefix}-a{n}") != slot)
    return question, answer, f"worker-{slot}"


async def listeners(stack, question, answer):
    """On one gateway: both SDKs with both channels, and one who has the answers alone. The one who has both subscribes to the
    answers first, so that only the hold puts them behind."""
    both, alone, js = Listener(stack.ws(1)), Listener(stack.ws(1)), JsPerson()
    js.send(op="connect", url=stack.ws(1))
    js.wait_event("connected")
    for channel in (answer, question):
        js.send(op="subscribe", channel=channel)
        js.wait(lambda e: e["event"] == "subscribed" and e["channel"] == channel)
    await both.connect()
    await both.subscribe(answer)
    await both.subscribe(question)
    await alone.connect()
    await alone.subscribe(answer)
    return both, alone, js


async def publish_answer(stack, how, channel, data, after):
    if how == "api":
        await asyncio.to_thread(stack.publish, channel, data, after=after)
    elif how == "sql":
        with stack.sql() as db:
            db.execute("select cellcast.publish(%s, %s, after => %s)", (channel, json.dumps(data), after))
    else:
        person = await Person(stack.ws(2)).connect()
        try:
            await person.client.rpc("cellcast.publish", {"channel": channel, "data": data, "after": after})
        finally:
            await person.close()


class Stopped:
    """A worker that reads nothing for a moment, as one whose partitions lag."""

    def __init__(self, stack, name):
        self.pid = stack.pid(name)

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGCONT)


@pytest.mark.parametrize("how", ["api", "sql", "rpc"])
async def test_an_answer_that_overtakes_its_question_waits_for_it(stack, channel, how):
    question, answer, worker = await asyncio.to_thread(channels_of_two_workers, stack, channel)
    both, alone, js = await listeners(stack, question, answer)
    held = stack.metric("gateway_holds_total")
    with Stopped(stack, worker):
        asked = await asyncio.to_thread(stack.publish, question, "why?")
        await publish_answer(stack, how, answer, "because", [f"{question}@{asked['offset']}"])
        await alone.recorders[answer].wait_for(1)  # it has come to the gateway, and overtook the question
        assert both.heard == [] and js_heard(js) == []
    await both.recorders[question].wait_for(1)
    await both.recorders[answer].wait_for(1)
    await asyncio.to_thread(js.wait, lambda e: len(js_heard(js)) == 2)
    assert both.heard == [(question, "why?", False), (answer, "because", False)]
    assert js_heard(js) == both.heard and alone.heard == [(answer, "because", False)]
    assert check_causal(both.told) == check_causal(js_told(js)) == []
    await asyncio.to_thread(wait_until, lambda: stack.metric("gateway_holds_total") == held + 1, 10, "the hold is counted once")
    js.close()
    await both.close()
    await alone.close()


async def test_it_waits_no_longer_than_half_a_second_and_then_is_marked(stack, channel):
    question, answer, worker = await asyncio.to_thread(channels_of_two_workers, stack, channel)
    both, alone, js = await listeners(stack, question, answer)
    in_vain = stack.metric("gateway_hold_timeouts_total")
    with Stopped(stack, worker):
        asked = await asyncio.to_thread(stack.publish, question, "why?")
        await publish_answer(stack, "api", answer, "because", [f"{question}@{asked['offset']}"])
        await alone.recorders[answer].wait_for(1)
        came = time.monotonic()
        await both.recorders[answer].wait_for(1)
        waited = time.monotonic() - came
        await asyncio.to_thread(js.wait, lambda e: len(js_heard(js)) == 1)
        assert both.heard == js_heard(js) == [(answer, "because", True)]
        assert 0.3 < waited < 1.5
    await both.recorders[question].wait_for(1)
    await asyncio.to_thread(js.wait, lambda e: len(js_heard(js)) == 2)
    assert both.heard == js_heard(js) == [(answer, "because", True), (question, "why?", False)]
    assert alone.heard == [(answer, "because", False)]
    await asyncio.to_thread(wait_until, lambda: stack.metric("gateway_hold_timeouts_total") == in_vain + 1, 10, "counted once")
    js.close()
    await both.close()
    await alone.close()


@pytest.mark.parametrize("how", ["api", "sql", "rpc"])
async def test_a_reference_to_the_future_is_refused(stack, channel, how):
    await asyncio.to_thread(stack.publish, f"{channel}-q", "first")
    after = [f"{channel}-q@2"]
    if how == "api":
        reply = (await asyncio.to_thread(stack.api, "publish", {"channel": channel, "data": 1, "after": after})).json()
        assert reply["error"]["code"] == 107
    elif how == "sql":
        with pytest.raises(psycopg.Error) as refused:
            await publish_answer(stack, how, channel, 1, after)
        assert refused.value.sqlstate == "ZC107"
    else:
        with pytest.raises(centrifuge.ReplyError) as refused:
            await publish_answer(stack, how, channel, 1, after)
        assert refused.value.code == 107
    assert stack.rows(f"default/{channel}") == []


async def test_who_comes_back_is_told_the_questions_first(stack, channel):
    """Answers and further questions to and fro, missed by a client that recovers both channels at once."""
    question, answer = f"{channel}-q", f"{channel}-a"
    js = JsPerson()
    js.send(op="connect", url=stack.ws(1))
    for one in (answer, question):
        js.send(op="subscribe", channel=one)
        js.wait(lambda e: e["event"] == "subscribed" and e["channel"] == one)
    js.send(op="disconnect")
    js.wait_event("disconnected")
    last = None
    for n in range(1, 41):
        filler = "x" * 1000  # more than fits into the replies to subscribe
        asked = await asyncio.to_thread(stack.publish, question, [n, filler], **({"after": [last]} if last else {}))
        replied = await asyncio.to_thread(stack.publish, answer, [n, filler], after=[f"{question}@{asked['offset']}"])
        last = f"{answer}@{replied['offset']}"
    js.send(op="reconnect")
    await asyncio.to_thread(js.wait, lambda e: len(js_heard(js)) == 80)
    heard = js_heard(js)
    assert [(one, data[0], late) for one, data, late in heard] == [(c, n, False) for n in range(1, 41) for c in (question, answer)]
    assert check_causal(js_told(js)) == []
    js.close()


async def test_the_package_merges_what_comes_over_two_connections(stack, channel):
    """The gateways know nothing of each other's clients: here the stream of @cellcast/causal puts the question first."""
    question, answer, worker = await asyncio.to_thread(channels_of_two_workers, stack, channel)
    js = JsPerson("merge.mjs")
    js.send(windowMs=1500, subscriptions=[{"url": stack.ws(1), "channel": answer}, {"url": stack.ws(2), "channel": question}])
    for one in (answer, question):
        js.wait(lambda e: e["event"] == "subscribed" and e["channel"] == one)
    with Stopped(stack, worker):
        asked = await asyncio.to_thread(stack.publish, question, "why?")
        await publish_answer(stack, "api", answer, "because", [f"{question}@{asked['offset']}"])
        await asyncio.to_thread(js.wait, lambda e: e["event"] == "publication" and e["channel"] == answer)
    await asyncio.to_thread(js.wait, lambda e: e["event"] == "merged" and e["channel"] == answer)
    order = [(e["event"], e["channel"]) for e in js.events if e["event"] in ("publication", "merged")]
    assert [c for event, c in order if event == "publication"] == [answer, question]
    assert [c for event, c in order if event == "merged"] == [question, answer]
    assert not any(e.get("late") for e in js.events)
    js.close()
