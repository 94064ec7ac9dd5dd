"""permessage-deflate: agreed without context takeover, compressed once for all, and nothing that a client sends grows beyond a message."""

import asyncio
import json
import re
import socket
import zlib

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame

from sdk import JsPerson, Raw
from stack import Stack, wait_until

OFFER = "permessage-deflate; client_max_window_bits"
AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


class PackedStack(Stack):
    def start_cell(self, *more):
        super().start_cell("--gateway-option=compression=true", *more)


@pytest.fixture(scope="module")
def packed():
    s = PackedStack(gateways=1, workers=1)
    try:
        yield s.start()
    finally:
        s.stop()


def answer_to(stack, *offers):
    """The header that the gateway answers these with."""
    sock = socket.create_connection(("127.0.0.1", stack.slot_base + 1), timeout=10)
    headers = "".join(f"Sec-WebSocket-Extensions: {offer}\r\n" for offer in offers)
    sock.sendall(("GET /connection/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n").encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    sock.close()
    assert head.startswith(b"HTTP/1.1 101"), head
    found = re.findall(rb"(?im)^sec-websocket-extensions: (.*)\r$", head)
    return found[0].decode() if found else None


def test_it_is_agreed_without_context_takeover(packed):
    for offer in (OFFER, "permessage-deflate", AGREED, f"x-webkit-deflate-frame, {OFFER}"):
        assert answer_to(packed, offer) == AGREED, offer
    for offer in ((), ("permessage-deflate; server_max_window_bits=10",), ("x-webkit-deflate-frame",)):
        assert answer_to(packed, *offer) is None, offer


def test_where_it_is_off_nothing_is_agreed(stack):
    assert answer_to(stack, OFFER) is None


async def reader(stack, channel, **how):
    raw = await Raw.open(stack.ws(1), **how)
    await raw.connect()
    await raw.ask({"id": 2, "subscribe": {"channel": channel}})
    return raw


async def publications(raw, n):
    got = []
    while len(got) < n:
        message = await raw.receive()
        if "pub" in message.get("push", {}):
            got.append(message["push"]["pub"]["data"])
    return got


async def test_all_get_the_same_and_it_is_compressed_once(packed, channel):
    js = JsPerson()
    js.send(op="connect", url=packed.ws(1))
    js.send(op="subscribe", channel=channel)
    await asyncio.to_thread(js.wait_event, "subscribed")
    people = [await reader(packed, channel) for _ in range(3)] + [await reader(packed, channel, compression=None)]
    assert people[0].socket.response.headers["Sec-WebSocket-Extensions"] == AGREED
    sent = [{"n": n, "text": f"publication {n}, é 中 😀 " * (n % 3 * 40)} for n in range(60)]
    for data in sent:
        await asyncio.to_thread(packed.publish, channel, data)
    for raw in people:
        assert await publications(raw, 60) == sent
        await raw.close()
    await asyncio.to_thread(js.wait, lambda e: len(js.publications(channel)) == 60)
    assert [e["data"] for e in js.publications(channel)] == sent
    js.close()
    await asyncio.to_thread(wait_until, lambda: packed.metric("gateway_compressed_total") == 40, 10, "two of three were worth it")


async def test_what_clients_compress_is_understood(packed, channel):
    raw = await reader(packed, channel)
    large = "to be compressed " * 1000
    commands = json.dumps({"id": 3, "publish": {"channel": channel, "data": large}})
    await raw.socket.send(commands)
    assert await publications(raw, 1) == [large]
    await raw.socket.send([commands[:5000].replace('"id": 3', '"id": 4'), commands[5000:]])  # in fragments
    assert await publications(raw, 1) == [large]
    await raw.close()


class Bomb(PerMessageDeflate):
    """Sends what it is given as if it had compressed it."""

    def __init__(self):
        super().__init__(True, True, 15, 15)

    def encode(self, frame):
        return Frame(frame.opcode, frame.data, frame.fin, rsv1=True)


async def ending(stack, payload):
    raw = await Raw.open(stack.ws(1))
    await raw.connect()
    raw.socket.protocol.extensions = [Bomb()]
    await raw.socket.send(payload, text=True)
    return (await raw.closed())[0]


async def test_a_bomb_is_closed_with_1009_and_nonsense_with_1007(packed):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = compressor.compress(b'"' + b"x" * (64 << 20)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < 128 << 10 and await ending(packed, bomb[:-4]) == 1009
    assert await ending(packed, b"\xff\xff\xff\xff") == 1007
    raw = await reader(packed, "still-there")
    await raw.close()
