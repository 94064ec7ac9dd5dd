"""WebSockets that do next to nothing, thousands of them: plain sockets, a few bytes of Python each. And what a process
keeps in memory."""

import json
import os
import re
import socket
import struct
from pathlib import Path

PATH = "/connection/websocket"
AT_ONCE = 100


def upgrade(path, more=""):
    return (f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n").encode()


UPGRADE = upgrade(PATH)


def anonymous_bytes(pid):
    """What the process has written to: heap and mappings, not program text or files."""
    return 1024 * int(re.search(r"Anonymous:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text())[1])


def cpu_seconds(pid):
    """Of user and system, so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def frame(text, mask=b"\0\0\0\0", opcode=1):
    n = len(text)
    return bytes([0x80 | opcode]) + (bytes([0x80 | n]) if n < 126 else b"\xfe" + struct.pack(">H", n)) + mask + text


def read_exactly(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            raise EOFError("the server has closed")
        data += part
    return data


def read_frame(sock):
    first, n = read_exactly(sock, 2)
    if n == 126:
        (n,) = struct.unpack(">H", read_exactly(sock, 2))
    elif n == 127:
        (n,) = struct.unpack(">Q", read_exactly(sock, 8))
    return first & 0xF, read_exactly(sock, n)


def read_head(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(sock, 1)
    assert head.startswith(b"HTTP/1.1 101"), head
    return head


def read_replies(sock, n):
    """n lines that are replies; pushes between them are passed over."""
    got = 0
    while got < n:
        opcode, payload = read_frame(sock)
        assert opcode == 1, (opcode, payload)
        for line in payload.split(b"\n"):
            if b'"id":' in line[:6]:
                assert b'"error"' not in line, line
                got += 1


def open_one(port, receive_buffer):
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.connect(("127.0.0.1", port))
    return sock


def open_many(port, n, path=PATH, receive_buffer=0, more=""):
    """n upgraded sockets, so many at once. receive_buffer: bytes in the kernel, 0: what it likes."""
    socks = []
    while len(socks) < n:
        fresh = [open_one(port, receive_buffer) for _ in range(min(AT_ONCE, n - len(socks)))]
        for sock in fresh:
            sock.settimeout(30)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(upgrade(path, more))
        for sock in fresh:
            read_head(sock)
        socks += fresh
    return socks


def say(socks, commands):
    """commands(i): what the i-th socket says in one message; everybody waits for the replies."""
    for start in range(0, len(socks), AT_ONCE):
        some = range(start, min(start + AT_ONCE, len(socks)))
        told = {i: commands(i) for i in some}
        for i in some:
            socks[i].sendall(frame("\n".join(json.dumps(c, separators=(",", ":")) for c in told[i]).encode()))
        for i in some:
            read_replies(socks[i], len(told[i]))


def subscribe_all(socks, channel, **fields):
    """Connects as nobody and subscribes."""
    say(socks, lambda i: [{"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": channel, **fields}}])


def close_all(socks):
    for sock in socks:
        sock.close()
