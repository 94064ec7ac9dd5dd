"""a tenth of the clients do not read: memory of gateway and kernel meanwhile, the others, and what they read afterwards"""

import argparse
import json
import re
import selectors
import subprocess
import sys
import threading
import time

from idle import anonymous_bytes, close_all, cpu_seconds, open_many, subscribe_all
from stack import Stack

OFFSET = re.compile(rb'"offset":(\d+)[,}]')
OFFSET_BYTES = 32  # at most
MOST = {"kernel_bytes_per_slow_reader": 256 << 10, "gateway_growth_bytes": 4 << 20, "cpu_ratio": 1.3}
BATCH = 20


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run slow")
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--slow", type=int, default=30)
    parser.add_argument("--messages", type=int, default=1500)
    parser.add_argument("--bytes", type=int, default=2000)
    return parser.parse_args()


class Client:
    """Reads frames and notes whether each offset is the next one."""

    def __init__(self, sock):
        self.sock, self.rest, self.last, self.wrong, self.bytes = sock, b"", 0, 0, 0

    def read(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise EOFError("the gateway has closed")
        self.bytes += len(data)
        data = self.rest + data
        seen = 0
        for match in OFFSET.finditer(data):
            self.wrong += int(match[1]) != self.last + 1
            self.last, seen = int(match[1]), match.end()
        self.rest = data[max(seen, len(data) - OFFSET_BYTES):]  # it may go on in the next part


class Readers(threading.Thread):
    """Reads for all clients that are told to."""

    def __init__(self):
        super().__init__(daemon=True)
        self.selector, self.stopping = selectors.DefaultSelector(), False

    def add(self, clients):
        for client in clients:
            self.selector.register(client.sock, selectors.EVENT_READ, client)

    def run(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.2):
                key.data.read()


class QuietStack(Stack):
    """Nobody is pinged: who does not read does not answer either."""

    def start_cell(self, *more):
        super().start_cell("--gateway-option=ping-interval=1h", *more)


def clients_of(port, n, channel):
    socks = open_many(port, n)
    subscribe_all(socks, channel)
    return [Client(sock) for sock in socks]


def publish(stack, channel, n, size):
    data, statement = json.dumps("x" * size), "select cellcast.publish(%s, %s::json) from generate_series(1, %s)"
    with stack.sql(autocommit=True) as sql:
        for start in range(0, n, BATCH):
            sql.execute(statement, (channel, data, min(BATCH, n - start)))


def wait_for(clients, last, seconds=120):
    end = time.monotonic() + seconds
    while any(c.last < last for c in clients):
        if time.monotonic() > end:
            sys.exit(f"slow: {sum(c.last < last for c in clients)} clients have not got everything in {seconds} s")
        time.sleep(0.05)


def kernel_bytes(port, clients):
    """Of the gateway's ends of these connections: send and receive memory of the socket."""
    peers = {client.sock.getsockname()[1] for client in clients}
    out = subprocess.run(["ss", "-tmnOH", f"( sport = :{port} )"], capture_output=True, text=True, check=True).stdout
    total, found = 0, 0
    for line in out.splitlines():
        peer = re.search(r":(\d+)\s+skmem", line)
        if peer and int(peer[1]) in peers:
            memory = dict(re.findall(r"([a-z]+)(\d+)", re.search(r"skmem:\(([^)]*)\)", line)[1]))
            total += sum(int(memory[field]) for field in "rfwo")
            found += 1
    assert found == len(peers), (found, len(peers))
    return total


def deliver(stack, pid, channel, clients, readers, n, size):
    """n publications to those who read. -> CPU s of the gateway per delivery"""
    before, first = cpu_seconds(pid), clients[0].last
    publish(stack, channel, n, size)
    wait_for(clients, first + n)
    return (cpu_seconds(pid) - before) / (n * len(clients))


def measure(a, stack):
    channel, port, pid = "slow", stack.slot_base + 1, stack.pid("gateway-1")
    fast = clients_of(port, a.clients - a.slow, channel)
    readers = Readers()
    readers.add(fast)
    readers.start()
    alone = deliver(stack, pid, channel, fast, readers, a.messages, a.bytes)
    slow = clients_of(port, a.slow, channel)
    for client in slow:
        client.last = fast[0].last
    before = anonymous_bytes(pid)
    beside = deliver(stack, pid, channel, fast, readers, a.messages, a.bytes)
    row = {"gateway_growth_bytes": anonymous_bytes(pid) - before,
           "kernel_bytes_per_slow_reader": kernel_bytes(port, slow) // a.slow,
           "missed_bytes_per_slow_reader": a.messages * a.bytes,
           "cpu_us_alone": round(alone * 1e6, 2), "cpu_us_beside_slow": round(beside * 1e6, 2), "cpu_ratio": round(beside / alone, 3)}
    readers.add(slow)
    wait_for(slow, fast[0].last)
    readers.stopping = True
    readers.join()
    metrics = stack.metrics()
    for name in ("refills_total", "pages_total", "disconnects_total"):
        row[name] = int(sum(float(v) for v in re.findall(rf"^cellcast_gateway_{name}{{.*}} (\S+)$", metrics, re.M)))
    row["holes"] = sum(c.wrong for c in fast + slow)
    close_all([c.sock for c in fast + slow])
    return row


def main():
    a = arguments()
    stack = QuietStack(gateways=1, workers=1)
    try:
        stack.start()
        row = measure(a, stack)
    finally:
        stack.stop()
    failed = [name for name, most in MOST.items() if row[name] > most] + ["holes"] * (row["holes"] > 0)
    print(json.dumps({"bench": "slow", "clients": a.clients, "slow": a.slow, **row, "most": MOST, "failed": failed,
                      "holds": not failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
