"""Heads of requests that libwebsockets reads otherwise than they are meant (gateway/head.h): where a request ends, and what it is, is not guessed."""
import asyncio
import re

from client import http
from harness import eq, test

SECOND = b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = (b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           b"Sec-WebSocket-Version: 13\r\n")


async def answers(c, said):
    """The statuses of what comes back until the gateway closes, or for as long as nothing more comes; and whether it has closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    writer.write(said)
    got, closed = b"", False
    try:
        while more := await asyncio.wait_for(reader.read(65536), 0.4):
            got += more
        closed = True
    except ConnectionResetError:
        closed = True
    except asyncio.TimeoutError:
        pass
    writer.close()
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", got)], closed


def get(*lines, first=b"GET /health HTTP/1.1"):
    return b"\r\n".join((first, b"Host: x") + lines) + b"\r\n\r\n"


LENGTH = b"Content-Length: %d" % len(SECOND)


@test()
async def a_line_of_the_head_that_is_no_header_is_400_and_the_end(c):
    for lines in ((LENGTH.replace(b":", b" :"),), (LENGTH.replace(b":", b"\t :"),), (b"Transfer-Encoding : chunked",), (b"User : me",), (b"X-Mine : me",), (b"Host : x",),
                  (b"no colon", LENGTH), (b"no-colon", LENGTH), (b"Content-Length:", b" %d" % len(SECOND), b"Accept: */*"), (b"X-A\x01: b",),
                  (b"X-Mine: a", b" folded: b"), (b"X-(: a",)):
        for first in (b"GET /health HTTP/1.1", b"HEAD /health HTTP/1.1", b"DELETE /health HTTP/1.1", b"POST /api/info HTTP/1.1"):
            eq((lines, await answers(c, get(*lines, first=first) + SECOND)), (lines, ([400], True)))


@test()
async def a_header_that_is_lost_behind_another_is_400_if_the_request_needs_it(c):
    for name in (b"X-Auth", b"Auth", b"User", b"P", b"X-Real", b"X-A"):
        for needed in (LENGTH, b"Transfer-Encoding: chunked"):
            eq((name, await answers(c, get(name + b": a", needed) + SECOND)), (name, ([400], True)))
        eq(await answers(c, get(name + b": me: you", b"X-Other: b", b"Accept: c", b"X-Mine: d:e, f : g") + SECOND), ([200, 404], False))
        for lines in ((name + b": a", b"Origin: http://evil") + tuple(UPGRADE.split(b"\r\n")[:-1]), (name + b": a", *UPGRADE.split(b"\r\n")[2:-1], *UPGRADE.split(b"\r\n")[:2])):
            eq((lines, await answers(c, get(*lines, first=b"GET /connection/websocket HTTP/1.1"))), (lines, ([400], True)))
    reader, writer = await asyncio.open_connection("127.0.0.1", c.port)
    writer.write(get(*UPGRADE.split(b"\r\n")[:-1], b"X-Auth: a", b"User-Agent: b", first=b"GET /connection/websocket HTTP/1.1"))
    assert b" 101 " in await asyncio.wait_for(reader.readline(), 5)


@test()
async def heads_that_are_right_are_taken_whatever_was_there_before(c):
    """libwebsockets' memory of a head is used again, for shorter ones."""
    right = (get(), get(b"X-Mine:"), get(b"X-Mine: a : b"), get(b"Accept: a : b", b"Cookie:", b"X-1: a", b"X-2:", b"User-Agent: c"), get(b"Accept:" + b" a" * 4000, b"X-Mine: a"),
             get(b"X-Mine:" + b" : a" * 2000, b"X-" + b"b" * 300 + b": c"), get(*(b"X-%d: %s" % (n, b":" * n) for n in range(60))), get(first=b"GET /health?a=b&c=d%20:%3a HTTP/1.1"),
             b"GET /health HTTP/1.1\nHost: x\n\n")
    for said in right:
        wrong = get(b"X-Mine: " + b"a" * 3000, b"User: a", b"no colon", b"b" * 40 + b" : c", LENGTH)
        eq(await answers(c, wrong), ([400], True))
        eq((said, await answers(c, said + get() + said)), (said, ([200, 200, 200], False)))
    eq((await http(c.port, "GET", "/health"))[0], 200)
