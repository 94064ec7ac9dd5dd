"""The gate: what floods in front of it, one tenant's herd, and balancers that say whose connection it is. The cell has
small bounds, so that a few thousand sockets do."""

import asyncio
import ctypes
import os
import select
import socket
import struct
import time

import pytest

from idle import UPGRADE, frame, open_many
from sdk import Person, token
from stack import wait_until

SILENT, HALF_OPEN = (10000, 2000) if os.environ.get("CELLCAST_LONG") else (2000, 300)
BALANCER = "127.9.0.1"
OPTIONS = ("--arrivals-max=400", "--arrival-grace=25ms", "--defer-accept=1s", "--accept-rate-start=100", f"--proxy-from={BALANCER}",
           "--source-rate=20", "--source-wait=0",
           "--gateway-option=strangers-max=100", "--gateway-option=connect-rate=10", "--gateway-option=connect-wait=20s")
SO_ATTACH_FILTER = 26


@pytest.fixture(scope="module")
def cell(stack):
    """Its source rate concerns the balancer's clients alone: the others come from addresses of their own (knock)."""
    stack.end("cell")
    stack.start_cell(*OPTIONS)
    stack.wait_ready()
    yield stack
    stack.end("cell")
    stack.start_cell()
    stack.wait_ready()


def address(n):
    return f"127.{10 + n // 62500}.{n // 250 % 250}.{1 + n % 250}"


def knock(stack, n, text=b"", half_open=False):
    """A socket to the public port from the n-th address. half_open: it drops what the kernel answers, and so never completes
    its handshake."""
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    sock.bind((address(n), 0))
    if half_open:
        drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(drop_all)))
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", stack.port))
    else:
        sock.connect(("127.0.0.1", stack.port))
        sock.sendall(text)
    return sock


async def time_in(url, **options):
    began = time.monotonic()
    person = await Person(url, **options).connect()
    took = time.monotonic() - began
    await person.close()
    return took


async def test_silent_and_half_open_sockets_keep_nobody_out(cell):
    half_open = HALF_OPEN if os.geteuid() == 0 else 0  # some kernels let nobody else filter what a socket hears
    half = b"GET /connection/websocket HTTP/1.1\r\nHost: x\r\n"
    socks = [knock(cell, n, half_open=True) for n in range(half_open)]
    socks += [knock(cell, n) for n in range(SILENT)]
    socks += [knock(cell, n, half) for n in range(200)]
    try:
        # A busy machine may take its time once. All the sockets are there in the kernel's queue, or have been cut by then.
        assert min([await time_in(cell.ws()) for _ in range(3)]) < 1
        await asyncio.sleep(3)  # they are accepted when the kernel has waited for their first byte
        assert min([await time_in(cell.ws()) for _ in range(3)]) < 1
        await asyncio.to_thread(wait_until, lambda: cell.metric("supervisor_arrivals_cut_total") >= SILENT - 400, 20, "they are cut")
        assert cell.metric("supervisor_arrivals_silent") <= 400
        assert cell.metric("gateway_strangers") <= 300
    finally:
        for sock in socks:
            sock.close()


async def test_one_tenants_herd_does_not_delay_another_tenants_client(cell):
    herd = []
    try:
        for gateway in range(1, cell.gateways + 1):
            herd += await asyncio.to_thread(open_many, cell.slot_base + gateway, 90)
        for sock in herd:
            sock.sendall(frame(b'{"id":1,"connect":{}}'))
        took = await time_in(cell.ws(tenant="acme"), token=token("acme-secret", sub="42"))
        answered = len(select.select(herd, [], [], 0)[0])
        assert answered < len(herd), f"{took:.2f} s: the herd was through as well"  # it takes 9 s
    finally:
        for sock in herd:
            sock.close()


def proxied(stack, client, header=None):
    """A socket of the balancer's that says whose it is."""
    sock = socket.create_connection(("127.0.0.1", stack.port), 5, (BALANCER, 0))
    addresses = socket.inet_aton(client) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 4711, stack.port)
    sock.sendall(header or b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(addresses)) + addresses)
    try:
        sock.sendall(UPGRADE)
    except ConnectionError:
        pass  # refused by now
    return sock


def let_in(socks):
    """How many of them are upgraded."""
    n = 0
    for sock in socks:
        try:
            n += sock.recv(1000).startswith(b"HTTP/1.1 101")
        except ConnectionError:
            pass
        sock.close()
    return n


async def test_a_balancer_says_whose_connection_it_is_and_each_source_has_its_rate(cell):
    refused = cell.metric("supervisor_source_refused_total")
    noisy = let_in([proxied(cell, "10.1.2.3") for _ in range(100)])  # in less than four seconds
    assert 20 <= noisy < 100
    assert cell.metric("supervisor_source_refused_total") - refused == 100 - noisy
    assert let_in([proxied(cell, f"10.1.3.{n}") for n in range(30)]) == 30
    assert let_in([proxied(cell, "10.1.4.1", header=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")]) == 0
    assert cell.metric("supervisor_proxy_refused_total") == 1
