"""A WebSocket client that says exactly what it is told (RFC 6455, no extensions), and plain HTTP."""
import asyncio
import base64
import json
import os
import struct

import protobuf


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body


async def read_head(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict((line.split(": ", 1)[0].lower(), line.split(": ", 1)[1]) for line in head[1:] if ": " in line)
    return int(head[0].split()[1]), headers


class Client:
    def __init__(self, reader, writer):
        self.reader, self.writer, self.lines, self.last_id = reader, writer, [], 0
        self.closed = None  # (code, reason)
        self.pings = 0
        self.pongs = True  # answers pings by itself

    @classmethod
    async def open(cls, port, path="/connection/websocket", sock=None, **headers):
        if sock:
            sock.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=sock)
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        status, got = await read_head(reader)
        if status != 101:
            body = await reader.readexactly(int(got.get("content-length", 0)))
            writer.close()
            raise Refused(status, body)
        client = cls(reader, writer)
        client.headers = got
        client.binary = got.get("sec-websocket-protocol") == "centrifuge-protobuf"
        return client

    def send_frame(self, payload, opcode=1, fin=True):
        mask = os.urandom(4)
        n = len(payload)
        head = bytes([opcode | (0x80 if fin else 0)])
        if n < 126:
            head += bytes([0x80 | n])
        elif n < 65536:
            head += bytes([0xFE]) + struct.pack(">H", n)
        else:
            head += bytes([0xFF]) + struct.pack(">Q", n)
        key = int.from_bytes((mask * (n // 4 + 1))[:n], "big")
        self.writer.write(head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(n, "big"))

    def send(self, *commands):
        """Each a dict, or a line as it stands."""
        if self.binary:
            self.send_frame(b"".join(map(protobuf.command, commands)), opcode=2)
            return
        lines = [c if isinstance(c, str) else json.dumps(c) for c in commands]
        self.send_frame("\n".join(lines).encode())

    async def read_frame(self):
        first, second = await self.reader.readexactly(2)
        n = second & 0x7F
        if n == 126:
            (n,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif n == 127:
            (n,) = struct.unpack(">Q", await self.reader.readexactly(8))
        return first & 0xF, await self.reader.readexactly(n)

    async def line(self, seconds=5):
        """The next line; pings are answered and passed over. After the Close frame: EOFError."""
        while not self.lines:
            try:
                opcode, payload = await asyncio.wait_for(self.read_frame(), seconds)
            except (asyncio.IncompleteReadError, ConnectionError):
                raise EOFError
            if opcode == 8:
                self.closed = (struct.unpack(">H", payload[:2])[0], payload[2:].decode())
                self.send_frame(payload, opcode=8)
                raise EOFError
            if opcode == 1:
                self.frame = payload
                self.lines = payload.decode().split("\n")
            if opcode == 2:
                self.lines = list(protobuf.replies(payload))
        line = self.lines.pop(0)
        if line == "{}":
            self.pings += 1
            if self.pongs:
                self.send({})
            return await self.line(seconds)
        return line

    async def next(self, seconds=5):
        return json.loads(await self.line(seconds))

    async def call(self, **command):
        """Sends one command; -> its result, or its error's code. Pushes that come before it stay in `pushes`."""
        self.last_id += 1
        self.send(dict(command, id=self.last_id))
        while True:
            reply = await self.next()
            if reply.get("id") == self.last_id:
                return reply["error"]["code"] if "error" in reply else reply[next(iter(command))]
            self.kept().append(reply["push"])

    def kept(self):
        if not hasattr(self, "pushes"):
            self.pushes = []
        return self.pushes

    async def push(self, seconds=5):
        if self.kept():
            return self.pushes.pop(0)
        return (await self.next(seconds))["push"]

    async def close_code(self, seconds=5):
        """Reads on until the server's Close frame. -> its code"""
        try:
            while True:
                await self.line(seconds)
        except EOFError:
            return self.closed[0] if self.closed else None

    async def silent(self, seconds=0.15):
        try:
            line = await self.line(seconds)
        except asyncio.TimeoutError:
            return True
        raise AssertionError(f"not silent: {line}")

    def drop(self):
        self.writer.transport.abort()


async def http(port, method, path, body=None, **headers):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    if method == "POST":
        lines.append(f"Content-Length: {len(data)}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + data)
    status, got = await read_head(reader)
    answer = await reader.readexactly(int(got.get("content-length", 0)))
    writer.close()
    return status, answer
