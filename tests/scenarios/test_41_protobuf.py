"""The client protocol in Protobuf: the SDKs that are JSON's elsewhere speak it here, beside JSON, on the same channels."""

import asyncio
import time

import pytest
import websockets

from protobuf_tour import ann, check_all, publish_over_a_kill, tour
from sdk import JsPerson, Person, Raw
from switch import Switch


async def speaks_protobuf(url, **options):
    return await Person(url, use_protobuf=True, min_reconnect_delay=0.05, max_reconnect_delay=0.3, **options).connect()


def test_the_javascript_sdk_does_it_all(stack, channel):
    js = JsPerson()
    tour(stack, js, channel)
    js.close()


async def test_the_python_sdk_does_it_all(stack, channel):
    asked = []

    async def fresh_token(ctx=None):
        asked.append(time.monotonic())
        return ann(2 if len(asked) == 1 else 600)

    person = await speaks_protobuf(stack.ws(1), token=ann(2), get_token=fresh_token)
    recorder = await person.subscribe(channel)
    sub = person.subs[channel]
    await sub.publish(b'{"n": 1}')
    await recorder.wait_for(1)
    assert (recorder.publications, recorder.offsets) == ([b'{"n": 1}'], [1])
    members = (await sub.presence()).clients
    assert [info.user for info in members.values()] == ["ann"]
    stats = await sub.presence_stats()
    assert (stats.num_clients, stats.num_users) == (1, 1)
    said = await person.client.rpc("cellcast.publish", b'{"channel":"%s","data":2}' % channel.encode())
    assert b'"offset":2' in said.data
    await recorder.wait_for(2)
    history = await sub.history(limit=10)
    assert [(p.data, p.offset) for p in history.publications] == [(b'{"n": 1}', 1), (b"2", 2)]
    async with asyncio.timeout(20):
        while len(asked) < 2:
            await asyncio.sleep(0.05)
    await sub.publish(b"3")
    await recorder.wait_for(3)
    await person.close()


async def test_nobody_loses_or_repeats_anything_when_a_gateway_is_killed(stack, channel):
    switch = await Switch("127.0.0.1", stack.slot_base + 1).start()
    in_json = await Person(switch.url, min_reconnect_delay=0.05, max_reconnect_delay=0.3).connect()
    in_protobuf = await speaks_protobuf(switch.url)
    js = JsPerson()
    js.connect_protobuf(switch.url, ann(600))
    js.subscribe(channel)
    recorders = [await in_json.subscribe(channel), await in_protobuf.subscribe(channel)]
    await asyncio.to_thread(js.wait_event, "subscribed")
    await publish_over_a_kill(stack, switch, channel, 60)
    for recorder in recorders:
        await recorder.wait_for(60, 30)
        assert recorder.recovered[-1] == (True, True)
    assert recorders[0].publications == [int(data) for data in recorders[1].publications] == list(range(60))
    assert recorders[0].offsets == recorders[1].offsets == list(range(1, 61))
    check_all(await asyncio.to_thread(js.wait_for, 60, channel), 60)
    js.close()
    await in_json.close()
    await in_protobuf.close()
    await switch.stop()
    stack.wait_ready()


async def test_bytes_that_are_no_json_have_a_namespace(stack, channel):
    channel = "raw:" + channel
    person = await speaks_protobuf(stack.ws(1))
    recorder = await person.subscribe(channel)
    await person.subs[channel].publish(b"\xff\x00\n{")
    stack.publish(channel, None, b64data="AAEC")
    await recorder.wait_for(2)
    assert recorder.publications == [b"\xff\x00\n{", b"\x00\x01\x02"]
    rows = stack.api("history", {"channel": channel, "limit": 10}).json()["result"]["publications"]
    assert [row["b64data"] for row in rows] == ["/wAKew==", "AAEC"]
    raw = await Raw.open(stack.ws(1))
    await raw.connect()
    assert (await raw.ask({"id": 2, "subscribe": {"channel": channel}}))["error"]["code"] == 108
    await raw.close()
    await person.close()


async def test_where_payloads_are_json_other_bytes_are_107(stack, channel):
    raw = await websockets.connect(stack.ws(1), subprotocols=["centrifuge-protobuf"], ping_interval=None)
    await raw.send(b"\x04\x08\x01\x22\x00" + b"\x0a\x08\x02\x3a\x06\x0a\x01x\x12\x01{")
    replies = await raw.recv()
    while b"bad request" not in replies:
        replies += await asyncio.wait_for(raw.recv(), 10)
    assert b"\x08\x02\x12\x0f\x08\x6b" in replies
    await raw.close()


@pytest.mark.parametrize("frame", [b"", b"\x05\x08", b"\x02\x22\x05", b"\x04\x08\x01\x2a\x00", b"\x00", b"{}", "\x00", "{}",
                                   b"\x04\x08\x01\x22\x00\x02\x08\x02"])
async def test_a_bad_frame_is_3501(stack, frame):
    raw = Raw(await websockets.connect(stack.ws(1), subprotocols=["centrifuge-protobuf"], ping_interval=None))
    await raw.socket.send(frame)
    assert await raw.closed() == (3501, "bad request")
