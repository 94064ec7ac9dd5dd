"""What a client can do wrong, command by command, and what it gets for it (protocol.md 3, 6, 7, 9): an error, after which the
connection goes on as if nothing had been, or a disconnect. Rows are commands, not bytes, and hold for every encoding; what only
JSON can get wrong is by itself below."""

import asyncio

from client import Client, Refused, http
from fake_cluster import CONFIG
from harness import connect, eq, test, token

ENCODINGS = [{}, {"Sec_WebSocket_Protocol": "centrifuge-protobuf"}]  # what each asks for at the upgrade

SHUT = {"allow_subscribe_for_client": True, "allow_subscribe_for_anonymous": True, "presence": True}  # and nothing else is allowed
BAD = dict(CONFIG, namespaces=CONFIG["namespaces"] + [{"tenant": "default", "name": "shut", "options": SHUT}])

ON_CHANNEL = ("subscribe", "unsubscribe", "publish", "presence", "presence_stats", "history", "sub_refresh")
READS = ("presence", "presence_stats", "history")


def on(verb, channel, **more):
    return {verb: dict({"channel": channel}, **({"data": 1} if verb == "publish" else {}), **more)}


class Ends(int):
    """With this code, where an error would be a plain number."""


def of_channels():
    """(command, what it gets) of each command that names a channel"""
    for verb in ON_CHANNEL:
        yield {verb: {}}, Ends(3501)
        yield on(verb, ""), Ends(3501)
        for channel, code in (("nowhere:x", 102), ("x" * 256, 107), ("a b", 107), ("räum", 107), ("acme/x", 103), ("default/nowhere:x", 102)):
            yield on(verb, channel), {} if verb == "unsubscribe" else code


OF_COMMANDS = [
    ({"subscribe": {"channel": "closed:x"}}, 103),
    ({"subscribe": {"channel": "$secret"}}, 103),
    ({"subscribe": {"channel": "$secret", "token": "nonsense"}}, 103),
    ({"subscribe": {"channel": "$secret", "token": token(channel="$secret", exp=1)}}, 109),
    ({"subscribe": {"channel": "$secret", "token": token("wrong", channel="$secret")}}, 103),
    ({"subscribe": {"channel": "$secret", "token": token()}}, 103),  # a connection's
    ({"subscribe": {"channel": "$secret", "token": token(channel="$other")}}, Ends(3500)),
    ({"subscribe": {"channel": "$secret", "token": token(sub="another", channel="$secret")}}, Ends(3500)),
    ({"subscribe": {"channel": "news", "type": 1}}, 103),
    ({"subscribe": {"channel": "news", "type": 4}}, 103),
    ({"subscribe": {"channel": "news", "delta": "what"}}, Ends(3501)),
    ({"publish": {"channel": "news"}}, 107),
    ({"publish": {"channel": "closed:x", "data": 1}}, 103),
    ({"publish": {"channel": "shut:x", "data": 1}}, 103),
    ({"publish": {"channel": "news", "data": "x" * 65535}}, 107),
    ({"publish": {"channel": "news", "data": 1, "type": 1}}, 108),
    *(({verb: {"channel": "loose:x"}}, 108) for verb in READS),
    *(({verb: {"channel": "shut:x"}}, 103) for verb in READS),
    *(({verb: {"channel": "closed:x"}}, 108) for verb in ("presence", "presence_stats")),
    ({"history": {"channel": "closed:x"}}, 103),
    ({"history": {"channel": "typing:x"}}, 108),
    ({"history": {"channel": "news", "limit": 1, "reverse": True, "since": {"offset": 0, "epoch": "1"}}}, 107),
    ({"history": {"channel": "news", "limit": 1, "since": {"offset": 1, "epoch": "none"}}}, 112),
    ({"history": {"channel": "news", "limit": 1, "since": {"offset": 1, "epoch": "9"}}}, 112),
    ({"rpc": {}}, 108),  # no application that would know
    ({"rpc": {"method": "what", "data": {}}}, 108),
    ({"rpc": {"method": "x" * 1000}}, 108),
    ({"rpc": {"method": "cellcast.fly"}}, 104),
    ({"rpc": {"method": "cellcast.publish"}}, 107),
    ({"rpc": {"method": "cellcast.publish", "data": {"channel": "news", "data": 1, "after": ["news"]}}}, 107),
    ({"rpc": {"method": "cellcast.publish", "data": {"channel": "nowhere:x", "data": 1}}}, 102),
    ({"rpc": {"method": "cellcast.publish", "data": {"channel": "closed:x", "data": 1}}}, 103),
    ({"rpc": {"method": "cellcast.publish", "data": {"channel": "typing:x", "data": 1, "idempotency_key": "k"}}}, 108),
    ({"rpc": {"method": "cellcast.presence", "data": {"channel": "shut:x"}}}, 103),
    ({"rpc": {"method": "cellcast.focus", "data": {"focus": 1}}}, 107),
    ({"rpc": {"method": "cellcast.focus", "data": {"focus": False, "channels": ["nobody-is-here"]}}}, 103),
    ({"send": {"data": 1}}, Ends(3508)),
    ({"refresh": {}}, Ends(3501)),
    ({"refresh": {"token": "nonsense"}}, Ends(3500)),
    ({"refresh": {"token": token("wrong")}}, Ends(3500)),
    ({"refresh": {"token": token(sub="another")}}, Ends(3500)),
    ({"refresh": {"token": token(exp=1)}}, Ends(3005)),
    ({"sub_refresh": {"channel": "news"}}, 103),
    ({"sub_refresh": {"channel": "news", "token": token(channel="news")}}, 103),
    ({"sub_refresh": {"channel": "news", "type": 1}}, 108),
    ({"connect": {}}, Ends(3501)),
    ({"ping": {}}, Ends(3501)),
    ({}, Ends(3501)),  # an id and nothing that is known
]


async def gets(client, command):
    """What the command gets: an error's code, a result, or the code that the connection ends with."""
    try:
        return await client.call(**command)
    except EOFError:
        return Ends(client.closed[0])


async def all_get(c, rows, **encoding):
    client = await connect(c, **encoding)
    for command, wanted in rows:
        got = await gets(client, command)
        eq((command, type(got), got), (command, type(wanted), wanted))
        if isinstance(got, Ends):
            assert client.closed[1]  # SDKs take a code without a reason for a lost connection
            client = await connect(c, **encoding)
    eq(await client.call(unsubscribe={"channel": "news"}), {})


@test(config=BAD)
async def each_command_that_names_a_wrong_channel_gets_its_error(c):
    for encoding in ENCODINGS:
        await all_get(c, of_channels(), **encoding)
    eq(c.sequencer.seen, [])


@test(config=BAD)
async def each_command_that_is_wrong_gets_its_error(c):
    for encoding in ENCODINGS:
        await all_get(c, OF_COMMANDS, **encoding)
    eq(c.sequencer.seen, [])


@test()
async def each_command_before_connect_ends_the_connection(c):
    commands = [on(verb, "news") for verb in ON_CHANNEL] + [{"send": {"data": 1}}, {"rpc": {"method": "x"}}, {"refresh": {"token": "x"}},
                                                            {"ping": {}}, {}]
    for encoding in ENCODINGS:
        for command in commands:
            client = await Client.open(c.port, **encoding)
            eq((command, await gets(client, command)), (command, 3501))


@test()
async def each_command_behind_a_connect_that_failed_ends_the_connection(c):
    for encoding in ENCODINGS:
        for command in ({"connect": {}}, on("subscribe", "news"), {"rpc": {"method": "x"}}):
            client = await Client.open(c.port, **encoding)
            eq(await client.call(connect={"token": token(exp=1)}), 109)
            eq((command, await gets(client, command)), (command, 3501))


@test("--ping-interval=1s")
async def a_second_pong_for_one_ping_ends_the_connection(c):
    client = await connect(c)
    client.pongs = False
    while client.pings == 0:
        try:
            await client.next(0.2)
        except TimeoutError:
            pass
    client.send({})
    assert await client.silent()
    client.send({})
    eq(await client.close_code(), 3501)


@test()
async def a_frame_that_is_no_protobuf_ends_the_connection(c):
    for frame, opcode in ((b"{}", 1), (b"", 2), (b"\x05\x08", 2), (b"\x80", 2), (b"\xff" * 11, 2), (b"\x02\x0a\x05", 2), (b"\x01\x07", 2),
                          (b'\x11{"id":2,"rpc":{}}', 2)):
        client = await connect(c, **ENCODINGS[1])
        client.send_frame(frame, opcode=opcode)
        eq((frame, await client.close_code()), (frame, 3501))


# ---- what only JSON can get wrong

WRONG_TYPES = [
    *({verb: {"channel": wrong}} for verb in ON_CHANNEL for wrong in (7, True, [], {})),
    *({verb: wrong} for verb in (*ON_CHANNEL, "connect", "rpc", "send", "refresh") for wrong in ("x", 1, [])),
    *({"subscribe": dict({"channel": "news"}, **wrong)} for wrong in (
        {"token": 5}, {"recover": 1}, {"recover": "true"}, {"offset": -1}, {"offset": "1"}, {"offset": 1.5}, {"offset": 1 << 64}, {"epoch": 5},
        {"flag": "x"}, {"flag": 1 << 63}, {"join_leave": 1}, {"delta": 5}, {"type": "x"})),
    *({"history": dict({"channel": "news"}, **wrong)} for wrong in (
        {"limit": "1"}, {"limit": 1.5}, {"reverse": 1}, {"since": []}, {"since": 3}, {"since": {"offset": -1}}, {"since": {"epoch": 5}})),
    {"publish": {"channel": "news", "data": 1, "type": "x"}},
    {"rpc": {"method": 5}},
    {"refresh": {"token": 5}},
    {"sub_refresh": {"channel": "news", "token": {}}},
]

IDS = ['-1', '1.5', '1e1', '"2"', '4294967296', 'true', '[]', '{}']  # and 0 or none, which is a pong's

FRAMES = [b'', b'\n', b'[]', b'null', b'3', b'"x"', b'{"id":2,}', b"{'id':2}", b'{"id":2,"rpc":{"data":NaN}}', b'{"id":02,"rpc":{}}',
          b'{"id":2,"rpc":{}}\n\n', b'{"id":2,"rpc":{}}\n\n{"id":3,"rpc":{}}', b'{"id":2,"rpc":{}} {"id":3,"rpc":{}}',
          b'{"id":2,"rpc":{"method":"\xff"}}', b'{"id":2,"rpc":{"method":"\\ud800"}}', b'{"id":2,"rpc":{"method":"\\u0000"}}',
          b'\xef\xbb\xbf{"id":2,"rpc":{}}', b'{"id":2,"rpc":{"data":' + b'[' * 200 + b']' * 199 + b'}}', b'{"id":2,"rpc":{"method":"' + b'x' * 9]


@test()
async def a_field_of_a_wrong_type_ends_the_connection(c):
    for command in WRONG_TYPES:
        client = await connect(c)
        eq((command, await gets(client, command)), (command, 3501))


@test()
async def an_id_that_is_none_ends_the_connection(c):
    for text in (*IDS, '0', 'null'):
        client = await connect(c)
        client.send('{"id":' + text + ',"rpc":{"method":"x"}}')
        eq((text, await client.close_code()), (text, 3501))


@test()
async def a_frame_that_is_no_line_of_json_ends_the_connection(c):
    for frame in FRAMES:
        client = await connect(c)
        client.send_frame(frame)
        eq((frame, await client.close_code()), (frame, 3501))


@test()
async def what_is_unusual_and_no_mistake_is_heard(c):
    client = await connect(c)
    client.send_frame(b'{"id":2,"rpc":{"method":"x"}}', opcode=2)  # bytes
    eq((await client.next())["error"]["code"], 108)
    for line in ('{"id":3,"rpc":{"method":"x"}}\n', ' { "rpc" : { "method" : "x" , "method2":5 } , "id" : 3 , "new":[] } ',
                 '{"id":3,"subscribe":null,"rpc":{"method":"x"}}', '{"id":3,"rpc":{"method":"x","data":' + '[' * 60 + ']' * 60 + '}}'):
        client.send(line)
        eq((line, (await client.next())["error"]["code"]), (line, 108))


# ---- limits: each an option, with what is above it

LIMITED = {"name": "default", "cells": ["a"], "options": {"allow_anonymous_connect_without_token": True, "token_hmac_secret_key": "secret",
                                                         "channel_limit": 2, "connection_limit": 4, "user_connection_limit": 1}}
LIMITS = dict(CONFIG, tenants=[LIMITED, *CONFIG["tenants"][1:]])


@test("--frame-max=65536", config=LIMITS)
async def says_which_limit_it_was(c):
    client = await connect(c, token(sub="42"))
    for channel in ("a", "b"):
        await client.call(subscribe={"channel": channel})
    eq(await client.call(subscribe={"channel": "c"}), 106)  # channel_limit
    second = await Client.open(c.port)
    second.send({"id": 1, "connect": {"token": token(sub="42")}})
    eq((await second.close_code(), second.closed), (3504, (3504, "connection limit")))  # user_connection_limit
    others = [await connect(c) for _ in range(3)]
    last = await Client.open(c.port)
    last.send({"id": 1, "connect": {}})
    eq((await last.close_code(), last.closed), (4011, (4011, "connection limit of the tenant")))  # connection_limit
    others[0].send_frame(b"x" * 65537)
    eq((await others[0].close_code(), others[0].closed), (1009, (1009, "message above --frame-max")))


@test("--api-body-max=4096", "--connections-max=16")
async def says_which_limit_it_was_before_the_upgrade(c):
    eq(await http(c.port, "POST", "/api/publish", b"x" * 4097), (413, b"body too large: above --api-body-max\n"))
    clients = [await Client.open(c.port) for _ in range(16)]
    try:
        await Client.open(c.port)
        raise AssertionError("was let in")
    except Refused as e:
        assert e.status == 503 and "--connections-max" in str(e), e
    assert clients


@test("--headers-max=40k")
async def takes_as_long_headers_as_it_is_told(c):
    eq((await http(c.port, "GET", "/health", Cookie="x" * 30000))[0], 200)
    try:
        await http(c.port, "GET", "/health", Cookie="x" * 50000)
        raise AssertionError("was answered")
    except (asyncio.IncompleteReadError, ConnectionError):
        pass


# ---- what is not offered

@test()
async def declines_what_it_does_not_offer_without_an_error(c):
    client = await Client.open(c.port)
    result = await client.call(connect={"flag": 3, "dict": "x"})
    assert not {"flag", "dict"} & set(result), result
    result = await client.call(subscribe={"channel": "news", "flag": 1, "delta": "fossil"})
    assert not {"id", "delta"} & set(result), result


ABSENT = ("/", "/admin", "/admin/auth", "/debug/pprof/", "/swagger", "/connection/webtransport", "/connection/uni_grpc", "/metrics",
          *(f"/api/{method}" for method in ("map_publish", "map_remove", "map_read_state", "shared_poll_publish", "block_user", "revoke_token",
                                            "update_user_status", "device_register", "send_push_notification")))


@test()
async def has_no_endpoints_that_it_does_not_serve(c):
    for path in ABSENT:
        for method in ("GET", "POST"):
            eq((path, (await http(c.port, method, path, {} if method == "POST" else None))[0]), (path, 404))


@test()
async def has_no_extension_of_websocket(c):
    client = await Client.open(c.port, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
    assert "sec-websocket-extensions" not in client.headers
