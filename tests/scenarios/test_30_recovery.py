"""A client that was away gets exactly what it missed, wherever it returns to."""

import asyncio
import signal

import pytest

from sdk import JsPerson, Person, Raw
from stack import wait_until
from switch import Switch


async def away_and_back(stack, channel, missed, meanwhile=None, back_to=1):
    """A subscriber on gateway 1 behind a switch is cut off, `missed` messages are published, it returns to gateway back_to."""
    switch = await Switch("127.0.0.1", stack.slot_base + 1).start()
    person = await Person(switch.url).connect()
    recorder = await person.subscribe(channel)
    for n in range(3):
        stack.publish(channel, n)
    await recorder.wait_for(3)
    switch.refusing = True
    switch.cut()
    for start in range(3, 3 + missed, 500):
        commands = [{"publish": {"channel": channel, "data": n}} for n in range(start, min(start + 500, 3 + missed))]
        replies = stack.api("batch", {"commands": commands}, gateway=2).json()["replies"]
        assert all("publish" in reply for reply in replies), replies[:2]
    if meanwhile:
        await asyncio.to_thread(meanwhile)
    switch.target = ("127.0.0.1", stack.slot_base + back_to)
    switch.refusing = False
    await recorder.wait_for(3 + missed, 60)
    stack.publish(channel, "live")
    await recorder.wait_for(4 + missed)
    assert recorder.publications == list(range(3 + missed)) + ["live"]
    assert recorder.offsets == list(range(1, 5 + missed))
    assert recorder.recovered[-1] == (True, True)
    await person.close()
    await switch.stop()


@pytest.mark.parametrize("missed", [1, 10, 1000, 5000])
async def test_what_was_missed_comes_in_order(stack, channel, missed):
    await away_and_back(stack, channel, missed)


async def test_recovery_at_another_gateway(stack, channel):
    await away_and_back(stack, channel, 50, back_to=3)


async def test_recovery_with_a_worker_just_restarted(stack, channel):
    def restart_workers():
        for n in range(1, stack.workers + 1):
            old = stack.pid(f"worker-{n}")
            stack.kill(f"worker-{n}")
            stack.wait_back(f"worker-{n}", old)

    await away_and_back(stack, channel, 400, meanwhile=restart_workers)
    stack.wait_ready()


async def test_recovery_after_the_gateway_was_killed(stack, channel):
    def kill_gateway():
        old = stack.pid("gateway-1")
        stack.kill("gateway-1")
        stack.wait_back("gateway-1", old)

    await away_and_back(stack, channel, 20, meanwhile=kill_gateway)
    stack.wait_ready()


async def position(stack, channel):
    raw = await Raw.open(stack.ws(1))
    await raw.connect()
    result = (await raw.ask({"id": 2, "subscribe": {"channel": channel}}))["subscribe"]
    await raw.close()
    return result.get("offset", 0), result["epoch"]


async def test_recovery_from_an_empty_channel(stack, channel):
    offset, epoch = await position(stack, channel)
    assert offset == 0 and epoch
    stack.publish(channel, "first")
    raw = await Raw.open(stack.ws(2))
    await raw.connect()
    result = (await raw.ask({"id": 2, "subscribe": {"channel": channel, "recover": True, "epoch": epoch}}))["subscribe"]
    assert result["recovered"] and result["was_recovering"] and result.get("offset", 0) == 0
    got = [p["data"] for p in result.get("publications", [])]
    while not got:
        got.append((await raw.receive())["push"]["pub"]["data"])
    assert got == ["first"]
    await raw.close()


async def test_another_epoch_or_an_offset_that_never_was_is_not_recovered(stack, channel):
    for n in range(3):
        stack.publish(channel, n)
    await asyncio.to_thread(wait_until, lambda: stack.api("history", {"channel": channel}).json()["result"]["offset"] == 3)
    _, epoch = await position(stack, channel)
    raw = await Raw.open(stack.ws(2))
    await raw.connect()
    for id, claim in ((2, {"epoch": "77777", "offset": 2}), (3, {"epoch": epoch, "offset": 99})):
        result = (await raw.ask({"id": id, "subscribe": {"channel": channel, "recover": True, **claim}}))["subscribe"]
        assert result["was_recovering"] and not result.get("recovered", False), result
        assert result["offset"] == 3 and "publications" not in result
        await raw.ask({"id": id + 10, "unsubscribe": {"channel": channel}})
    refused = await raw.ask({"id": 9, "subscribe": {"channel": channel, "recover": True, "epoch": "77777", "offset": 2, "flag": 3}})
    assert refused["error"]["code"] == 112
    await raw.close()


async def test_a_position_that_is_ahead_of_the_gateway_is_asked_for_and_not_denied(stack, channel):
    """The relay stands still: whoever was elsewhere knows of more than has come here."""
    here = await Person(stack.ws(2)).connect()
    recorder = await here.subscribe(channel)
    stack.publish(channel, 0)
    await recorder.wait_for(1)
    raw = await Raw.open(stack.ws(2))
    await raw.connect()
    stack.kill("relay", signal.SIGSTOP)
    try:
        last = await asyncio.to_thread(stack.publish, channel, 1)
        claim = {"recover": True, "epoch": last["epoch"], "offset": last["offset"]}
        result = (await raw.ask({"id": 2, "subscribe": {"channel": channel, **claim}}))["subscribe"]
        assert (result.get("recovered"), result["offset"], recorder.publications) == (True, 2, [0])
    finally:
        stack.kill("relay", signal.SIGCONT)
    stack.publish(channel, 2)
    await recorder.wait_for(3)
    assert result.get("publications", []) == [] and (await raw.receive())["push"]["pub"]["offset"] == 3
    await raw.close()
    await here.close()


async def test_many_return_at_once_while_messages_go_on(stack, channel):
    switch = await Switch("127.0.0.1", stack.slot_base + 1).start()
    people = [await Person(switch.url, min_reconnect_delay=0.05, max_reconnect_delay=0.3).connect() for _ in range(40)]
    recorders = [await p.subscribe(channel) for p in people]
    stopped = asyncio.Event()

    async def publish():
        n = 0
        while not stopped.is_set():
            await asyncio.to_thread(stack.publish, channel, n)
            n += 1
        return n

    publishing = asyncio.create_task(publish())
    for round in range(6):
        await asyncio.sleep(0.5)
        switch.target = ("127.0.0.1", stack.slot_base + 1 + round % stack.gateways)
        switch.cut()
    stopped.set()
    total = await publishing
    for recorder in recorders:
        await recorder.wait_for(total, 30)
        assert recorder.publications == list(range(total))
        assert recorder.offsets == list(range(1, total + 1))
    for person in people:
        await person.close()
    await switch.stop()


async def test_the_javascript_sdk_recovers(stack, channel):
    switch = await Switch("127.0.0.1", stack.slot_base + 1).start()
    js = JsPerson()
    js.send(op="connect", url=switch.url, options={"minReconnectDelay": 50, "maxReconnectDelay": 200})
    js.send(op="subscribe", channel=channel)
    await asyncio.to_thread(js.wait_event, "subscribed")
    stack.publish(channel, 0)
    await asyncio.to_thread(js.wait_event, "publication")
    switch.refusing = True
    switch.cut()
    for n in range(1, 30):
        stack.publish(channel, n)
    switch.target = ("127.0.0.1", stack.slot_base + 2)
    switch.refusing = False
    again = await asyncio.to_thread(js.wait, lambda e: e["event"] == "subscribed" and e.get("wasRecovering"))
    assert again["recovered"]
    await asyncio.to_thread(js.wait, lambda e: e["event"] == "publication" and e["data"] == 29)
    assert [e["data"] for e in js.publications(channel)] == list(range(30))
    js.close()
    await switch.stop()
