"""Bad input, subscribe, publish, delivery, presence, history."""
import asyncio
import json
import time

from client import Client, http
from harness import connect, eq, offsets, test, token


# ---- bad input

@test()
async def disconnects_for_every_kind_of_bad_frame(c):
    before = ['', '{"id":1,"subscribe":{"channel":"x"}}', '{}', '{"id":1}', '{"id":1,"ping":{}}', 'x', '[]', '{"id":-1,"connect":{}}',
              '{"id":1.5,"connect":{}}', '{"connect":{}}', '{"id":1,"connect":5}', '{"id":1,"connect":{"token":5}}',
              '{"id":4294967296,"connect":{}}', '{"id":1,"connect":{}', '\n', '{"id":1,"connect":{}}\n\n{}']
    after = ['', '{}', '{"id":2,"connect":{}}', '{"id":2}', '{"id":2,"ping":{}}', '{"id":2,"subscribe":{}}',
             '{"id":2,"subscribe":{"channel":""}}', '{"id":2,"publish":{"data":{}}}', '{"id":2,"history":{}}',
             '{"id":2,"presence":{}}', '{"id":2,"unsubscribe":{}}', '{"id":2,"subscribe":{"channel":7}}',
             '{"id":2,"subscribe":{"channel":"x","offset":-1}}', '{"id":2,"subscribe":{"channel":"x","delta":"what"}}',
             '{"id":2,"subscribe":{"channel":"x\ud800"}}', '{"id":2,"history":{"channel":"x","since":3}}']
    for text in before + after:
        client = await Client.open(c.port) if text in before else await connect(c)
        client.send_frame(text.encode("utf-8", "surrogatepass"))
        eq((text, await client.close_code(), client.closed), (text, 3501, (3501, "bad request")))
    client = await connect(c)
    client.send({"send": {"data": {}}})
    eq(await client.close_code(), 3508)
    eq((await http(c.port, "GET", "/health"))[0], 200)


@test()
async def closes_1009_for_a_message_that_is_too_large_and_takes_one_in_pieces(c):
    client = await connect(c)
    client.send_frame(b"x" * 131073)
    eq(await client.close_code(), 1009)
    client = await connect(c)
    data = json.dumps({"id": 2, "publish": {"channel": "news", "data": "x" * 65000}}).encode()
    for at in range(0, len(data), 30000):
        client.send_frame(data[at:at + 30000], opcode=0 if at else 1, fin=at + 30000 >= len(data))
    eq((await client.next())["publish"], {})
    eq(len(c.sequencer.seen[0]["data"]), 65002)


@test()
async def a_payload_above_64_KiB_is_107_and_one_of_64_KiB_is_not(c):
    client = await connect(c)
    eq(await client.call(publish={"channel": "news", "data": "x" * 65534}), {})
    eq(await client.call(publish={"channel": "news", "data": "x" * 65535}), 107)


@test()
async def a_payload_of_129_levels_is_107_and_one_of_128_is_not(c):
    client = await connect(c)
    for levels, answer in ((128, {}), (129, 107), (20000, 107)):
        deep = "[" * levels + "]" * levels
        for n, command in enumerate(('"publish":{"channel":"news","data":%s}', '"rpc":{"method":"cellcast.publish","data":{"channel":"news","data":%s}}',
                                     '"rpc":{"method":"mine","data":%s}')):
            client.send_frame(('{"id":9,%s}' % command % deep).encode())
            got = await client.next()
            eq((levels, n, got.get("error", {}).get("code", 0)), (levels, n, 108 if answer == {} and n == 2 else answer or 0))
    eq([len(m["data"]) for m in c.sequencer.seen], [256, 256])
    eq(await client.call(publish={"channel": "news", "data": 1}), {})


@test()
async def answers_errors_of_channels_and_permissions(c):
    client = await connect(c)
    for channel, code in (("nowhere:x", 102), ("closed:x", 103), ("x" * 256, 107), ("raw:x", 108), ("$secret", 103),
                          ("acme/x", 103), ("räum", 107)):
        eq((channel, await client.call(subscribe={"channel": channel})), (channel, code))
    eq(await client.call(publish={"channel": "closed:x", "data": 1}), 103)
    eq(await client.call(publish={"channel": "news"}), 107)
    eq(await client.call(history={"channel": "loose:x"}), 108)
    eq(await client.call(presence={"channel": "loose:x"}), 108)
    eq(await client.call(presence={"channel": "closed:x"}), 108)
    eq(await client.call(rpc={"method": "what", "data": {}}), 108)
    eq(await client.call(unsubscribe={"channel": "nowhere:x"}), {})
    eq(await client.call(subscribe={"channel": "news", "type": 1}), 103)
    eq(await client.call(subscribe={"channel": "news", "tf": {"key": "a"}}), 107)
    await client.call(subscribe={"channel": "news"})
    eq(await client.call(subscribe={"channel": "news"}), 105)
    eq(await client.call(subscribe={"channel": "default/news"}), 105)
    for i in range(19):
        assert isinstance(await client.call(subscribe={"channel": f"c{i}"}), dict)
    eq(await client.call(subscribe={"channel": "c19"}), 106)


# ---- subscribe, publish, deliver

@test()
async def parks_commands_behind_connect_and_joins_replies_in_a_frame(c):
    client = await Client.open(c.port)
    client.send({"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": "a"}}, {"id": 3, "subscribe": {"channel": "b"}},
                {"id": 4, "publish": {"channel": "a", "data": 1}})
    eq([(await client.next()).get("id") for _ in range(3)], [1, 2, 3])
    client.send_frame(b'{"id":5,"presence_stats":{"channel":"a"}}\n')  # one more line end is fine
    ids = {(await client.next()).get("id") for _ in range(3)}
    eq(ids, {4, 5, None})  # the publish waited for the subscribe, so its publication comes, too


@test()
async def carries_payloads_verbatim_and_echoes_the_spelling(c):
    short, full = await connect(c), await connect(c)
    await short.call(subscribe={"channel": "news"})
    await full.call(subscribe={"channel": "default/news"})
    raw = '{"big":123456789012345678901234567890,"f":1.0,"e":"\\u00e9\\/","z":1,"a":[ 1,\t2 ]}'
    short.send('{"id":7,"publish":{"channel":"default/news","data":' + raw + '}}')
    lines = [await short.line(), await short.line()]
    push = next(l for l in lines if "push" in l)
    assert '"channel":"news"' in push and raw in push, push
    line = await full.line()
    assert '"channel":"default/news"' in line and raw in line, line
    c.worker.append("default/news", data='{"a":\n1,\r\n"b":2}')
    assert '{"a": 1,  "b":2}' in await full.line()


@test()
async def publications_have_tags_info_and_the_first_one_an_epoch(c):
    client = await connect(c, token(sub="42", info={"name": "Ann"}))
    await client.call(subscribe={"channel": "news"})
    eq(await client.call(publish={"channel": "news", "data": {"x": 1}}), {})
    pub = (await client.push())["pub"]
    info = {"user": "42", "client": client.id, "conn_info": {"name": "Ann"}}
    eq(pub, {"data": {"x": 1}, "offset": 1, "info": info, "tags": {"id": "2097153"}, "epoch": "1"})
    result = await client.call(rpc={"method": "cellcast.publish", "data": {"channel": "news", "data": 2, "idempotency_key": "k",
                                                                        "tags": {"a": "b"}, "after": ["news@1", "default/x@7"]}})
    eq(result, {"data": {"offset": 2, "epoch": "1", "id": "4194305"}})
    pub = (await client.push())["pub"]
    eq((pub["tags"], "epoch" in pub), ({"a": "b", "id": "4194305", "after": "default/news@1 default/x@7"}, False))
    m = c.sequencer.seen[-1]
    eq((m["key"], m["after"], m["shown"]), (b"k", b"default/news@1 default/x@7", 2097153))
    for bad in ({"tags": {"id": "1"}}, {"tags": {"a": 1}}, {"after": ["acme/x@1"]}, {"after": ["news"]}, {"after": "news@1"},
                {"after": ["news@1"] * 9}, {"channel": 7}, {"idempotency_key": "k" * 256}):
        eq(await client.call(rpc={"method": "cellcast.publish", "data": dict({"channel": "news", "data": 1}, **bad)}), 107)


@test()
async def delivers_each_publication_once_and_in_order_to_everybody(c):
    clients = [await connect(c) for _ in range(20)]
    for client in clients:
        for channel in ("a", "b", "chat:c"):
            await client.call(subscribe={"channel": channel})
    for i in range(300):
        for channel in ("a", "b", "chat:c"):
            c.worker.append("default/" + channel, data=json.dumps("x" * (i % 50)))
        if i % 40 == 0:
            await asyncio.sleep(0.01)
    for client in clients:
        got = {}
        while sum(map(len, got.values())) < 900:
            push = await client.push()
            if "pub" in push:
                got.setdefault(push["channel"], []).append(push["pub"]["offset"])
        eq(got, {channel: list(range(1, 301)) for channel in ("a", "b", "chat:c")})


@test()
async def unsubscribes_and_hears_nothing_more(c):
    client = await connect(c)
    await client.call(subscribe={"channel": "news"})
    eq(await client.call(unsubscribe={"channel": "news"}), {})
    c.worker.append("default/news", data="1")
    assert await client.silent()
    result = await client.call(subscribe={"channel": "news"})
    eq(result["offset"], 1)


@test("--channel-linger=200ms")
async def gives_a_channel_up_when_nobody_listens_for_a_while(c):
    client = await connect(c)
    await client.call(subscribe={"channel": "news"})
    await client.call(unsubscribe={"channel": "news"})
    assert "FAN_UNSUBSCRIBE" not in c.worker.heard
    await c.until(lambda: "FAN_UNSUBSCRIBE" in c.worker.heard)


@test("--subscribe-timeout=300ms")
async def a_subscribe_waits_for_its_worker_and_not_for_ever(c):
    client = await connect(c)
    c.worker.mute = True
    client.send({"id": 5, "subscribe": {"channel": "news"}}, {"id": 6, "unsubscribe": {"channel": "news"}})
    reply = await client.next()
    eq((reply["id"], reply["error"]["code"]), (5, 100))
    eq((await client.next()), {"id": 6, "unsubscribe": {}})


@test()
async def an_unsubscribe_and_a_subscribe_again_wait_for_the_subscribe_before_them(c):
    client = await connect(c)
    client.send({"id": 5, "subscribe": {"channel": "news"}}, {"id": 6, "unsubscribe": {"channel": "news"}},
                {"id": 7, "subscribe": {"channel": "news"}})
    replies = [await client.next() for _ in range(3)]
    eq([(r["id"], next(k for k in r if k != "id")) for r in replies], [(5, "subscribe"), (6, "unsubscribe"), (7, "subscribe")])
    c.worker.append("default/news", data="1")
    eq((await client.push())["pub"]["data"], 1)
    client.send({"id": 8, "unsubscribe": {"channel": "news"}}, {"id": 9, "subscribe": {"channel": "news"}},
                {"id": 10, "unsubscribe": {"channel": "news"}})
    eq([(await client.next())["id"] for _ in range(3)], [8, 9, 10])
    c.worker.append("default/news", data="2")
    assert await client.silent()


@test()
async def a_subscription_token_opens_a_private_channel(c):
    client = await connect(c, token(sub="42"))
    sub = token(sub="42", channel="$secret", exp=int(time.time()) + 100, info={"role": "x"})
    result = await client.call(subscribe={"channel": "$secret", "token": sub})
    assert result["expires"] and result["ttl"] > 90, result
    presence = await client.call(presence={"channel": "$secret"})
    eq(presence["presence"][client.id]["chan_info"], {"role": "x"})
    eq((await client.call(sub_refresh={"channel": "$secret", "token": sub}))["expires"], True)
    eq(await client.call(sub_refresh={"channel": "$secret"}), 107)
    eq(await client.call(sub_refresh={"channel": "other", "token": sub}), 103)
    eq(await client.call(subscribe={"channel": "$other", "token": "x"}), 103)
    client.send({"id": 90, "subscribe": {"channel": "$x", "token": token(sub="42", channel="$y")}})
    eq(await client.close_code(), 3500)


@test("--expiry-grace=200ms")
async def a_subscription_whose_token_ran_out_ends_with_2501(c):
    client = await connect(c, token(sub="42"))
    await client.call(subscribe={"channel": "$s", "token": token(sub="42", channel="$s", exp=int(time.time()) + 1)})
    eq((await client.push())["unsubscribe"], {"code": 2501, "reason": "subscription expired"})
    eq(await client.call(sub_refresh={"channel": "$s", "token": "x"}), 103)


# ---- presence, joins, history

@test()
async def joins_and_leaves_are_pushed_to_those_who_ask_and_may(c):
    asks, does_not = await connect(c), await connect(c)
    await asks.call(subscribe={"channel": "chat:x", "join_leave": True})
    eq((await asks.push())["join"]["info"]["client"], asks.id)
    await does_not.call(subscribe={"channel": "chat:x"})
    eq((await asks.push())["join"]["info"], {"user": "", "client": does_not.id})
    eq(await asks.call(presence_stats={"channel": "chat:x"}), {"num_clients": 2, "num_users": 1})
    does_not.drop()
    eq((await asks.push())["leave"]["info"]["client"], does_not.id)
    eq(await asks.call(presence_stats={"channel": "chat:x"}), {"num_clients": 1, "num_users": 1})


@test()
async def tells_counts_where_joins_are_too_many(c):
    asks, does_not = await connect(c), await connect(c)
    await asks.call(subscribe={"channel": "chat:x", "join_leave": True})
    await asks.push()
    await does_not.call(subscribe={"channel": "default/chat:x"})
    await asks.push()
    c.worker.tell("default/chat:x", "fan_counts", clients=100000, users=99000)
    eq(await asks.push(), {"channel": "chat:x", "message": {"data": {"presence": {"channel": "chat:x", "num_clients": 100000,
                                                                                 "num_users": 99000}}}})


@test()
async def shows_presence_in_pages_where_it_is_long(c):
    clients = [await connect(c) for _ in range(5)]
    for client in clients:
        await client.call(subscribe={"channel": "few:x"})
    eq(await clients[0].call(presence={"channel": "few:x"}), 130)
    eq(await clients[0].call(presence_stats={"channel": "few:x"}), {"num_clients": 5, "num_users": 1})
    there, cursor = [], None
    for size in (2, 2, 1):
        page = (await clients[0].call(rpc={"method": "cellcast.presence", "data": {"channel": "few:x", "cursor": cursor}}))["data"]
        eq((len(page["presence"]), page["num_clients"], page["num_users"]), (size, 5, 1))
        there, cursor = there + list(page["presence"]), page.get("next")
    eq((sorted(there), cursor), (sorted(client.id for client in clients), None))
    page = await clients[0].call(rpc={"method": "cellcast.presence", "data": {"channel": "few:x", "limit": 1}})
    eq(len(page["data"]["presence"]), 1)
    for wrong in ({"channel": 7}, {"channel": "few:x", "cursor": "x"}, {"channel": "few:x", "limit": "x"}, []):
        eq(await clients[0].call(rpc={"method": "cellcast.presence", "data": wrong}), 107)
    eq(await clients[0].call(rpc={"method": "cellcast.presence", "data": {"channel": "loose:x"}}), 108)


@test()
async def shows_history_forwards_backwards_and_from_a_position(c):
    for i in range(10):
        c.worker.append("default/news", data=str(i))
    client = await connect(c)
    result = await client.call(history={"channel": "news"})
    eq(result, {"publications": [], "epoch": "1", "offset": 10})
    result = await client.call(history={"channel": "news", "limit": 3})
    eq(offsets(result["publications"]), [1, 2, 3])
    result = await client.call(history={"channel": "news", "limit": 3, "reverse": True})
    eq(offsets(result["publications"]), [10, 9, 8])
    result = await client.call(history={"channel": "news", "limit": -1, "since": {"offset": 7, "epoch": "1"}})
    eq(offsets(result["publications"]), [8, 9, 10])
    eq(await client.call(history={"channel": "news", "limit": 3, "since": {"offset": 7, "epoch": "9"}}), 112)
