"""A client without a WebSocket: what it is told comes as the answer to its request, in chunks; what it says goes to
/emulation. `call`, `push` and their kind are the WebSocket client's."""
import asyncio
import json
import urllib.parse

from client import Client, Refused, http, read_head


class Stream(Client):
    events = False
    one_way = False

    @classmethod
    async def open(cls, port, name="http_stream", first=({"id": 1, "connect": {}},), prefix="", method=None, version="1.1", **headers):
        """first: commands, or a one-way client's ConnectRequest (a dict)."""
        one_way = name.startswith("uni_")
        text = json.dumps(first) if one_way else "\n".join(c if isinstance(c, str) else json.dumps(c) for c in first)
        path, body = f"{prefix}/connection/{name}", text.encode()
        method = method or ("GET" if "sse" in name else "POST")
        if method == "GET":
            path, body = f"{path}?cf_connect={urllib.parse.quote_plus(text)}", b""
        lines = [f"{method} {path} HTTP/{version}", "Host: localhost"] + [f"{n.replace('_', '-')}: {v}" for n, v in headers.items()]
        lines += [f"Content-Length: {len(body)}"] if method == "POST" else []
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        status, got = await read_head(reader)
        if status != 200:
            answer = await reader.readexactly(int(got.get("content-length", 0)))
            writer.close()
            raise Refused(status, answer)
        client = cls(reader, writer)
        client.port, client.prefix, client.headers, client.text = port, prefix, got, b""
        client.events, client.one_way, client.last_id = "sse" in name, one_way, 1
        client.said = []
        return client

    async def connected(self):
        """The reply to its connect, or the push that stands for it."""
        result = (await self.next())["connect"]
        self.id, self.session, self.node = result["client"], result["session"], result.get("node")
        return result

    async def read_chunk(self):
        if "transfer-encoding" not in self.headers:
            chunk = await self.reader.read(1 << 16)
            if not chunk:
                raise EOFError
            return chunk
        size = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
        chunk = (await self.reader.readexactly(size + 2))[:-2]
        if size == 0:
            raise EOFError
        return chunk

    async def line(self, seconds=5):
        """The next line; pings are answered and passed over. At the end of the body: EOFError, and `closed` is what it said."""
        while not self.lines:
            try:
                self.text += await asyncio.wait_for(self.read_chunk(), seconds)
            except (asyncio.IncompleteReadError, ConnectionError):
                raise EOFError
            *whole, self.text = self.text.split(b"\n\n" if self.events else b"\n")
            self.lines = [w.decode().lstrip("\r\n").removeprefix("data: ") for w in whole]
        line = self.lines.pop(0)
        if line == "{}":
            self.pings += 1
            if self.pongs and not self.one_way:
                self.send({})
            return await self.line(seconds)
        push = json.loads(line)
        push = push if self.one_way else push.get("push", {})
        if "disconnect" in push:
            self.closed = (push["disconnect"]["code"], push["disconnect"]["reason"])
            self.last = push["disconnect"]
        return line

    async def push(self, seconds=5):
        return await self.next(seconds) if self.one_way else await super().push(seconds)

    def send(self, *commands):
        """As an SDK does: who sends does not wait."""
        self.said.append(asyncio.create_task(self.say(*commands)))

    async def say(self, *commands):
        text = "\n".join(c if isinstance(c, str) else json.dumps(c) for c in commands)
        return (await http(self.port, "POST", self.prefix + "/emulation",
                           {"session": self.session, "node": self.node, "data": text}))[0]
