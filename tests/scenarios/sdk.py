"""The two official SDKs as the scenarios use them, and a bare WebSocket for what an SDK would never send."""

import asyncio
import json
import subprocess
import threading
import time
from pathlib import Path

import jwt
import websockets
from centrifuge import Client, ClientEventHandler, SubscriptionEventHandler

JS = Path(__file__).resolve().parent / "js"
JAVA = JS.parent / "java"


def token(secret="test-secret", algorithm="HS256", **claims):
    return jwt.encode(claims, secret, algorithm=algorithm)


class Recorder(SubscriptionEventHandler):
    """Everything that one subscription of centrifuge-python was told, in order."""

    def __init__(self):
        self.publications, self.offsets, self.events, self.subscribed = [], [], [], asyncio.Event()
        self.recovered = []
        self.arrived_ns = []

    async def on_publication(self, ctx):
        self.arrived_ns.append(time.time_ns())
        self.publications.append(ctx.pub.data)
        self.offsets.append(ctx.pub.offset)

    async def on_subscribed(self, ctx):
        self.recovered.append((ctx.was_recovering, ctx.recovered))
        self.subscribed.set()

    async def on_unsubscribed(self, ctx):
        self.events.append(("unsubscribed", ctx.code))

    async def on_join(self, ctx):
        self.events.append(("join", ctx.info.user))

    async def on_leave(self, ctx):
        self.events.append(("leave", ctx.info.user))

    async def wait_for(self, n, seconds=20):
        end = time.monotonic() + seconds
        while len(self.publications) < n:
            assert time.monotonic() < end, f"{len(self.publications)} of {n} publications in {seconds} s"
            await asyncio.sleep(0.005)


class Person:
    """One connection of centrifuge-python and its subscriptions."""

    def __init__(self, url, **options):
        self.client = Client(url, events=ClientEventHandler(), **options)
        self.recorders, self.subs = {}, {}

    async def connect(self):
        await self.client.connect()
        await self.client.ready(timeout=15)
        return self

    async def subscribe(self, channel, **options):
        recorder = self.recorders[channel] = Recorder()
        sub = self.subs[channel] = self.client.new_subscription(channel, recorder, **options)
        await sub.subscribe()
        await sub.ready(timeout=15)
        return recorder

    async def close(self):
        await self.client.disconnect()


class Program:
    """One process that drives an SDK: commands in, JSON events out, a line each."""

    def __init__(self, *command, cwd):
        self.process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.events = []
        self._tags = 0
        self._more = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "token":
                self.bring_token(self.fresh_token())
            with self._more:
                self.events.append(event)
                self._more.notify_all()

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait(self, check, seconds=15):
        """The first event that check accepts, past or to come."""
        end = time.monotonic() + seconds
        with self._more:
            while True:
                for event in self.events:
                    if check(event):
                        return event
                left = end - time.monotonic()
                assert left > 0, f"not seen in {seconds} s; the last events: {self.events[-5:]}"
                self._more.wait(left)

    def wait_event(self, name, seconds=15):
        return self.wait(lambda e: e["event"] == name, seconds)

    def wait_for(self, n, channel, seconds=30):
        """n publications of the channel -> all of them"""
        self.wait(lambda e: len(self.publications(channel)) >= n, seconds)
        return self.publications(channel)

    def count(self, name):
        return sum(e["event"] == name for e in list(self.events))

    def result(self, tag):
        return self.wait(lambda e: e["event"] == "result" and e["tag"] == tag)

    def next_tag(self):
        self._tags += 1
        return self._tags

    def publications(self, channel):
        return [e for e in list(self.events) if e["event"] == "publication" and e["channel"] == channel]

    def close(self):
        self.process.kill()
        self.process.wait()


class JsPerson(Program):
    """node with the npm package `centrifuge`."""

    def __init__(self, script="client.mjs"):
        super().__init__("node", script, cwd=JS)

    def send(self, **command):
        self.say(json.dumps(command))

    def call(self, op, **fields):
        tag = self.next_tag()
        self.send(op=op, tag=tag, **fields)
        return self.result(tag)

    def connect_protobuf(self, url, token, fresh_token=None):
        """fresh_token: what it gets when it asks for further ones."""
        self.fresh_token = fresh_token
        options = {"protocol": "protobuf", "token": token, "minReconnectDelay": 50, "maxReconnectDelay": 300}
        self.send(op="connect", url=url, options=options, asks=fresh_token is not None)

    def subscribe(self, channel):
        self.send(op="subscribe", channel=channel)

    def bring_token(self, token):
        self.send(op="token", token=token)


class JavaPerson(Program):
    """java with io.github.centrifugal:centrifuge-java, which speaks Protobuf only."""

    def __init__(self, classes):
        super().__init__("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classes, "Person", cwd=JAVA)

    def call(self, op, *, channel=None, method=None, data=None, options=None):
        tag = self.next_tag()
        words = [op, tag, channel or method]
        if op in ("publish", "rpc"):
            words.append(json.dumps(data))
        if op == "history":
            words.append((options or {"limit": 100})["limit"])
        self.say("\t".join(map(str, words)))
        return self.result(tag)

    def connect_protobuf(self, url, token, fresh_token=None):
        self.fresh_token = fresh_token
        self.say(f"connect\t{url}\t{token}")

    def subscribe(self, channel):
        self.say(f"subscribe\t{channel}")

    def bring_token(self, token):
        self.say(f"token\t{token}")


class Raw:
    """A WebSocket that sends what it is told and splits frames into replies."""

    def __init__(self, socket):
        self.socket, self.waiting = socket, []

    @classmethod
    async def open(cls, url, **options):
        return cls(await websockets.connect(url, ping_interval=None, **options))

    async def send(self, *commands):
        await self.socket.send("\n".join(c if isinstance(c, str) else json.dumps(c) for c in commands))

    async def receive(self, seconds=10):
        while not self.waiting:
            frame = await asyncio.wait_for(self.socket.recv(), seconds)
            self.waiting = [json.loads(line) for line in frame.split("\n")]
        return self.waiting.pop(0)

    async def reply(self, id, seconds=10):
        """The reply with that id; pushes and pings before it are dropped."""
        while True:
            message = await self.receive(seconds)
            if message.get("id") == id:
                return message

    async def ask(self, command, seconds=10):
        await self.send(command)
        return await self.reply(command["id"], seconds)

    async def connect(self, **fields):
        return await self.ask({"id": 1, "connect": fields})

    async def closed(self, seconds=10):
        """(code, reason) of the server's close frame."""
        try:
            while True:
                await asyncio.wait_for(self.socket.recv(), seconds)
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code, closed.rcvd.reason

    async def close(self):
        await self.socket.close()
