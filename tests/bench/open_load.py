"""Publishers that wait for nobody: so many requests a second by the API, whatever has become of the earlier ones. What becomes
of each is written down, nothing is tried again."""

import asyncio
import json
import random
import re
import threading
import time
from collections import Counter

from checker import Published
from lean import STAMP
from load import api_ports
from stack import KEY

UNKNOWN = "no answer"
CERTAIN = {107, 111}  # refused: never to be seen anywhere; 100 leaves it open
PATIENCE = 20  # seconds for one answer


class Connection:
    """One connection to the HTTP API; one request at a time."""

    @classmethod
    async def open(cls, port):
        self = cls()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    def is_open(self):
        return not self.reader.at_eof()

    async def call(self, method, body):
        body = json.dumps(body).encode()
        self.writer.write(f"POST /api/{method} HTTP/1.1\r\nHost: cell\r\nX-API-Key: {KEY}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        head = await self.reader.readuntil(b"\r\n\r\n")
        answer = await self.reader.readexactly(int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1]))
        if not head.startswith(b"HTTP/1.1 200 "):
            raise OSError(head.split(b"\r\n")[0].decode())
        return json.loads(answer)

    def close(self):
        self.writer.transport.abort()


class OpenLoad:
    """rate: messages a second, each a request of its own, on a connection of its own until it is answered. outcomes: (when it was
    due, code, ms from its sending to the answer); code 0: acknowledged. late_ms: (when it was due, how much later it was sent): open
    is only a load whose requests are sent when they are due."""

    def __init__(self, stack, channels, rate, seed):
        self.channels, self.rate, self.published = channels, rate, Published()
        self.outcomes, self.late_ms, self.faults, self.counts = [], [], [], Counter()
        self.dice, self.ports, self.idle = random.Random(seed), api_ports(stack), []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    @property
    def publish_ms(self):
        return [(at, ms) for at, code, ms in list(self.outcomes) if code == 0]

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.stopping.set()
        self.thread.join(PATIENCE + 10)
        if self.thread.is_alive():
            self.faults.append("stuck: the load does not end")

    async def _run(self):
        due, n, under_way = time.monotonic(), 0, set()
        while not self.stopping.is_set():
            task = asyncio.create_task(self._publish(self.dice.choice(self.channels), f"open {n}{STAMP}{due:.6f}", due))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            due, n = due + 1 / self.rate, n + 1
            await asyncio.sleep(max(0, due - time.monotonic()))
        await asyncio.gather(*under_way)
        for connection in self.idle:
            connection.close()

    async def _publish(self, channel, data, due):
        sent = time.monotonic()
        self.late_ms.append((due, (sent - due) * 1000))
        self.published.tried(channel, data)
        code, answer = UNKNOWN, {}
        try:
            answer = await asyncio.wait_for(self._ask({"channel": channel, "data": data}), PATIENCE)
            code = answer["error"]["code"] if "error" in answer else 0
        except (OSError, EOFError, TimeoutError) as error:
            self.counts[f"api: {type(error).__name__}"] += 1
        self.outcomes.append((due, code, (time.monotonic() - sent) * 1000))
        self.counts[code] += 1
        if code == 0:
            self.published.acknowledged(channel, data, answer["result"]["offset"])
        elif code in CERTAIN:
            self.published.rolled_back(channel, data)
        elif code not in (100, UNKNOWN):
            self.faults.append(f"wrong: the API refused {data!r} with {answer}")

    async def _ask(self, body):
        connection = None
        while self.idle and not connection:
            spare = self.idle.pop()
            connection = spare if spare.is_open() else spare.close()
        connection = connection or await Connection.open(self.dice.choice(self.ports))
        try:
            answer = await connection.call("publish", body)
        except BaseException:
            connection.close()
            raise
        self.idle.append(connection)
        return answer
