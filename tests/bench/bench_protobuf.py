"""what a delivery, and connect with subscribe, cost a gateway in Protobuf and in JSON: CPU, in turns on one gateway"""

import argparse
import asyncio
import functools
import json
import sys
import time

from cpu import cpu_s
from idle import PATH, close_all, frame, open_many, read_frame
from stack import BUILD, REPO

sys.path.insert(0, str(REPO / "tests/unit/gateway/process"))
from fake_cluster import CONFIG, FakeCluster  # noqa: E402

OPEN = {"allow_subscribe_for_client": True, "allow_subscribe_for_anonymous": True, "batch_delay": 0}  # each publication is a write
PAYLOAD = json.dumps({"event": "price", "symbol": "CELL", "text": "x" * 160}).encode()
RATIO_MOST = 1.0  # of a delivery in Protobuf to one in JSON …
NOISE = 0.03      # … as well as it can be seen
ENTER_US_MOST = 60


def sized(message):
    return bytes([len(message)]) + message


class Json:
    name, path = "json", PATH

    def enter(self, channel):
        return frame(f'{{"id":1,"connect":{{}}}}\n{{"id":2,"subscribe":{{"channel":"{channel}"}}}}'.encode())

    def messages(self, payload):
        return payload.count(b"\n") + 1


class Protobuf:
    name, path = "protobuf", PATH + "?format=protobuf"

    def enter(self, channel):
        request = b"\x0a" + sized(channel.encode())
        return frame(sized(b"\x08\x01\x22\x00") + sized(b"\x08\x02\x2a" + sized(request)), opcode=2)

    def messages(self, payload):
        """All that are read here are shorter than 128 bytes."""
        n = 0
        while payload:
            payload, n = payload[1 + payload[0]:], n + 1
        return n


def enter(socks, encoding, channel):
    """Everybody connects and subscribes, so many at once."""
    command = encoding.enter(channel)
    for start in range(0, len(socks), 100):
        some = socks[start:start + 100]
        for sock in some:
            sock.sendall(command)
        for sock in some:
            got = 0
            while got < 2:
                got += encoding.messages(read_frame(sock)[1])


def drain(socks):
    for sock in socks:
        sock.setblocking(False)
        try:
            while sock.recv(1 << 18):
                pass
        except BlockingIOError:
            sock.settimeout(30)


class Bench:
    def __init__(self, a, cluster):
        self.a, self.cluster, self.pid = a, cluster, cluster.supervisor.process.pid
        self.loop = asyncio.get_running_loop()

    def cpu_us(self, n, work):
        """Of the gateway for each of n."""
        before = cpu_s(self.pid)
        work()
        time.sleep(0.05)  # what is left of the turn
        return (cpu_s(self.pid) - before) * 1e6 / n

    def enter_us(self, encoding):
        """-> CPU of an upgrade, and of what follows."""
        n, socks = self.a.clients, []
        upgrade = self.cpu_us(n, lambda: socks.extend(open_many(self.cluster.port, n, encoding.path)))
        us = self.cpu_us(n, lambda: enter(socks, encoding, "lobby"))
        close_all(socks)
        return upgrade, us

    def publish(self, channel):
        self.loop.call_soon_threadsafe(functools.partial(self.cluster.worker.append, "default/" + channel, data=PAYLOAD))

    def deliver(self, channel, last):
        """Each is out before the next one comes: the last subscriber has it."""
        for _ in range(self.a.publications):
            self.publish(channel)
            read_frame(last)

    def run(self):
        encodings = [Json(), Protobuf()]
        entered = {e.name: [] for e in encodings}
        delivered = {e.name: [] for e in encodings}
        keeper = open_many(self.cluster.port, 1)  # the channel stays
        enter(keeper, encodings[0], "lobby")
        for _ in range(self.a.rounds):
            for e in encodings:
                entered[e.name].append(self.enter_us(e))
        readers = {e.name: open_many(self.cluster.port, self.a.subscribers, e.path) for e in encodings}
        for e in encodings:
            enter(readers[e.name], e, "news-" + e.name.ljust(8, "-"))
        for turn in range(self.a.rounds):
            for e in encodings[:: 1 if turn % 2 else -1]:
                channel, socks = "news-" + e.name.ljust(8, "-"), readers[e.name]
                n = self.a.subscribers * self.a.publications
                delivered[e.name].append(self.cpu_us(n, lambda: self.deliver(channel, socks[-1])))
                drain(socks)
        for socks in (keeper, *readers.values()):
            close_all(socks)
        return entered, delivered


async def measure(a):
    config = json.loads(json.dumps(CONFIG))
    config["namespaces"] = [{"tenant": "default", "name": "", "options": OPEN}, {"tenant": "cellcast", "name": "", "options": {}}]
    options = ("--log-level=error", "--ping-interval=1h", "--connect-rate=0")
    async with FakeCluster(BUILD / "gateway/cellcast-gateway", 0, options, config) as cluster:
        return await asyncio.to_thread(Bench(a, cluster).run)


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run protobuf")
    parser.add_argument("--subscribers", type=int, default=2000, help="of each encoding, on a channel of their own")
    parser.add_argument("--publications", type=int, default=50, help="of a round")
    parser.add_argument("--clients", type=int, default=3000, help="that come in a round")
    parser.add_argument("--rounds", type=int, default=10, help="of which the quickest counts")
    a = parser.parse_args()
    entered, delivered = asyncio.run(measure(a))
    rows = {name: {"upgrade_us": round(min(u for u, _ in entered[name]), 1),
                   "connect_and_subscribe_us": round(min(us for _, us in entered[name]), 1),
                   "delivery_us": round(min(delivered[name]), 2)} for name in entered}
    ratio = min(delivered["protobuf"]) / min(delivered["json"])
    most = max(row["connect_and_subscribe_us"] for row in rows.values())
    holds = ratio <= RATIO_MOST + NOISE and most <= ENTER_US_MOST
    print(json.dumps({"bench": "protobuf", **vars(a), **rows, "delivery_ratio": round(ratio, 3),
                      "claim": f"a delivery in Protobuf costs at most {RATIO_MOST} of one in JSON (and {NOISE} of noise), connect and "
                               f"subscribe at most {ENTER_US_MOST} us beyond the upgrade", "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
