"""A message goes the whole way: by SQL transaction, by HTTP API, by client; and only if it was committed."""

import asyncio

import pytest

from sdk import JsPerson, Person, token
from stack import wait_until


async def people(stack, channel, **options):
    """One subscriber on each gateway."""
    result = []
    for gateway in range(1, stack.gateways + 1):
        person = await Person(stack.ws(gateway), **options).connect()
        await person.subscribe(channel)
        result.append(person)
    return result


async def test_a_committed_transaction_arrives_on_every_gateway(stack, channel):
    subscribers = await people(stack, channel)
    with stack.sql() as db:
        db.execute("select cellcast.publish(%s, %s)", (f"default/{channel}", '{"hello": 1}'))
    for person in subscribers:
        await person.recorders[channel].wait_for(1)
        assert person.recorders[channel].publications == [{"hello": 1}]
        await person.close()


async def test_a_rolled_back_transaction_delivers_nothing(stack, channel):
    subscribers = await people(stack, channel)
    with stack.sql() as db:
        db.execute("select cellcast.publish(%s, '\"ghost\"')", (channel,))
        db.rollback()
        db.execute("select cellcast.publish(%s, '\"before the savepoint\"')", (channel,))
        db.execute("savepoint s")
        db.execute("select cellcast.publish(%s, '\"ghost\"')", (channel,))
        db.execute("rollback to savepoint s")
        db.execute("select cellcast.publish(%s, '\"after the savepoint\"')", (channel,))
        db.commit()
    for person in subscribers:
        await person.recorders[channel].wait_for(2)
    stack.publish(channel, "last")  # by another way: it could overtake rows that are still in the outbox
    for person in subscribers:
        await person.recorders[channel].wait_for(3)
        assert person.recorders[channel].publications == ["before the savepoint", "after the savepoint", "last"]
        await person.close()


async def test_the_api_publishes_and_tells_offset_and_epoch(stack, channel):
    subscribers = await people(stack, channel)
    first, second = stack.publish(channel, {"n": 1}), stack.publish(channel, {"n": 2})
    assert (first["offset"], second["offset"]) == (1, 2) and first["epoch"] == second["epoch"] != ""
    for person in subscribers:
        await person.recorders[channel].wait_for(2)
        assert person.recorders[channel].publications == [{"n": 1}, {"n": 2}]
        assert person.recorders[channel].offsets == [1, 2]
        await person.close()


async def test_a_client_publishes_with_its_name_on_it(stack, channel):
    listener, speaker = JsPerson(), await Person(stack.ws(2), token=token(sub="ann", info={"nick": "A"})).connect()
    listener.send(op="connect", url=stack.ws(1))
    listener.send(op="subscribe", channel=channel)
    listener.wait_event("subscribed")
    await speaker.client.publish(channel, {"text": "hi"})
    pub = listener.wait_event("publication")
    assert pub["data"] == {"text": "hi"} and pub["offset"] == 1
    assert pub["info"]["user"] == "ann" and pub["info"]["connInfo"] == {"nick": "A"}
    assert int(pub["tags"]["id"]) > 0
    listener.close()
    await speaker.close()


PAYLOADS = [
    '{"big":12345678901234567890123,"float":1.0,"exp":1E5,"order":{"z":1,"a":2},"z":0}',
    '{"escape":"\\u00e9\\/\\ud83d\\ude00","raw":"é😀","empty":"","nul":"\\u0000"}',
    '[1, 2,  3 ,{"deep":[[[[]]]]}]',
    '"text"', "null", "-0.0", "{}",
]


@pytest.mark.parametrize("way", ["api", "sql"])
async def test_payload_bytes_travel_verbatim(stack, channel, way):
    from sdk import Raw

    raw = await Raw.open(stack.ws(1))
    await raw.connect()
    await raw.ask({"id": 2, "subscribe": {"channel": channel}})
    for payload in PAYLOADS:
        if way == "api":
            answer = stack.api("publish", f'{{"channel":"{channel}","data":{payload}}}').json()
            assert "result" in answer, (payload, answer)
        else:
            with stack.sql() as db:
                db.execute("select cellcast.publish(%s, %s::json)", (channel, payload))
        frame = await asyncio.wait_for(raw.socket.recv(), 10)
        while frame == "{}":
            await raw.socket.send("{}")
            frame = await asyncio.wait_for(raw.socket.recv(), 10)
        assert f'"data":{payload}' in frame, frame
    assert [data for _, _, data in stack.rows(f"default/{channel}")] == PAYLOADS
    await raw.close()


async def test_raw_newlines_between_tokens_become_spaces(stack, channel):
    person = await Person(stack.ws()).connect()
    recorder = await person.subscribe(channel)
    assert stack.api("publish", f'{{"channel":"{channel}","data":{{\n  "a":\r\n 1\n}}}}').json()["result"]["offset"] == 1
    await recorder.wait_for(1)
    assert recorder.publications == [{"a": 1}]
    await person.close()


async def test_an_idempotency_key_publishes_once(stack, channel):
    person = await Person(stack.ws()).connect()
    recorder = await person.subscribe(channel)
    first = stack.publish(channel, 1, idempotency_key="k")
    again = stack.publish(channel, 1, idempotency_key="k")
    other = stack.publish(channel, 2, idempotency_key="other")
    assert first == again and other["offset"] == 2
    with stack.sql() as db:
        db.execute("select cellcast.publish(%s, '3', idempotency_key => 'k')", (channel,))
    stack.publish(channel, 4)
    await recorder.wait_for(3)
    assert recorder.publications == [1, 2, 4]
    await person.close()


async def test_broadcast_and_batch(stack, channel):
    person = await Person(stack.ws()).connect()
    one, two = await person.subscribe(channel + "-1"), await person.subscribe(channel + "-2")
    answer = stack.api("broadcast", {"channels": [channel + "-1", channel + "-2", "nope:x"], "data": {"b": 1},
                                     "idempotency_key": "same"}).json()
    responses = answer["result"]["responses"]
    assert [r.get("result", {}).get("offset") for r in responses] == [1, 1, None]
    assert responses[2]["error"]["code"] == 102
    answer = stack.api("batch", {"commands": [{"publish": {"channel": channel + "-1", "data": 2}},
                                              {"presence_stats": {"channel": channel + "-1"}},
                                              {"publish": {"channel": "", "data": 2}}]}).json()
    assert answer["replies"][0]["publish"]["offset"] == 2
    assert answer["replies"][1]["presence_stats"] == {"num_clients": 1, "num_users": 1}
    assert answer["replies"][2]["error"]["code"] == 107
    await one.wait_for(2)
    await two.wait_for(1)
    assert one.publications == [{"b": 1}, 2] and two.publications == [{"b": 1}]
    await person.close()


async def test_history_by_sdk_and_api(stack, channel):
    for n in range(1, 8):
        stack.publish(channel, n)
    person = await Person(stack.ws(3)).connect()
    from centrifuge import StreamPosition

    # History shows what has reached the cell, a few milliseconds behind the acknowledgement.
    await asyncio.to_thread(wait_until, lambda: stack.api("history", {"channel": channel}).json()["result"]["offset"] == 7)
    page = await person.client.history(channel, limit=3)
    assert [p.data for p in page.publications] == [1, 2, 3] and page.offset == 7
    page = await person.client.history(channel, limit=3, since=StreamPosition(offset=3, epoch=page.epoch))
    assert [p.data for p in page.publications] == [4, 5, 6]
    page = await person.client.history(channel, limit=2, reverse=True)
    assert [p.data for p in page.publications] == [7, 6]
    page = await person.client.history(channel, limit=0)
    assert page.publications == [] and page.offset == 7
    answer = stack.api("history", {"channel": channel, "limit": 2, "reverse": True}).json()["result"]
    assert [p["data"] for p in answer["publications"]] == [7, 6] and answer["offset"] == 7
    wrong = stack.api("history", {"channel": channel, "limit": 2, "since": {"offset": 1, "epoch": "999999"}}).json()
    assert wrong["error"]["code"] == 112
    await person.close()


async def test_who_publishes_finds_it_in_the_history_at_once(stack, channel):
    subscribers = await people(stack, channel)
    for n in range(1, 41):
        gateway = 1 + n % stack.gateways
        await asyncio.to_thread(stack.api, "publish", {"channel": channel, "data": n}, gateway=gateway)
        answer = await asyncio.to_thread(stack.api, "history", {"channel": channel, "limit": 1, "reverse": True}, gateway=gateway)
        result = answer.json()["result"]
        assert (result["offset"], [p["data"] for p in result["publications"]]) == (n, [n])
    for n in range(41, 61):
        await subscribers[0].subs[channel].publish(n)
        assert (await subscribers[0].client.history(channel, limit=0)).offset == n
    for person in subscribers:
        await person.close()


async def test_presence_over_all_gateways(stack, channel):
    people_there = []
    for gateway, user in ((1, "ann"), (2, "bob"), (3, "ann")):
        person = await Person(stack.ws(gateway), token=token(sub=user)).connect()
        await person.subscribe(channel)
        people_there.append(person)
    await asyncio.to_thread(wait_until, lambda: stack.api("presence_stats", {"channel": channel}).json()["result"] == {"num_clients": 3, "num_users": 2},
               5, "three clients, two users")
    presence = await people_there[0].client.presence(channel)
    assert sorted(info.user for info in presence.clients.values()) == ["ann", "ann", "bob"]
    await people_there[1].close()
    await asyncio.to_thread(wait_until, lambda: stack.api("presence_stats", {"channel": channel}).json()["result"] == {"num_clients": 2, "num_users": 1},
               5, "bob is gone")
    answer = stack.api("presence", {"channel": channel}).json()["result"]["presence"]
    assert sorted(i["user"] for i in answer.values()) == ["ann", "ann"]
    await people_there[0].close()
    await people_there[2].close()


async def test_joins_and_leaves_reach_who_asks(stack, channel):
    watcher = await Person(stack.ws(1), token=token(sub="watcher")).connect()
    recorder = await watcher.subscribe(channel, join_leave=True)
    other = await Person(stack.ws(2), token=token(sub="other")).connect()
    await other.subscribe(channel)
    for _ in range(200):
        if ("join", "other") in recorder.events:
            break
        await asyncio.sleep(0.05)
    await other.close()
    for _ in range(200):
        if ("leave", "other") in recorder.events:
            break
        await asyncio.sleep(0.05)
    assert ("join", "other") in recorder.events and ("leave", "other") in recorder.events
    await watcher.close()


async def test_channels_info_disconnect_and_unsubscribe_reach_all_gateways(stack, channel):
    from sdk import Raw

    first, second = await Raw.open(stack.ws(1)), await Raw.open(stack.ws(2))
    for raw in (first, second):
        await raw.connect(token=token(sub="victim"))
        await raw.ask({"id": 2, "subscribe": {"channel": channel}})
    answer = stack.api("channels", {"pattern": channel + "*"}, gateway=3).json()["result"]["channels"]
    assert answer == {channel: {"num_clients": 2}}
    nodes = stack.api("info", {}).json()["result"]["nodes"]
    assert len(nodes) == stack.gateways and sum(n["num_clients"] for n in nodes) >= 2
    assert stack.api("unsubscribe", {"user": "victim", "channel": channel}, gateway=3).json() == {"result": {}}
    for raw in (first, second):
        while "unsubscribe" not in (message := await raw.receive()).get("push", {}):
            pass
        assert message["push"]["unsubscribe"]["code"] == 2000 and message["push"]["channel"] == channel
    assert stack.api("disconnect", {"user": "victim"}, gateway=3).json() == {"result": {}}
    for raw in (first, second):
        assert await raw.closed() == (3503, "force disconnect")


async def test_both_spellings_are_one_channel(stack, channel):
    from sdk import Raw

    raw = await Raw.open(stack.ws())
    await raw.connect()
    assert "subscribe" in await raw.ask({"id": 2, "subscribe": {"channel": f"default/{channel}"}})
    assert (await raw.ask({"id": 3, "subscribe": {"channel": channel}}))["error"]["code"] == 105
    stack.publish(channel, 1)
    push = (await raw.receive())["push"]
    assert push["channel"] == f"default/{channel}" and push["pub"]["data"] == 1
    await raw.close()


async def test_tenants_do_not_see_each_other(stack, channel):
    ours = await Person(stack.ws(tenant="acme"), token=token("acme-secret", sub="u", tenant="acme")).connect()
    recorder = await ours.subscribe(channel)
    stack.publish(channel, "of default")
    answer = stack.api("publish", {"channel": f"acme/{channel}", "data": "of acme"}, key="acme-key").json()
    assert answer["result"]["offset"] == 1
    assert "error" in stack.api("publish", {"channel": f"default/{channel}", "data": 1}, key="acme-key").json()
    await recorder.wait_for(1)
    assert recorder.publications == ["of acme"]
    await ours.close()
