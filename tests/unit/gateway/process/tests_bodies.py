"""How requests are parted from each other: lengths, chunked coding, Expect, HEAD, upgrades to what is not spoken here. Sent as they stand."""
import asyncio
import json
import socket
import statistics
import time

from client import http, read_head
from harness import eq, test
from tests_http import API_CONFIG

BODY = json.dumps({"channel": "news", "data": {"a": 1}}).encode()
CHUNKS = b"5\r\n" + BODY[:5] + b"\r\n%X;a=b\r\n" % len(BODY[5:]) + BODY[5:] + b"\r\n0\r\nX: y\r\n\r\n"
CHUNKED, LENGTH = b"Transfer-Encoding: chunked\r\n", b"Content-Length: %d\r\n" % len(BODY)


def head(line, *fields):
    return line + b" HTTP/1.1\r\nHost: x\r\nX-API-Key: K\r\n" + b"".join(fields) + b"\r\n"


def post(*fields):
    return head(b"POST /api/publish", *fields)


async def tell(c, *pieces):
    """Each but the first after 100 Continue. -> status, body, and the status of the next answer on the connection, or closed"""
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    writer.write(pieces[0])
    for piece in pieces[1:]:
        eq((await asyncio.wait_for(read_head(reader), 5))[0], 100)
        writer.write(piece)
    status, headers = await asyncio.wait_for(read_head(reader), 5)
    body = await reader.readexactly(int(headers["content-length"]))
    writer.write(head(b"GET /health"))
    try:
        after = (await asyncio.wait_for(read_head(reader), 5))[0]
    except (asyncio.IncompleteReadError, ConnectionResetError):
        after = "closed"
    eq(headers.get("connection") == "close", after == "closed")
    writer.close()
    return status, body, after


def offset(body):
    return json.loads(body)["result"]["offset"]


@test(config=API_CONFIG)
async def takes_a_body_in_chunked_coding(c):
    for n, pieces in enumerate(((post(CHUNKED) + CHUNKS,), (post(CHUNKED, b"Expect: 100-continue\r\n"), CHUNKS),
                                (post(b"transfer-encoding: Chunked\r\n") + CHUNKS + post(LENGTH) + BODY,))):
        status, body, after = await tell(c, *pieces)
        eq((status, offset(body), after), (200, n + 1, "closed"))
    _, body = await http(c.port, "POST", "/api/publish", BODY, X_API_Key="K")
    eq(offset(body), 4)  # what stood behind the last chunk was not taken for a request


@test(config=API_CONFIG)
async def takes_a_body_in_chunked_coding_byte_by_byte(c):
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    for byte in post(CHUNKED) + CHUNKS:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.001)
    eq((await asyncio.wait_for(read_head(reader), 5))[0], 200)


@test(config=API_CONFIG)
async def a_body_in_chunked_coding_counts_once_whatever_comes_behind_it(c):
    c.sequencer.mute = True
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    for piece in (post(CHUNKED) + CHUNKS, b"x", CHUNKS, post(LENGTH) + BODY):
        writer.write(piece)
        await asyncio.sleep(0.05)
    eq((await http(c.port, "GET", "/health"))[0], 200)
    eq(len(c.sequencer.seen), 1)


@test(config=API_CONFIG)
async def a_body_in_chunked_coding_opens_a_stream(c):
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    writer.write(head(b"POST /connection/http_stream", CHUNKED) + b"15\r\n" + b'{"id":1,"connect":{}}' + b"\r\n0\r\n\r\n")
    status, headers = await asyncio.wait_for(read_head(reader), 5)
    eq((status, headers["transfer-encoding"]), (200, "chunked"))
    assert b'"connect":{"client"' in await asyncio.wait_for(reader.readuntil(b"}}"), 5)
    writer.write(b"more")
    try:
        while await asyncio.wait_for(reader.read(4096), 5):
            pass
    except ConnectionResetError:
        pass  # it has nothing more to say


@test("--api-body-max=4k", config=API_CONFIG)
async def bounds_a_body_in_chunked_coding(c):
    def chunks(n):
        return b"%x\r\n" % n + b"x" * n + b"\r\n"
    status, body, after = await tell(c, post(CHUNKED) + chunks(4096) + chunks(1))
    eq((status, after), (413, "closed"))
    assert b"--api-body-max" in body
    eq((await tell(c, post(CHUNKED) + chunks(4096) + b"0\r\n\r\n"))[0], 400)  # no JSON, but of its size


@test("--handshake-timeout=300ms", config=API_CONFIG)
async def a_body_in_chunked_coding_that_does_not_end_is_cut(c):
    for said in (post(CHUNKED) + CHUNKS[:-2], post(CHUNKED) + b"broken"):
        reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
        writer.write(said)
        try:
            while await asyncio.wait_for(reader.read(4096), 5):
                pass
        except ConnectionResetError:
            pass
        await c.until(lambda: c.supervisor.status["connections"] == 0)


@test(config=API_CONFIG)
async def a_request_whose_length_can_be_read_in_two_ways_is_refused(c):
    for status, said in ((400, post(CHUNKED, LENGTH) + CHUNKS), (400, post(LENGTH, b"Content-Length: 5\r\n") + BODY), (400, post(b"Content-Length: +5\r\n") + BODY),
                         (400, post(b"Content-Length: " + b"0" * 40 + b"5\r\n") + BODY), (400, head(b"GET /health", b"Content-Length: 5, 5\r\n") + BODY),
                         (400, post(CHUNKED) + b"5\n" + BODY), (411, post() + BODY), (411, head(b"GET /health", CHUNKED) + CHUNKS),
                         (411, head(b"DELETE /health", CHUNKED) + CHUNKS), (501, post(b"Transfer-Encoding: gzip, chunked\r\n") + CHUNKS)):
        got, _, after = await tell(c, said + head(b"GET /elsewhere"))
        eq((said, got, after), (said, status, "closed"))


@test("--api-body-max=4k", config=API_CONFIG)
async def says_continue_to_who_waits_for_it(c):
    expect = b"Expect: 100-Continue\r\n"
    eq((await tell(c, post(LENGTH, expect), BODY))[::2], (200, 200))
    eq((await tell(c, post(LENGTH, expect) + BODY))[::2], (200, 200))  # did not wait
    eq((await tell(c, post(b"Content-Length: 4097\r\n", expect)))[::2], (413, "closed"))
    eq((await tell(c, post(b"Content-Length: 4097\r\n") + b"x" * 4097))[::2], (413, 200))


@test(config=API_CONFIG)
async def head_has_no_body(c):
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    none = b"Content-Length: 0\r\n"
    for path, status, length in (("/health", 200, 2), ("/ready", 200, 2), ("/api/info", 405, None), ("/connection/sse", 405, None),
                                 ("/connection/websocket", 426, None), ("/elsewhere", 404, None)):
        writer.write(head(b"HEAD " + path.encode(), none) + head(b"GET /health", none))
        got, headers = await asyncio.wait_for(read_head(reader), 5)
        eq((path, got), (path, status))
        assert length is None or int(headers["content-length"]) == length
        eq((await asyncio.wait_for(read_head(reader), 5))[0], 200)
        eq(await reader.readexactly(2), b"{}")


@test(config=API_CONFIG)
async def takes_an_upgrade_to_http_2_for_none(c):
    h2c = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
    status, body, after = await tell(c, post(LENGTH, h2c) + BODY)
    eq((status, offset(body), after), (200, 1, 200))
    eq((await tell(c, head(b"GET /ready", h2c + b"Content-Length: 0\r\n")))[::2], (200, 200))
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    writer.write(head(b"GET /health", b"Connection: Upgrade\r\nUpgrade: mqtt\r\n") * 2)
    answers = await asyncio.wait_for(reader.read(), 5)
    eq(answers.count(b"HTTP/1."), 1)  # libwebsockets' own


async def ways_of_a_body_apart(c, nodelay, rounds=9):
    """The median over requests of one connection whose bodies are written apart from their heads, in two pieces."""
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
    took = []
    for _ in range(rounds):
        start = time.monotonic()
        for piece in (b"POST /api/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n", b"body", b"more"):
            writer.write(piece)
        status, headers = await asyncio.wait_for(read_head(reader), 5)
        await reader.readexactly(int(headers["content-length"]))
        eq(status, 401)
        took.append(time.monotonic() - start)
    writer.close()
    return statistics.median(took)


@test()
async def a_body_that_waits_for_an_acknowledgement_of_its_head_gets_it(c):
    at_once, held = await ways_of_a_body_apart(c, nodelay=1), await ways_of_a_body_apart(c, nodelay=0)
    assert held < 10 * at_once, (at_once, held)  # Linux puts an acknowledgement off for 40 ms
