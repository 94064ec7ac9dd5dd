"""A cluster of one gateway: sequencer, fan-out worker and supervisor in one program, whose behaviour tests turn at will.
By itself (python3 fake_cluster.py GATEWAY PORT) it serves the gateway on that port until it is interrupted, for trying
things by hand: anonymous clients may do everything in namespaces '' and 'chat' of tenant default."""
import asyncio
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import wire

PARTITIONS = 4
OPEN = {"allow_subscribe_for_client": True, "allow_subscribe_for_anonymous": True, "allow_publish_for_client": True,
        "allow_publish_for_anonymous": True, "allow_history_for_client": True, "allow_history_for_anonymous": True,
        "allow_presence_for_client": True, "allow_presence_for_anonymous": True, "presence": True}
CONFIG = {
    "version": 1,
    "cells": [{"name": "a", "topic": "cellcast.a", "partitions": PARTITIONS}],
    "tenants": [
        {"name": "default", "cells": ["a"], "options": {"allow_anonymous_connect_without_token": True,
                                                        "token_hmac_secret_key": "secret", "channel_limit": 20,
                                                        "allowed_origins": ["http://localhost*"]}},
        {"name": "acme", "cells": ["a"], "options": {"token_hmac_secret_key": "acme-secret"}},
        {"name": "cellcast", "cells": ["a"], "options": {}},
    ],
    "namespaces": [
        {"tenant": "default", "name": "", "options": OPEN},
        {"tenant": "default", "name": "chat", "options": dict(OPEN, join_leave=True)},
        {"tenant": "default", "name": "closed", "options": {}},
        {"tenant": "default", "name": "few", "options": dict(OPEN, presence_limit=2)},
        {"tenant": "default", "name": "loose", "options": dict(OPEN, force_recovery=False, history_limit=0, presence=False)},
        {"tenant": "default", "name": "state", "options": dict(OPEN, force_recovery=False, slow_reader="conflate")},
        {"tenant": "default", "name": "typing", "options": dict(OPEN, ephemeral=True)},
        {"tenant": "default", "name": "raw", "options": dict(OPEN, format="binary")},
        {"tenant": "acme", "name": "", "options": OPEN},
        {"tenant": "cellcast", "name": "", "options": {}},
    ],
    "api_keys": [],
}


def now_us():
    return int(time.time() * 1e6)


class Channel:
    def __init__(self, epoch):
        self.epoch, self.rows, self.lost = epoch, [], 0

    @property
    def head(self):
        return len(self.rows)


class FakeWorker:
    """Channels, and a cursor per (link, channel). Knobs: mute (says nothing about subscribes), away (ranges are 100)."""

    def __init__(self, epoch=1):
        self.epoch, self.channels, self.links = epoch, {}, {}
        self.mute = self.away = False
        self.generation = 1
        self.presence, self.heard = {}, []
        self.reads = 0
        self.passing = {}  # links that want what passes on an ephemeral channel

    def pass_by(self, name, data):
        for writer in self.passing[name] & self.links.keys():
            writer.write(wire.frame("fan_publication", channel=name, publication=wire.pack("publication", data=data, sent_us=now_us())))

    def channel(self, name):
        return self.channels.setdefault(name, Channel(self.epoch))

    async def serve(self, path):
        self.server = await asyncio.start_unix_server(self.accept, path)

    async def accept(self, reader, writer):
        self.links[writer] = {}
        try:
            while True:
                kind, body = await wire.read_frame(reader)
                self.hear(writer, kind, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.links.pop(writer, None)
            writer.close()

    def cut(self):
        for writer in list(self.links):
            writer.transport.abort()

    def hear(self, writer, kind, body):
        for name, number in wire.TYPES.items():
            if name.startswith("FAN_") and number == kind:
                self.heard.append(name)
                handler = getattr(self, "on_" + name.lower(), None)
                if handler:
                    handler(writer, wire.unpack(name.lower(), body))

    def on_fan_hello(self, writer, m):
        self.hello = m
        writer.write(wire.frame("fan_welcome", version=1, worker=1, generation=self.generation, caught_up=1))

    def on_fan_beat(self, writer, m):
        writer.write(wire.frame("fan_beat", sent_us=now_us()))

    def on_fan_subscribe(self, writer, m):
        if self.mute:
            return
        name = m["channel"].decode()
        if m["ephemeral"]:
            self.passing.setdefault(name, set()).add(writer)
            writer.write(wire.frame("fan_subscribed", channel=name))
            return
        c = self.channel(name)
        at, status = m["since"], 0
        if m["from_head"] or m["epoch"] != c.epoch:
            at, status = c.head, 0 if m["from_head"] else 112
        self.links[writer][name] = at
        writer.write(wire.frame("fan_subscribed", channel=name, status=status, epoch=c.epoch, seq=at))
        self.pump(writer, name)

    def on_fan_unsubscribe(self, writer, m):
        self.links[writer].pop(m["channel"].decode(), None)
        self.passing.get(m["channel"].decode(), set()).discard(writer)

    def on_fan_read(self, writer, m):
        self.reads += 1
        c = self.channel(m["channel"].decode())
        if self.away or (m["epoch"] and m["epoch"] != c.epoch):
            writer.write(wire.frame("fan_range", request=m["request"], status=100 if self.away else 112, epoch=c.epoch,
                                    head=c.head))
            return
        rows = [row for row in c.rows[c.lost:] if row["seq"] > m["since"]]
        if m["reverse"]:
            rows = [row for row in reversed(c.rows[c.lost:]) if m["since"] == 0 or row["seq"] < m["since"]]
        publications = b"".join(wire.pack("publication", **row) for row in rows[:m["limit"]])
        writer.write(wire.frame("fan_range", request=m["request"], epoch=c.epoch, head=c.head,
                                more=len(rows) > m["limit"], publications=publications))

    def on_fan_ask_head(self, writer, m):
        c = self.channel(m["channel"].decode())
        head = max(c.head, getattr(c, "really", 0))
        writer.write(wire.frame("fan_head", request=m["request"], epoch=c.epoch, head=head))

    def on_fan_presence_set(self, writer, m):
        self.presence.setdefault(m["channel"].decode(), {})[m["client"].decode()] = m
        if m["tells"] and not m["silent"]:
            self.tell(m["channel"].decode(), "fan_join", info=m["info"])

    def on_fan_presence_clear(self, writer, m):
        gone = self.presence.get(m["channel"].decode(), {}).pop(m["client"].decode(), None)
        if gone and gone["tells"]:
            self.tell(m["channel"].decode(), "fan_leave", info=gone["info"])

    def on_fan_ask_presence(self, writer, m):
        there = self.presence.get(m["channel"].decode(), {})
        page, more = list(there.items())[m["after"]:][:m["limit"]], len(there) > m["after"] + m["limit"] and m["limit"]
        entries = b"".join(wire.pack("presence_entry", client=client, info=p["info"]) for client, p in page)
        writer.write(wire.frame("fan_presence", request=m["request"], complete=1, clients=len(there),
                                users=len({p["user"] for p in there.values()}), entries=entries,
                                next=m["after"] + m["limit"] if more else 0))

    def tell(self, channel, name, **what):
        for writer, subs in self.links.items():
            if channel in subs:
                writer.write(wire.frame(name, channel=channel, **what))

    def pump(self, writer, name, skip=0):
        c, subs = self.channels[name], self.links[writer]
        for row in c.rows[subs[name]:]:
            if row["seq"] > subs[name] + skip:
                row = dict(row, sent_us=now_us())
                writer.write(wire.frame("fan_publication", channel=name, publication=wire.pack("publication", **row)))
        subs[name] = c.head

    def append(self, name, skip=0, quiet=False, **values):
        """A committed row; skip: the gateways miss so many (a hole); quiet: they are not told at all."""
        c = self.channel(name)
        seq = c.head + 1
        row = dict({"epoch": c.epoch, "seq": seq, "id": (seq << 21) | 1, "time_ms": now_us() // 1000,
                    "committed_us": now_us()}, **values)
        c.rows.append(row)
        if not quiet:
            for writer, subs in list(self.links.items()):
                if name in subs:
                    self.pump(writer, name, skip)
        return row

    def bump_epoch(self, name):
        self.channels[name] = Channel(self.channels[name].epoch + 1)
        for subs in self.links.values():
            if name in subs:
                subs[name] = 0


class FakeSequencer:
    """Knobs: mute (keeps publishes without a result), refuse (a code), shards."""

    def __init__(self, worker):
        self.worker, self.links, self.seen = worker, [], []
        self.mute, self.refuse, self.shards = False, 0, 2 ** 64 - 1
        self.done = {}

    async def serve(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def accept(self, reader, writer):
        self.links.append(writer)
        try:
            while True:
                kind, body = await wire.read_frame(reader)
                if kind == wire.TYPES["SEQ_HELLO"]:
                    writer.write(wire.frame("seq_welcome", version=1, sequencer="fake", epoch=1, shards=self.shards))
                elif kind == wire.TYPES["SEQ_BEAT"]:
                    writer.write(wire.frame("seq_beat", sent_us=now_us()))
                elif kind == wire.TYPES["SEQ_PUBLISH"]:
                    self.publish(writer, wire.unpack("seq_publish", body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.links.remove(writer)
            writer.close()

    def cut(self):
        for writer in list(self.links):
            writer.transport.abort()

    def lead(self, shards):
        self.shards = shards
        for writer in self.links:
            writer.write(wire.frame("seq_welcome", version=1, sequencer="fake", epoch=1, shards=shards))

    def publish(self, writer, m):
        self.seen.append(m)
        if not self.mute:
            self.answer(writer, m)

    def answer(self, writer, m):
        if self.refuse:
            writer.write(wire.frame("seq_result", counter=m["counter"], code=self.refuse, text="refused"))
            return
        row = self.done.get(m["counter"])
        repeated = row is not None
        if not repeated:
            row = self.worker.append(m["channel"].decode(), **{f: m[f] for f in ("format", "data", "tags", "info", "after")})
            self.done[m["counter"]] = row
        writer.write(wire.frame("seq_result", counter=m["counter"], repeated=repeated, epoch=row["epoch"], seq=row["seq"],
                                id=row["id"]))


class FakeSupervisor:
    def __init__(self, cluster):
        self.cluster, self.frames, self.status, self.worst_lag_ms = cluster, [], None, 0
        self.metrics, self.seen, self.held = {}, [], None

    async def start(self, argv):
        ctl, self.ctl_child = socket.socketpair()
        self.accept, self.accept_child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.slot = socket.create_server(("127.0.0.1", 0))  # the slot's own listener, which outlives the process
        self.slot.setblocking(False)
        high = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 50) for s in (self.ctl_child, self.accept_child, self.slot)]

        def inherit():
            for place, fd in enumerate(high, 3):
                os.dup2(fd, place)

        self.process = subprocess.Popen(argv, pass_fds=(3, 4, 5), preexec_fn=inherit)
        for fd in high:
            os.close(fd)
        self.ctl_child.close()
        self.accept_child.close()
        self.reader, self.writer = await asyncio.open_connection(sock=ctl)
        self.task = asyncio.create_task(self.listen())

    async def listen(self):
        try:
            while True:
                kind, body = await wire.read_frame(self.reader)
                name = next(n for n, number in wire.TYPES.items() if n.startswith("CTL_") and number == kind).lower()
                getattr(self, "on_" + name, lambda m: None)(wire.unpack(name, body))
                if name == "ctl_status":
                    self.held = wire.unpack_behind(name, "ctl_config_held", body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    def say(self, name, **values):
        self.writer.write(wire.frame(name, **values))

    def on_ctl_hello(self, m):
        self.hello = m

    def on_ctl_status(self, m):
        self.status = m
        self.worst_lag_ms = max(self.worst_lag_ms, m["lag_ms"])

    def on_ctl_metrics(self, m):
        self.metrics = {x["name"].decode(): x["value"] for x in wire.unpack_list("metric", m["metrics"])}

    def on_ctl_canary_seen(self, m):
        self.seen.append(m)

    def on_ctl_call(self, m):
        self.asker = m["request"]
        self.say("ctl_call", request=7, method=m["method"], tenant=m["tenant"], body=m["body"])

    def on_ctl_answer(self, m):
        self.answer = m
        if getattr(self, "asker", None):
            answers = wire.pack("ctl_answer", request=m["request"], body=m["body"])
            self.say("ctl_result", request=self.asker, asked=1, answers=answers)
            self.asker = None

    def on_ctl_emulate(self, m):
        """Knob: nodes, other gateways that it knows, by what it says of them."""
        self.emulated = m
        self.say("ctl_emulated", request=m["request"], status=getattr(self, "nodes", {}).get(m["node"].decode(), 404))

    def configure(self, config):
        self.say("ctl_config", version=config["version"], json=json.dumps(config))

    def map(self, generation, workers, owners, lanes=None):
        """owners: of each partition, and then of each lane; lanes: {channel: number}"""
        listed = b"".join(wire.pack("ctl_worker", slot=slot, path=path) for slot, path in workers.items())
        lanes = lanes or {}
        self.say("ctl_map", generation=generation, partitions=len(owners) - max(lanes.values(), default=0),
                 lanes=b"".join(wire.pack("ctl_lane", channel=channel, lane=lane) for channel, lane in lanes.items()),
                 owners=b"".join(slot.to_bytes(4, "little") for slot in owners), workers=listed)

    def pass_connection(self, port):
        """As an accepted descriptor; -> the client's end, a socket."""
        listener = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        socket.send_fds(self.accept, [wire.pack("ctl_accepted", peer="127.0.0.1", accepted_us=now_us())],
                        [accepted.fileno()])
        accepted.close()
        listener.close()
        return client


class FakeCluster:
    def __init__(self, gateway, port=0, options=(), config=CONFIG):
        self.gateway, self.port, self.options, self.config = gateway, port, options, config

    async def __aenter__(self):
        self.dir = tempfile.mkdtemp(prefix="gateway-")
        self.worker = FakeWorker()
        self.path = self.dir + "/worker-1.sock"
        await self.worker.serve(self.path)
        self.sequencer = FakeSequencer(self.worker)
        self.standby = FakeSequencer(self.worker)
        self.standby.shards = 0
        await self.sequencer.serve()
        await self.standby.serve()
        self.supervisor = FakeSupervisor(self)
        await self.supervisor.start([self.gateway, "--cell=a", "--slot=1", f"--port={self.port}", f"--run-dir={self.dir}",
                                     f"--sequencer=127.0.0.1:{self.sequencer.port},127.0.0.1:{self.standby.port}",
                                     *self.options])
        if self.config:
            self.supervisor.configure(self.config)
        self.supervisor.map(1, {1: self.path}, [1] * PARTITIONS)
        await self.until(lambda: self.supervisor.status and (self.supervisor.status["ready"] or not self.config))
        self.port = self.supervisor.hello["port"]
        return self

    async def __aexit__(self, *_):
        self.supervisor.process.terminate()
        while self.supervisor.process.poll() is None:
            await asyncio.sleep(0.01)
        self.supervisor.task.cancel()
        self.supervisor.writer.close()
        self.supervisor.slot.close()
        self.worker.server.close()
        self.sequencer.server.close()
        self.standby.server.close()
        shutil.rmtree(self.dir)

    async def until(self, condition, seconds=5):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            assert self.supervisor.process.poll() is None, "the gateway is gone"
            await asyncio.sleep(0.005)


async def serve():
    async with FakeCluster(sys.argv[1], int(sys.argv[2]), sys.argv[3:]) as cluster:
        print(f"ws://127.0.0.1:{cluster.port}/connection/websocket", flush=True)
        while cluster.supervisor.process.poll() is None:
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(serve())
