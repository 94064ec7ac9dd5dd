"""Clients without a WebSocket: streams, /emulation, one-way transports, and pages of other origins."""
import asyncio
import hashlib
import json
import socket
import struct

from client import Client, Refused, http, read_head
from fake_cluster import CONFIG
from harness import connect, eq, test, token
from stream import Stream

STREAMS = ("http_stream", "sse")
ONE_WAY = ("uni_http_stream", "uni_sse")


async def stream(c, name="http_stream", **kw):
    client = await Stream.open(c.port, name, **kw)
    await client.connected()
    return client


async def refused(*args, **kw):
    try:
        await Stream.open(*args, **kw)
    except Refused as e:
        return e.status
    raise AssertionError("was let in")


def reset(client):
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


@test()
async def one_whose_client_goes_while_it_is_written_to_goes_too(c):
    busy = [await connect(c) for _ in range(40)]
    streams = [await Stream.open(c.port, "uni_sse", {"token": token(sub="42", channels=["news"])}) for _ in range(30)]
    for one in streams:
        await one.connected()
    for client in busy:  # turns of the loop take long: what goes in one is written to before that is seen
        client.send(*({"id": n, "rpc": {"method": "nothing"}} for n in range(2, 2500)))
    for one in streams:
        reset(one)
        c.worker.append("default/news", data="1")
        await asyncio.sleep(0.002)
    await c.until(lambda: c.supervisor.status["connections"] == len(busy))


@test("--close-timeout=300ms")
async def one_whose_client_goes_without_having_read_goes_too(c):
    for name in STREAMS + ONE_WAY:
        first = {"token": token(sub="42", channels=["news"])}
        one = await Stream.open(c.port, name, first if name in ONE_WAY else ({"id": 1, "connect": first},))
        await one.connected()
        for _ in range(100):
            c.worker.append("default/news", data=json.dumps("x" * 60000))
        await asyncio.sleep(0.3)
        reset(one)
        await c.until(lambda: c.supervisor.status["connections"] == 0)


@test()
async def a_stream_is_told_what_a_websocket_is_told(c):
    for name, method in (("http_stream", "POST"), ("sse", "GET"), ("sse", "POST")):
        channel = f"{name}-{method}"
        first = [{"id": 1, "connect": {"name": "a+b & c=d/../%;", "token": token(sub="4 2")}}]
        later = {"id": 2, "subscribe": {"channel": channel}}
        client = await Stream.open(c.port, name, first + [later] if method == "POST" else first, method=method)
        eq(client.headers["transfer-encoding"], "chunked")
        eq(client.headers["x-accel-buffering"], "no")
        eq(client.headers["content-type"], "text/event-stream" if name == "sse" else "application/x-ndjson")
        result = await client.connected()
        eq((result["ping"], result["pong"], len(result["session"])), (25, True, 36))
        if method == "GET":  # a line's end has no place in a URL
            client.send(later)
        eq((await client.next())["subscribe"], {"recoverable": True, "epoch": "1", "positioned": True})
        other = await Client.open(c.port)
        await other.call(connect={})
        await other.call(subscribe={"channel": channel})
        c.worker.append("default/" + channel, data='{"a":1}')
        eq(await client.line(), await other.line())


@test()
async def commands_come_through_emulation_and_take_effect_in_order(c):
    for name in STREAMS:
        client = await stream(c, name)
        eq(await client.call(subscribe={"channel": name}), {"recoverable": True, "epoch": "1", "positioned": True})
        eq(await client.call(publish={"channel": name, "data": {"line": "one\\ntwo"}}), {})
        eq((await client.push())["pub"]["data"], {"line": "one\\ntwo"})
        eq(await client.say({"id": 7, "unsubscribe": {"channel": name}}, {"id": 8, "subscribe": {"channel": name}},
                            {"id": 9, "history": {"channel": name, "limit": 1}}), 204)
        eq([(await client.next())["id"] for _ in range(3)], [7, 8, 9])
    await c.until(lambda: c.supervisor.metrics.get("gateway_emulations_total", 0) >= 6)
    eq(c.supervisor.metrics["gateway_sse_connections"], 1)
    eq(c.supervisor.metrics["gateway_http_stream_connections_total"], 1)


@test()
async def a_session_is_not_the_client_and_opens_with_nothing_else(c):
    client = await stream(c)
    assert client.session not in (client.id, client.node)
    stranger = {"session": client.id, "node": client.node, "data": '{"id":2,"rpc":{"method":"nothing"}}'}
    eq((await http(c.port, "POST", "/emulation", stranger))[0], 204)
    assert await client.silent()
    eq(await client.call(rpc={"method": "nothing"}), 108)


@test()
async def emulation_says_what_is_wrong_with_it(c):
    client = await stream(c)
    good = {"session": client.session, "node": client.node, "data": "{}"}
    for bad in (b"", b"{", b"[]", {}, dict(good, data=""), dict(good, session=""), dict(good, node=7), dict(good, data={}),
                {"session": client.session, "node": client.node}):
        eq((await http(c.port, "POST", "/emulation", bad))[0], 400)
    eq((await http(c.port, "GET", "/emulation"))[0], 405)
    eq((await http(c.port, "POST", "/emulation", b"x" * (128 * 1024 + 1)))[0], 413)
    eq((await http(c.port, "POST", "/t/nobody/emulation", good))[0], 404)
    eq((await http(c.port, "POST", "/t/acme/emulation", good))[0], 204)  # the path says whose pages may, no more
    eq(await client.close_code(), 3501)  # that was a pong, and nobody had asked


@test()
async def emulation_for_another_gateway_goes_by_the_supervisor(c):
    body = {"session": "s", "node": "elsewhere", "data": '{"id":2}'}
    eq((await http(c.port, "POST", "/emulation", body))[0], 404)
    c.supervisor.nodes = {"elsewhere": 204, "busy": 503}
    eq((await http(c.port, "POST", "/emulation", body))[0], 204)
    eq({k: c.supervisor.emulated[k] for k in ("node", "session", "data")}, {"node": b"elsewhere", "session": b"s", "data": b'{"id":2}'})
    eq((await http(c.port, "POST", "/emulation", dict(body, node="busy")))[0], 503)


@test()
async def commands_that_came_to_another_gateway_are_heard(c):
    client = await stream(c)
    eq(client.node.encode(), c.supervisor.hello["node"])
    c.supervisor.say("ctl_emulate", request=1, node=client.node, session=client.session, data='{"id":5,"rpc":{"method":"x"}}')
    eq((await client.next())["id"], 5)
    c.supervisor.say("ctl_emulate", request=2, node=client.node, session="gone", data='{"id":5}')
    await c.until(lambda: c.supervisor.metrics.get("gateway_emulations_late_total"))


@test("--emulations-max=1")
async def bounds_what_waits_for_the_supervisor(c):
    c.supervisor.on_ctl_emulate = lambda m: setattr(c.supervisor, "emulated", m)  # says nothing
    body = {"session": "s", "node": "elsewhere", "data": "{}"}
    waits = asyncio.create_task(http(c.port, "POST", "/emulation", body))
    await c.until(lambda: hasattr(c.supervisor, "emulated"))
    eq((await http(c.port, "POST", "/emulation", body))[0], 503)
    c.supervisor.say("ctl_emulated", request=c.supervisor.emulated["request"], status=204)
    eq((await waits)[0], 204)
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)  # and who does not wait for his answer
    text = json.dumps(body)
    writer.write(f"POST /emulation HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
    await c.until(lambda: c.supervisor.emulated["request"] == 2)
    writer.transport.abort()
    c.supervisor.say("ctl_emulated", request=2, status=204)
    del c.supervisor.on_ctl_emulate
    eq((await http(c.port, "POST", "/emulation", body))[0], 404)


@test("--ping-interval=1s", "--pong-timeout=300ms")
async def pings_of_streams_are_answered_through_emulation(c):
    good, lazy = await stream(c), await stream(c, "sse")
    lazy.pongs = False
    reading = asyncio.create_task(good.line(20))
    eq(await lazy.close_code(), 3012)
    eq(lazy.last, {"code": 3012, "reason": "no pong", "reconnect": True})
    pings = good.pings
    await c.until(lambda: good.pings > pings)
    assert not reading.done()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


@test()
async def a_stream_ends_with_its_client_and_with_whoever_says_more_on_it(c):
    for name in STREAMS + ONE_WAY:
        first = {} if name in ONE_WAY else ({"id": 1, "connect": {}},)
        client = await Stream.open(c.port, name, first)
        await c.until(lambda: c.supervisor.status["connections"] == 1)
        client.writer.close()
        await c.until(lambda: c.supervisor.status["connections"] == 0)
        client = await Stream.open(c.port, name, first)
        await c.until(lambda: c.supervisor.status["connections"] == 1)
        client.writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        await c.until(lambda: c.supervisor.status["connections"] == 0)


@test()
async def a_disconnect_is_a_push_and_then_the_end(c):
    for name in STREAMS:
        client = await stream(c, name)
        client.send({"id": 2, "nothing": {}})
        eq(await client.close_code(), 3501)
        eq(client.last, {"code": 3501, "reason": "bad request"})
        eq(await client.reader.read(), b"")
    leaving = [await stream(c, name) for name in STREAMS]
    c.supervisor.say("ctl_drain", seconds=1)
    for client in leaving:
        eq(await client.close_code(), 3001)


@test()
async def what_a_stream_begins_with_is_judged_as_a_message_is(c):
    for first, code in ((("nonsense",), 3501), (({"id": 1, "subscribe": {"channel": "news"}},), 3501),
                        (({"id": 1, "connect": {"token": "nonsense"}},), 3500)):
        for name in STREAMS:
            eq(await (await Stream.open(c.port, name, first)).close_code(), code)
    expired = await Stream.open(c.port, first=({"id": 1, "connect": {"token": token(sub="1", exp=1)}},))
    eq((await expired.next())["error"]["code"], 109)
    eq((await http(c.port, "GET", "/connection/sse"))[0], 400)
    eq((await http(c.port, "GET", "/connection/http_stream"))[0], 405)
    eq((await http(c.port, "PUT", "/connection/sse"))[0], 405)
    eq((await http(c.port, "POST", "/connection/http_stream", b"x" * (128 * 1024 + 1)))[0], 413)
    eq(await refused(c.port, prefix="/t/nobody"), 404)
    eq(await refused(c.port, prefix="/t/acme", Origin="http://localhost:3000"), 403)


@test("--connections-max=16")
async def says_503_to_streams_when_it_is_full(c):
    clients = [await stream(c) for _ in range(16)]
    eq(await refused(c.port), 503)
    clients[0].drop()
    await c.until(lambda: c.supervisor.status["connections"] == 15)
    await stream(c)


@test("--connect-rate=1", "--connect-wait=300ms")
async def streams_wait_for_admission_too(c):
    outcomes = [await (await Stream.open(c.port)).next() for _ in range(6)]
    assert any(o.get("error", {}).get("code") == 111 for o in outcomes), outcomes


@test()
async def http_1_0_has_streams_without_chunks(c):
    for name in STREAMS:
        client = await Stream.open(c.port, name, version="1.0")
        eq((client.headers["content-type"], client.headers.get("transfer-encoding"), client.headers["connection"]),
           ("text/event-stream" if client.events else "application/x-ndjson", None, "close"))
        await client.connected()
        await client.call(subscribe={"channel": f"old-{name}"})
        c.worker.append(f"default/old-{name}", data='{"n":1}')
        eq((await client.push())["pub"]["data"], {"n": 1})
        client.send({"id": 9, "nothing": {}})
        eq(await client.close_code(), 3501)
        eq(await client.reader.read(), b"")


@test("--ring-bytes=128k")
async def a_slow_stream_goes_on_by_pages_and_misses_nothing(c):
    for name in STREAMS:
        slow = await stream(c, name)
        await slow.call(subscribe={"channel": name})
        slow.reader._transport.pause_reading()
        for n in range(300):
            c.worker.append("default/" + name, data=json.dumps({"n": n, "pad": "x" * 20000}))
            if n % 50 == 0:
                await asyncio.sleep(0.05)
        await c.until(lambda: c.supervisor.metrics.get("gateway_slow_connections"))
        slow.reader._transport.resume_reading()
        eq([(await slow.push())["pub"]["offset"] for _ in range(300)], list(range(1, 301)))
    await c.until(lambda: c.supervisor.metrics.get("gateway_refills_total"))  # nothing was kept for them


def sized(message):
    return bytes([len(message)]) + message


def field(number, value):
    return bytes([number << 3 | 2]) + sized(value)


@test()
async def an_http_stream_may_be_protobuf(c):
    first = sized(b"\x08\x01" + field(4, field(4, b"go")))
    binary = {"Content_Type": "application/octet-stream"}
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    writer.write(b"POST /connection/http_stream HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
                 % len(first) + first)
    status, got = await read_head(reader)
    eq((status, got["content-type"]), (200, "application/octet-stream"))

    async def chunk():
        size = int(await reader.readuntil(b"\r\n"), 16)
        return (await reader.readexactly(size + 2))[:-2]

    reply = await asyncio.wait_for(chunk(), 5)
    session, node = (reply.split(tag + b"\x24", 1)[1][:36] for tag in (b"\x4a", b"\x52"))  # fields 9 and 10, 36 bytes
    eq(node, c.supervisor.hello["node"])
    ask = sized(b"\x08\x02" + field(13, field(2, b"nothing")))
    body = field(1, node) + field(2, session) + field(3, ask + b"\x00")  # a pong that nobody asked for, behind it
    eq((await http(c.port, "POST", "/emulation", body, **binary))[0], 204)
    eq((await asyncio.wait_for(chunk(), 5))[1:5], b"\x08\x02\x12" + bytes([4 + len("not available")]))
    farewell = await asyncio.wait_for(chunk(), 5)
    assert farewell.endswith(b"\x12\x0bbad request"), farewell
    eq(await asyncio.wait_for(chunk(), 5), b"")
    eq((await http(c.port, "POST", "/emulation", b"\xff", **binary))[0], 400)


# ---- one-way

@test()
async def a_one_way_client_hears_bare_pushes(c):
    for name, method in (("uni_http_stream", "POST"), ("uni_sse", "GET"), ("uni_sse", "POST")):
        client = await Stream.open(c.port, name, {"name": "x"}, method=method)
        result = await client.connected()
        eq((result["ping"], "pong" in result, client.node), (25, False, None))
    bare = await http_lines(c, "GET /connection/uni_sse HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b'data: {"connect":{' in bare, bare


async def http_lines(c, request):
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    writer.write(request.encode())
    await read_head(reader)
    text = await asyncio.wait_for(reader.readuntil(b"}}\n"), 5)
    writer.close()
    return text


@test()
async def a_one_way_websocket_connects_with_its_first_message_or_its_url(c):
    client = await Client.open(c.port, "/connection/uni_websocket")
    client.send({"name": "x"})
    result = (await client.next())["connect"]
    eq(("session" in result, "pong" in result), (True, False))
    client.send("anything")
    assert await client.silent()
    client = await Client.open(c.port, '/connection/uni_websocket?cf_connect=%7B%22token%22%3A%22' + token(sub="42") + "%22%7D")
    assert "connect" in await client.next()
    client = await Client.open(c.port, "/connection/uni_websocket")
    client.send("nonsense")
    eq(await client.close_code(), 3501)


@test()
async def errors_of_a_one_way_connect_are_disconnects(c):
    expired = {"token": token(sub="1", exp=1)}
    for name in ONE_WAY:
        eq(await (await Stream.open(c.port, name, expired)).close_code(), 3005)
        eq(await refused(c.port, name, [1]), 400)
    client = await Client.open(c.port, "/connection/uni_websocket")
    client.send(expired)
    eq(await client.close_code(), 3005)


@test("--connect-rate=1", "--connect-wait=300ms")
async def a_one_way_connect_that_waited_too_long_is_3013(c):
    lines = [await (await Stream.open(c.port, "uni_http_stream", {})).next() for _ in range(6)]
    assert {"disconnect": {"code": 3013, "reason": "too many requests", "reconnect": True}} in lines, lines


@test("--ping-interval=1s", "--pong-timeout=300ms")
async def a_one_way_client_is_alive_as_long_as_its_kernel_takes_pings(c):
    clients = [await Stream.open(c.port, name, {}) for name in ONE_WAY]
    for client in clients:
        await client.connected()
    reading = [asyncio.create_task(client.line()) for client in clients]
    await asyncio.sleep(2.2)
    assert all(client.pings and not task.done() for client, task in zip(clients, reading))
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)


# ---- pages of other origins

async def ask(c, method, path, body=b"", **headers):
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    lines = [f"{method} {path} HTTP/1.1", "Host: x"] + [f"{n.replace('_', '-')}: {v}" for n, v in headers.items()]
    lines += [f"Content-Length: {len(body)}"] if method == "POST" else []
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
    status, got = await read_head(reader)
    writer.close()
    return status, got


@test()
async def pages_of_allowed_origins_may_read_and_ask_before(c):
    page = {"Origin": "http://localhost:3000"}
    for path, methods in (("/connection/http_stream", "POST"), ("/connection/sse", "GET, POST"), ("/emulation", "POST"),
                          ("/connection/uni_sse", "GET, POST"), ("/connection/init", "GET")):
        status, got = await ask(c, "OPTIONS", path, Access_Control_Request_Method="POST",
                                Access_Control_Request_Headers="content-type,x-more", **page)
        eq(status, 204)
        eq({k.removeprefix("access-control-"): v for k, v in got.items() if k.startswith("access-")},
           {"allow-origin": "http://localhost:3000", "allow-credentials": "true", "allow-methods": methods,
            "allow-headers": "content-type,x-more", "max-age": "300"})
        assert "content-length" not in got
        eq((await ask(c, "OPTIONS", path, Origin="http://evil.example"))[0], 403)
        eq((await ask(c, "OPTIONS", path))[0], 204)
    for method, path, body, wanted in (("GET", "/connection/init", b"", 200), ("POST", "/emulation", b"{}", 400),
                                       ("POST", "/connection/http_stream", b'{"id":1,"connect":{}}', 200)):
        status, got = await ask(c, method, path, body, **page)
        eq((status, got["access-control-allow-origin"], got["vary"]), (wanted, "http://localhost:3000", "origin"))
        eq((await ask(c, method, path, body, Origin="http://evil.example"))[0], 403)
        assert "access-control-allow-origin" not in (await ask(c, method, path, body))[1]


# ---- who does not wait

async def ended(reader):
    """Reads to the end, however it comes."""
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""


PUBLISHER = dict(CONFIG, api_keys=[{"sha256": hashlib.sha256(b"K").hexdigest(), "tenant": "default"}])


@test(config=PUBLISHER)
async def who_says_more_behind_a_body_before_the_answer_is_cut(c):
    body = b'{"channel":"news","data":1}'
    one = b"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: K\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    c.sequencer.mute = True  # so that there is no answer yet
    for more in (one, b"\r\n", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"):
        for texts in ((one + more,), (one, more)):
            reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
            for text in texts:
                writer.write(text)
                await asyncio.sleep(0.05)
            eq(await ended(reader), b"")
    eq((await http(c.port, "GET", "/health"))[0], 200)
    eq(len(c.sequencer.seen), 6)
