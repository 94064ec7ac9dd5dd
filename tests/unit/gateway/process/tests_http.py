"""HTTP, upgrades, connect, refresh, admission."""
import asyncio
import hashlib
import json
import signal
import time

from client import Client, Refused, http, read_head
from fake_cluster import CONFIG
from harness import connect, eq, refused, test, token


# ---- HTTP and upgrade

@test()
async def answers_health_ready_and_404(c):
    eq(await http(c.port, "GET", "/health"), (200, b"{}"))
    eq(await http(c.port, "GET", "/ready"), (200, b"{}"))
    eq((await http(c.port, "GET", "/elsewhere"))[0], 404)
    eq((await http(c.port, "GET", "/connection/websocket"))[0], 426)


@test(config=None)
async def is_not_ready_before_it_has_a_configuration(c):
    status, body = await http(c.port, "GET", "/ready")
    eq((status, json.loads(body)), (503, {"reason": "no configuration yet"}))
    eq((await http(c.port, "GET", "/health"))[0], 200)
    client = await Client.open(c.port)
    client.send({"id": 1, "connect": {}})
    assert await client.silent()
    c.supervisor.configure(CONFIG)
    eq((await client.next())["id"], 1)


@test()
async def chooses_the_subprotocol_that_is_offered(c):
    assert "sec-websocket-protocol" not in (await Client.open(c.port)).headers
    for offered, echoed in (("centrifuge-json", "centrifuge-json"), ("centrifuge-protobuf", "centrifuge-protobuf"),
                            ("centrifuge-protobuf, centrifuge-json", "centrifuge-protobuf"), ("mqtt, centrifuge-json", "centrifuge-json")):
        client = await Client.open(c.port, Sec_WebSocket_Protocol=offered)
        eq(client.headers["sec-websocket-protocol"], echoed)
    eq(await refused(c.port, Sec_WebSocket_Protocol="mqtt"), 400)
    for query in ("format=protobuf", "x=1&cf_protocol=protobuf"):
        client = await Client.open(c.port, path="/connection/websocket?" + query)
        assert "sec-websocket-protocol" not in client.headers
        client.send_frame(b"\x04\x08\x01\x22\x00", opcode=2)
        opcode, reply = await client.read_frame()
        eq((opcode, reply[1:4]), (2, b"\x08\x01\x2a"))
        client.send_frame(b"\x04\x08\x02\x2a\x00")
        eq(await client.close_code(), 3501)


@test()
async def refuses_origins_paths_and_tenants_before_the_upgrade(c):
    eq(await refused(c.port, Origin="http://evil.example"), 403)
    await Client.open(c.port, Origin="http://localhost:3000")
    eq(await refused(c.port, path="/t/acme/connection/websocket", Origin="http://localhost:3000"), 403)
    await Client.open(c.port, path="/t/acme/connection/websocket")
    eq(await refused(c.port, path="/t/nobody/connection/websocket"), 404)
    eq(await refused(c.port, path="/connection/elsewhere"), 404)
    injected = "/connection/websocket?x=%0aOrigin:http://localhost"
    eq(await refused(c.port, path=injected, Origin="http://evil.example"), 400)
    eq((await http(c.port, "GET", injected))[0], 400)


@test("--connections-max=16")
async def says_503_when_it_is_full_and_lets_in_again(c):
    clients = [await Client.open(c.port) for _ in range(16)]
    eq(await refused(c.port), 503)
    eq((await http(c.port, "GET", "/ready"))[0], 503)
    clients[0].drop()
    await c.until(lambda: c.supervisor.status["connections"] == 15)
    await Client.open(c.port)


@test("--handshake-timeout=300ms")
async def cuts_a_socket_that_says_nothing(c):
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    start = time.monotonic()
    try:
        eq(await reader.read(), b"")
    except ConnectionError:
        pass
    assert 0.25 < time.monotonic() - start < 2


@test()
async def takes_connections_from_the_supervisor(c):
    client = await Client.open(c.port, sock=c.supervisor.pass_connection(c.port))
    await client.call(connect={})
    await c.until(lambda: c.supervisor.status["adopted"] == 1 and c.supervisor.status["connections"] == 1)


@test()
async def keeps_http_connections_and_answers_pipelined_requests_in_order(c):
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    one = asks("GET", "/health")
    for count in (1, 3):
        writer.write(one * count)
        for _ in range(count):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200"), head
            eq(await reader.readexactly(2), b"{}")


@test()
async def a_request_that_does_not_say_its_length_is_the_last_of_its_connection(c):
    """libwebsockets loses what stands behind X-Auth, and would take the body for a request of whoever comes next through a balancer."""
    for hides in (b"", b"X-Auth: a\r\nContent-Length: 34\r\n", b"Content-Length : 34\r\n"):
        for method in (b"GET", b"HEAD", b"OPTIONS", b"POST"):
            reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
            writer.write(method + b" /health HTTP/1.1\r\nHost: x\r\n" + hides + b"\r\n" + b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
            answers = await asyncio.wait_for(reader.read(), 5)
            eq((method, hides, answers.count(b"HTTP/1.")), (method, hides, 1))
            assert b"connection: close" in answers.lower(), answers


@test()
async def bounds_bodies_of_the_api(c):
    eq((await http(c.port, "POST", "/api/publish", b"x" * (1 << 20) + b"y"))[0], 413)
    eq((await http(c.port, "POST", "/api/publish", {"channel": "news", "data": {}}))[0], 401)
    eq((await http(c.port, "GET", "/api/publish"))[0], 405)


API_CONFIG = dict(CONFIG, api_keys=[{"sha256": hashlib.sha256(b"K").hexdigest(), "tenant": "default"}])


@test(config=API_CONFIG)
async def serves_the_http_api(c):
    key = {"X_API_Key": "K"}
    client = await connect(c)
    await client.call(subscribe={"channel": "news"})
    status, body = await http(c.port, "POST", "/api/publish", {"channel": "news", "data": {"a": 1}}, **key)
    eq((status, json.loads(body)["result"]["offset"]), (200, 1))
    eq((await client.push())["pub"]["data"], {"a": 1})
    _, body = await http(c.port, "POST", "/api/channels", {}, **key)
    eq(json.loads(body), {"result": {"channels": {"news": {"num_clients": 1}}}})
    _, body = await http(c.port, "POST", "/api/info", {}, **key)
    eq(json.loads(body)["result"]["nodes"][0]["num_clients"], 1)
    _, body = await http(c.port, "POST", "/api/unsubscribe", {"channel": "news", "client": client.id}, **key)
    eq((await client.push())["unsubscribe"], {"code": 2000, "reason": "server unsubscribe"})
    _, body = await http(c.port, "POST", "/api/disconnect", {"client": client.id}, **key)
    eq(await client.close_code(), 3503)


def asks(method, path, body=b""):
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@test()
async def reads_the_body_of_any_method_before_the_next_request(c):
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    for method, status in (("PUT", 405), ("GET", 405), ("DELETE", 405), ("PUT", 405), ("POST", 401)):
        writer.write(asks(method, "/api/publish", b'{"channel": "news", "data": 1}'))
        got, headers = await asyncio.wait_for(read_head(reader), 5)
        eq((method, got), (method, status))
        await reader.readexactly(int(headers["content-length"]))


@test()
async def bytes_behind_a_body_that_has_no_answer_yet_hold_nobody_up(c):
    get, post = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", asks("POST", "/api/publish", b"{}")
    for pieces in ((asks("POST", "/api/info") + asks("GET", "/health", b"abcde"),), (post + post,), (post + post[:-1], b"}" + get),
                   (get + post,), (post + b"\r\n",), (asks("PUT", "/api/info", b"{}") + b"x", post)):
        reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.01)
        eq((pieces, (await asyncio.wait_for(http(c.port, "GET", "/health"), 5))[0]), (pieces, 200))
        writer.close()


@test("--api-transport-errors", config=API_CONFIG)
async def errors_are_statuses_where_the_option_says_so(c):
    status, body = await http(c.port, "POST", "/api/publish", {"channel": "nowhere:x", "data": 1}, X_API_Key="K")
    eq((status, json.loads(body)), (404, {"code": 102, "message": "unknown channel"}))


@test(config=API_CONFIG)
async def says_which_method_is_allowed(c):
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    writer.write(b"GET /api/publish HTTP/1.1\r\nHost: x\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert head.startswith(b"HTTP/1.1 405") and b"\r\nallow: POST\r\n" in head, head


# ---- connect

@test()
async def connects_anonymous_and_token_bearers(c):
    client = await Client.open(c.port)
    result = await client.call(connect={"name": "js", "data": {"x": [1, 2]}, "unknown": True, "subs": {}})
    eq({k: result[k] for k in ("ping", "pong")}, {"ping": 25, "pong": True})
    assert "expires" not in result
    client = await Client.open(c.port)
    result = await client.call(connect={"token": token(sub="42", exp=int(time.time()) + 100)})
    eq((result["expires"], 95 < result["ttl"] <= 100), (True, True))


@test()
async def judges_tokens(c):
    async def with_token(jwt, **kw):
        client = await Client.open(c.port, **kw)
        client.send({"id": 1, "connect": {"token": jwt}})
        try:
            return (await client.next())["error"]["code"]
        except EOFError:
            return client.closed[0]
    eq(await with_token(token(sub="42", exp=1)), 109)
    eq(await with_token(token("wrong", sub="42")), 3500)
    eq(await with_token("nonsense"), 3500)
    eq(await with_token(token("secret", sub="42", channel="x")), 3500)
    acme = "/t/acme/connection/websocket"
    eq(await with_token(token("secret", sub="42"), path=acme), 3500)
    client = await Client.open(c.port, path=acme)
    client.send({"id": 1, "connect": {}})
    eq(await client.close_code(), 3501)


@test()
async def a_connection_that_was_refused_is_no_good_any_more(c):
    client = await Client.open(c.port)
    client.send({"id": 1, "connect": {"token": token(sub="42", exp=1)}}, {"id": 2, "subscribe": {"channel": "news"}})
    eq((await client.next())["error"]["code"], 109)
    assert await client.silent()  # what came with it is dropped
    client.send({"id": 3, "subscribe": {"channel": "news"}})
    eq(await client.close_code(), 3501)


@test("--stale-timeout=300ms")
async def ends_those_who_never_connect(c):
    client = await Client.open(c.port)
    eq(await client.close_code(), 3502)
    eq(client.closed, (3502, "stale"))


@test("--expiry-grace=200ms")
async def ends_connections_whose_token_ran_out_unless_they_refresh(c):
    soon = int(time.time()) + 2
    lazy = await connect(c, token(sub="42", exp=soon))
    eager = await connect(c, token(sub="43", exp=soon))
    result = await eager.call(refresh={"token": token(sub="43", exp=soon + 100)})
    assert result["expires"] and result["ttl"] > 90, result
    eq(await lazy.close_code(), 3005)
    assert await eager.silent(0.5)
    other = await connect(c, token(sub="42", exp=soon + 100))
    other.send({"id": 9, "refresh": {"token": token(sub="1", exp=soon + 100)}})
    eq(await other.close_code(), 3500)
    other = await connect(c, token(sub="42", exp=soon + 100))
    other.send({"id": 9, "refresh": {}})
    eq(await other.close_code(), 3501)


@test()
async def who_was_told_to_refresh_may_though_an_application_decides_meanwhile(c):
    soon = int(time.time()) + 100
    told = await connect(c, token(sub="42", exp=soon))
    assert (await told.call(subscribe={"channel": "$x", "token": token(sub="42", channel="$x", exp=soon)}))["ttl"] > 90
    config = json.loads(json.dumps(CONFIG))
    config["version"] = 2
    config["tenants"][0]["options"].update(proxy_refresh_endpoint="http://127.0.0.1:1/", proxy_sub_refresh_endpoint="http://127.0.0.1:1/")
    config["namespaces"][0]["options"]["sub_refresh_proxy_enabled"] = True
    c.supervisor.configure(config)
    result = await told.call(sub_refresh={"channel": "$x", "token": token(sub="42", channel="$x", exp=soon)})
    while "ttl" in result:  # the configuration is still on its way
        result = await told.call(sub_refresh={"channel": "$x", "token": token(sub="42", channel="$x", exp=soon)})
    eq(result, {})
    eq((await told.call(refresh={"token": token(sub="42", exp=soon)})).get("ttl"), None)
    told.send({"id": 9, "refresh": {"token": token(sub="42", exp=soon)}})  # it is not its to do any more
    eq(await told.close_code(), 3501)


@test("--connect-rate=10", "--connect-wait=300ms")
async def queues_connects_above_the_rate_and_says_111_in_the_end(c):
    clients = [await Client.open(c.port) for _ in range(20)]
    for client in clients:
        client.send({"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": "news"}})
    outcomes = [(await client.next()) for client in clients]
    good = [o for o in outcomes if "connect" in o]
    assert 1 < len(good) < 20, len(good)
    assert all("connect" in o or o["error"] == {"code": 111, "message": "too many requests", "temporary": True} for o in outcomes)
    for client, outcome in zip(clients, outcomes):
        if "connect" in outcome:
            eq((await client.next())["id"], 2)


@test("--connect-rate=1", "--connect-queue=3", "--connect-wait=20s")
async def refuses_upgrades_with_503_when_too_many_of_a_tenant_wait(c):
    clients = []
    try:
        while len(clients) < 40:  # sooner than one a second is admitted
            clients.append(await Client.open(c.port))
            clients[-1].send({"id": 1, "connect": {}})
    except Refused as e:
        eq(e.status, 503)
    assert 3 < len(clients) < 40, len(clients)
    for client in clients:  # those who wait are admitted after all
        assert "connect" in await client.next(20)
    await Client.open(c.port, path="/t/acme/connection/websocket")


async def ended(reader, seconds=5):
    """Reads to the end, however it comes."""
    try:
        return await asyncio.wait_for(reader.read(), seconds)
    except ConnectionError:
        return b""


@test("--handshake-timeout=300ms")
async def cuts_who_does_not_say_the_whole_of_a_request(c):
    began = (b"", b"G", b"GET /connection/websocket HTTP/1.1\r\nHost: x\r\n",
             b"POST /api/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"channel\"")
    pairs = [await asyncio.open_connection("127.0.0.1", c.port) for _ in began]
    for (reader, writer), text in zip(pairs, began):
        writer.write(text)
    for reader, writer in pairs:
        eq(await ended(reader), b"")


@test("--strangers-max=4")
async def one_that_is_cut_just_as_it_says_who_it_is_takes_nobody_with_it(c):
    friend = await connect(c, token(sub="42"))
    strangers = [await Client.open(c.port) for _ in range(4)]
    c.supervisor.process.send_signal(signal.SIGSTOP)  # so that all that follows is there in one turn of the loop
    for stranger in strangers:
        stranger.send({"id": 1, "connect": {"token": "none of ours"}})
    await asyncio.sleep(0.1)
    others = [await asyncio.open_connection("127.0.0.1", c.port) for _ in range(4)]
    c.supervisor.process.send_signal(signal.SIGCONT)
    eq(await friend.call(rpc={"method": "nothing"}), 108)
    assert others


@test("--strangers-max=10")
async def cuts_the_oldest_of_too_many_strangers_and_nobody_else(c):
    friend = await connect(c, token(sub="42"))
    answered = await asyncio.open_connection("127.0.0.1", c.port)  # keeps the connection, and asks nothing more
    answered[1].write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.wait_for(answered[0].readuntil(b"{}"), 5)
    fresh = await Client.open(c.port)  # upgraded, no connect
    began = [await asyncio.open_connection("127.0.0.1", c.port) for _ in range(10)]
    for reader, writer in began:
        writer.write(b"GET /connection/websocket HTTP/1.1\r\nHost: x\r\n")
    eq(await ended(answered[0]), b"")
    eq(await fresh.close_code(), None)
    eq(await friend.call(rpc={"method": "nothing"}), 108)
    for _ in range(20):
        client = await connect(c, token(sub="43"))
        client.drop()
