"""TCP links that can be slowed, held, dropped and reset, between a process and what it needs. `Proxies` runs them in a process
of their own, so that they cost a bench's publishers no time; `Link` is one of them."""

import asyncio
import json
import os
import subprocess
import sys

WAYS = ("up", "down")  # towards the server, back from it
PASS, HOLD, DROP, RESET = "pass", "hold", "drop", "reset"
CHUNK, CHUNKS = 65536, 64  # what one direction of one connection holds at most: CHUNK * CHUNKS


class Pair:
    """One connection through a link: two directions, each a bounded line of chunks with the time at which they are due."""

    def __init__(self, link, near, far):
        self.link, self.ends = link, (near, far)
        self.lost = False

    async def run(self):
        (near_reader, near_writer), (far_reader, far_writer) = self.ends
        tasks = [asyncio.create_task(t) for t in self._way(0, near_reader, far_writer) + self._way(1, far_reader, near_writer)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.abort()

    def _way(self, way, reader, writer):
        line = asyncio.Queue(CHUNKS)
        return self._take(line, reader), self._give(way, line, writer)

    async def _take(self, line, reader):
        data = True
        while data:
            data = await reader.read(CHUNK)
            await line.put((asyncio.get_running_loop().time() + self.link.delay, data))

    async def _give(self, way, line, writer):
        while True:
            due, data = await line.get()
            if (wait := due - asyncio.get_running_loop().time()) > 0:
                await asyncio.sleep(wait)
            await self.link.open[way].wait()
            if self.lost:
                raise ConnectionResetError
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    def abort(self):
        self.lost = True
        for _, writer in self.ends:
            writer.transport.abort()


class Link:
    def __init__(self, target):
        self.target, self.delay, self.mode = tuple(target), 0.0, PASS
        self.open = (asyncio.Event(), asyncio.Event())
        self.pairs = set()
        for way in self.open:
            way.set()

    async def start(self, port=0):
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        return self.server.sockets[0].getsockname()[1]

    async def _accept(self, reader, writer):
        if self.mode == RESET:
            writer.transport.abort()
            return
        try:
            far = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = Pair(self, (reader, writer), far)
        self.pairs.add(pair)
        try:
            await pair.run()
        finally:
            self.pairs.discard(pair)

    def set(self, mode=PASS, ways=WAYS, delay_ms=0):
        """pass; hold: nothing goes on in those ways, and what waited comes when it ends; drop: the same, but it never comes,
        the connections are reset instead; reset: at once, and nobody gets through. delay_ms: one way."""
        if self.mode == DROP or mode == RESET:
            for pair in list(self.pairs):
                pair.abort()
        self.mode, self.delay = mode, delay_ms / 1000
        for way, event in zip(WAYS, self.open):
            event.clear() if mode in (HOLD, DROP) and way in ways else event.set()


async def serve():
    links = {}
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        name, answer = command.pop("name"), {}
        if "target" in command:
            links[name] = Link(command["target"])
            answer["port"] = await links[name].start(command.get("port", 0))
        else:
            links[name].set(**command)
        print(json.dumps(answer), flush=True)


class Proxies:
    """The links by name, in a child process that ends with us."""

    def __init__(self):
        self.ports = {}
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def _ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def add(self, name, target, port=0):
        self.ports[name] = self._ask(name=name, target=target, port=port)["port"]
        return self.ports[name]

    def set(self, name, mode=PASS, ways=WAYS, delay_ms=0):
        self._ask(name=name, mode=mode, ways=ways, delay_ms=delay_ms)

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)


if __name__ == "__main__":
    asyncio.run(serve())
