"""what a client without a WebSocket costs a gateway: memory when idle, CPU time of a delivery, beside a WebSocket in the same run"""

import argparse
import asyncio
import json
import select
import socket
import sys
import threading

from idle import anonymous_bytes, close_all, cpu_seconds, open_many, subscribe_all
from stack import BUILD, REPO

sys.path.insert(0, str(REPO / "tests/unit/gateway/process"))
from fake_cluster import CONFIG, OPEN, FakeCluster  # noqa: E402

FIRST = b'{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"lobby"}}'
MOST = {"http_stream": 1.2, "sse": 1.2}  # CPU time of a delivery, in those of a WebSocket


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run streams")
    parser.add_argument("--idle", type=int, default=4000, help="connections of each kind, for memory")
    parser.add_argument("--readers", type=int, default=400, help="of each kind, for deliveries")
    parser.add_argument("--publications", type=int, default=300)
    return parser.parse_args()


def stream(port, name):
    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(b"POST /connection/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (name.encode(), len(FIRST), FIRST))
    return sock


def open_clients(port, n, kind):
    if kind != "websocket":
        return [stream(port, kind) for _ in range(n)]
    socks = open_many(port, n)
    subscribe_all(socks, "lobby")
    return socks


class Reader(threading.Thread):
    """Reads and forgets, until everybody was told everything: each publication has one `mark` in it."""

    def __init__(self, socks, mark):
        super().__init__(daemon=True)
        self.socks, self.mark, self.seen = socks, mark, 0
        self.poll = select.epoll()
        self.by_fd = {s.fileno(): s for s in socks}
        for fd in self.by_fd:
            self.poll.register(fd, select.EPOLLIN)
        self.over = False

    def run(self):
        while not self.over:
            for fd, _ in self.poll.poll(0.1):
                self.seen += self.by_fd[fd].recv(65536).count(self.mark)


async def settle(cluster, n):
    await cluster.until(lambda: cluster.supervisor.status["connections"] == n, 60)
    await asyncio.sleep(1)


async def deliver(cluster, socks, a):
    """-> µs of the gateway's CPU time per delivery"""
    reader, pid = Reader(socks, b"#"), cluster.supervisor.process.pid
    reader.start()
    await asyncio.sleep(0.5)
    before = cpu_seconds(pid)
    for n in range(a.publications):
        cluster.worker.append("default/lobby", data=json.dumps("#" + "x" * 200))
        await asyncio.sleep(0.01)
    await cluster.until(lambda: reader.seen >= len(socks) * a.publications, 60)
    spent = cpu_seconds(pid) - before
    reader.over = True
    reader.join()
    return spent * 1e6 / (len(socks) * a.publications)


async def measure(a):
    config = dict(CONFIG, namespaces=[{"tenant": "default", "name": "", "options": dict(OPEN, presence=False, batch_delay="0")},
                                      {"tenant": "cellcast", "name": "", "options": {}}])
    memory, cpu = {}, {}
    options = ("--log-level=error", "--ping-interval=1h", "--connect-rate=0")
    for kind in ("websocket", "http_stream", "sse"):
        async with FakeCluster(BUILD / "gateway/cellcast-gateway", 0, options, config) as cluster:
            pid = cluster.supervisor.process.pid
            warm = await asyncio.to_thread(open_clients, cluster.port, a.readers, kind)
            await settle(cluster, len(warm))
            cpu[kind] = await deliver(cluster, warm, a)
            before = anonymous_bytes(pid)
            idle = await asyncio.to_thread(open_clients, cluster.port, a.idle, kind)
            await settle(cluster, len(warm) + len(idle))
            memory[kind] = (anonymous_bytes(pid) - before) / len(idle)
            close_all(warm + idle)
    return memory, cpu


def main():
    a = arguments()
    memory, cpu = asyncio.run(measure(a))
    ratio = {kind: round(cpu[kind] / cpu["websocket"], 2) for kind in MOST}
    failed = [kind for kind, most in MOST.items() if ratio[kind] > most]
    print(json.dumps({"bench": "streams", "bytes_per_connection": {k: round(v) for k, v in memory.items()},
                      "delivery_us": {k: round(v, 2) for k, v in cpu.items()}, "delivery_ratio": ratio, "most": MOST,
                      "failed": failed, "holds": not failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
