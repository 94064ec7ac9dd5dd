"""Channels of an ephemeral namespace go to the broker first: no row, no offset, no history; now or never."""

import asyncio
import copy
import json
import re
import socket
import time

import psycopg
import pytest

from sdk import JsPerson, Person, Raw
from stack import CONFIGURATION, wait_until


@pytest.fixture
def room(channel):
    return f"typing:{channel}"


def resident(stack, name):
    """KB of memory of a process."""
    with open(f"/proc/{stack.pid(name)}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])


async def test_every_way_of_publishing_reaches_everybody_who_is_there(stack, room):
    people = [await Person(stack.ws(gateway)).connect() for gateway in range(1, stack.gateways + 1)]
    recorders = [await p.subscribe(room) for p in people]
    js = JsPerson()
    js.send(op="connect", url=stack.ws(1), options={})
    js.send(op="subscribe", channel=room)
    await asyncio.to_thread(js.wait_event, "subscribed")
    await people[0].subs[room].publish({"by": "client"})
    assert (await people[1].client.rpc("cellcast.publish", {"channel": room, "data": {"by": "rpc"}, "tags": {"a": "b"}})).data == {}
    assert await asyncio.to_thread(stack.publish, room, {"by": "api"}) == {}
    for recorder in recorders:
        await recorder.wait_for(3)
        assert sorted(p["by"] for p in recorder.publications) == ["api", "client", "rpc"]
        assert not any(recorder.offsets)
        assert recorder.recovered == [(False, False)]
    await asyncio.to_thread(js.wait, lambda e: e["event"] == "publication" and e["data"] == {"by": "api"})
    assert len(js.publications(room)) == 3
    js.close()
    for person in people:
        await person.close()
    assert stack.rows(f"default/{room}") == []


async def test_what_is_pushed_names_its_publisher_and_has_no_position(stack, room):
    listener, speaker = await Raw.open(stack.ws(1)), await Raw.open(stack.ws(2))
    await listener.connect()
    me = (await speaker.connect())["connect"]["client"]
    assert (await listener.ask({"id": 2, "subscribe": {"channel": room}}))["subscribe"] == {}
    assert await speaker.ask({"id": 2, "publish": {"channel": room, "data": {"x": 1.0}}}) == {"id": 2, "publish": {}}
    push = (await listener.receive())["push"]
    assert push == {"channel": room, "pub": {"data": {"x": 1.0}, "info": {"user": "", "client": me}}}
    # what passed before somebody came is gone
    assert await listener.ask({"id": 3, "unsubscribe": {"channel": room}}) == {"id": 3, "unsubscribe": {}}
    witness = await Person(stack.ws(1)).connect()
    passed = await witness.subscribe(room)
    await speaker.ask({"id": 3, "publish": {"channel": room, "data": "missed"}})
    await passed.wait_for(1)
    again = await listener.ask({"id": 4, "subscribe": {"channel": room, "recover": True, "offset": 0, "epoch": "1"}})
    assert again["subscribe"] == {"was_recovering": True}
    await speaker.ask({"id": 4, "publish": {"channel": room, "data": "seen"}})
    assert (await listener.receive())["push"]["pub"]["data"] == "seen"
    await witness.close()
    await listener.close()
    await speaker.close()


async def test_order_per_gateway(stack, room):
    person = await Person(stack.ws(1)).connect()
    recorder = await person.subscribe(room)
    speaker = await Raw.open(stack.ws(2))
    await speaker.connect()
    for start in range(0, 400, 20):
        await speaker.send(*({"id": n + 2, "publish": {"channel": room, "data": n}} for n in range(start, start + 20)))
        assert [await speaker.receive() for _ in range(20)] == [{"id": n + 2, "publish": {}} for n in range(start, start + 20)]
    await recorder.wait_for(400)
    assert recorder.publications == list(range(400))
    await person.close()
    await speaker.close()


def test_what_it_does_not_offer_is_refused(stack, room):
    assert stack.api("history", {"channel": room, "limit": 1}).json()["error"]["code"] == 108
    for promise in ({"idempotency_key": "k"}, {"after": ["news@1"]}):
        refused = stack.api("publish", {"channel": room, "data": 1, **promise})
        assert refused.json()["error"]["code"] == 108
        assert refused.headers["X-Cellcast-Detail"] == "an ephemeral channel offers neither after nor idempotency_key"
    assert stack.api("publish", {"channel": room, "data": "x" * 65537}).json()["error"]["code"] == 107
    assert stack.api("publish", {"channel": room, "data": 1, "tags": {"id": "1"}}).json()["error"]["code"] == 107
    with stack.sql() as db, pytest.raises(psycopg.Error) as refused:
        db.execute("select cellcast.publish(%s, '1')", (room,))
    assert refused.value.sqlstate == "ZC108" and "is ephemeral" in str(refused.value)


async def test_the_client_is_refused_history_and_the_largest_payload_passes(stack, room):
    raw = await Raw.open(stack.ws(1))
    await raw.connect()
    await raw.ask({"id": 2, "subscribe": {"channel": room}})
    assert (await raw.ask({"id": 3, "history": {"channel": room, "limit": 1}}))["error"]["code"] == 108
    big = "x" * 65534  # with its quotes 64 KiB
    await raw.send({"id": 4, "publish": {"channel": room, "data": big}})
    got = [await raw.receive() for _ in range(2)]  # in either order
    assert any("publish" in message for message in got)
    assert any(message.get("push", {}).get("pub", {}).get("data") == big for message in got)
    assert (await raw.ask({"id": 5, "publish": {"channel": room, "data": big + "x"}}))["error"]["code"] == 107
    await raw.close()


def test_presence_works_as_for_any_channel(stack, room):
    async def somebody():
        person = await Person(stack.ws(1)).connect()
        await person.subscribe(room)
        stats = lambda: stack.api("presence_stats", {"channel": room}).json()["result"]["num_clients"]
        await asyncio.to_thread(wait_until, lambda: stats() == 1)
        await person.close()

    asyncio.run(somebody())


async def test_it_goes_on_without_postgresql_and_a_new_subscriber_is_served(stack, room):
    person = await Person(stack.ws(1)).connect()
    recorder = await person.subscribe(room)
    await asyncio.to_thread(stack.stop_postgres, "immediate")
    try:
        assert await asyncio.to_thread(stack.publish, room, 1) == {}
        await recorder.wait_for(1)
        late = await Person(stack.ws(2)).connect()
        late_recorder = await late.subscribe(room)  # a channel that its gateway has not seen before
        fresh = await late.subscribe(room + "-never-seen")
        assert await asyncio.to_thread(stack.publish, room, 2) == {}
        assert await asyncio.to_thread(stack.publish, room + "-never-seen", 3) == {}
        await recorder.wait_for(2)
        await late_recorder.wait_for(1)
        await fresh.wait_for(1)
        assert (recorder.publications, late_recorder.publications, fresh.publications) == ([1, 2], [2], [3])
        await late.close()
    finally:
        await asyncio.to_thread(stack.start_postgres)
    await person.close()
    await asyncio.to_thread(stack.wait_ready)


async def test_without_kafka_a_publish_is_refused_soon_and_then_it_works_again(stack, room):
    person = await Person(stack.ws(1)).connect()
    recorder = await person.subscribe(room)
    await asyncio.to_thread(stack.kill_kafka)
    try:
        for _ in range(3):
            start = time.monotonic()
            answer = (await asyncio.to_thread(stack.api, "publish", {"channel": room, "data": "lost"})).json()
            assert answer["error"]["code"] == 100
            assert time.monotonic() - start < 5
        assert "offset" in await asyncio.to_thread(stack.publish, f"durable-{room[7:]}", 1)  # durable ones go on
    finally:
        await asyncio.to_thread(stack.start_kafka)

    def works():
        return "result" in stack.api("publish", {"channel": room, "data": "back"}).json()

    await asyncio.to_thread(wait_until, works, 30, "ephemeral publishes go through again")
    await recorder.wait_for(1, 30)
    assert set(recorder.publications) == {"back"}  # what was refused did not come after all
    await asyncio.to_thread(stack.wait_ready)
    await person.close()


def stalled(stack, gateway, room):
    """A client that subscribes and then never reads."""
    s = socket.create_connection(("127.0.0.1", stack.slot_base + gateway))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(b"GET /connection/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    text = "\n".join(json.dumps(c) for c in ({"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": room}})).encode()
    s.sendall(bytes([0x81, 0x80 | 126]) + len(text).to_bytes(2, "big") + b"\0\0\0\0" + text)  # masked with zeros
    s.settimeout(10)
    seen = b""
    while b'"id":2' not in seen:
        more = s.recv(1000)
        assert more, seen
        seen += more
    return s


async def test_who_does_not_read_is_passed_over_and_costs_no_memory(stack, room):
    slow = [stalled(stack, 1, room) for _ in range(20)]
    person = await Person(stack.ws(1)).connect()
    recorder = await person.subscribe(room)
    data, sent = "x" * 8000, 0
    before, dropped = resident(stack, "gateway-1"), stack.metric("gateway_ephemeral_dropped_total")
    end = time.monotonic() + 60  # Kafka has just been away: gateway 2 may still be told so
    while sent < 3000:  # 24 MB to each of them, were they to read
        assert time.monotonic() < end, f"{sent} were taken"
        replies = (await asyncio.to_thread(stack.api, "batch", {"commands": [{"publish": {"channel": room, "data": data}}] * 100}, gateway=2)).json()["replies"]
        sent += sum("publish" in r for r in replies)
    await asyncio.sleep(1.5)  # metrics are told each second
    assert stack.metric("gateway_ephemeral_dropped_total") - dropped > 20 * 2000
    assert resident(stack, "gateway-1") - before < 20000
    assert len(recorder.publications) > 300  # who reads, hears
    for s in slow:
        s.close()
    await person.close()


async def test_a_namespace_may_change_sides_while_people_are_there(stack, room):
    person = await Person(stack.ws(1)).connect()
    recorder = await person.subscribe(room)
    changed = copy.deepcopy(CONFIGURATION)
    typing = next(n for n in changed["tenants"][0]["namespaces"] if n["name"] == "typing")
    typing["options"]["ephemeral"] = False
    await asyncio.to_thread(stack.configure, changed)
    try:
        def durable():
            return stack.api("publish", {"channel": room, "data": "row"}).json()["result"].get("offset")

        await asyncio.to_thread(wait_until, durable)
        end = time.monotonic() + 20
        while not any(recorder.offsets):
            assert time.monotonic() < end, recorder.publications
            await asyncio.to_thread(durable)
            await asyncio.sleep(0.1)
        assert stack.rows(f"default/{room}")
    finally:
        await asyncio.to_thread(stack.configure, CONFIGURATION)
    await asyncio.to_thread(wait_until, lambda: stack.publish(room, "no row") == {})
    await person.close()
