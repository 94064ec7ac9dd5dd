"""what compressing once saves and costs: bytes and CPU of a delivery, memory of a connection, beside the same without"""

import argparse
import json
import sys
import time

from bench_delta import document
from bench_slow import QuietStack, Readers
from idle import anonymous_bytes, close_all, cpu_seconds, open_many, say

PLAIN, PACKED = "plain", "packed"
OFFER = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
MOST = {"bytes_ratio": 0.4, "cpu_ratio": 1.3, "memory_ratio": 1.1}


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run deflate")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=60)
    parser.add_argument("--bytes", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


class Client:
    """Counts bytes and frames, whatever is in them."""

    def __init__(self, sock):
        self.sock, self.rest, self.frames, self.bytes = sock, b"", 0, 0

    def read(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise EOFError("the gateway has closed")
        self.bytes += len(data)
        data = self.rest + data
        while len(data) >= 4:
            n, at = data[1] & 127, 2
            if n == 126:
                n, at = int.from_bytes(data[2:4], "big"), 4
            if len(data) < at + n:
                break
            data, self.frames = data[at + n:], self.frames + 1
        self.rest = data


class PackedStack(QuietStack):
    def start_cell(self, *more):
        super().start_cell("--gateway-option=compression=true", *more)


def group(stack, pid, kind, n):
    """-> clients, bytes of the gateway's memory for each"""
    before = anonymous_bytes(pid)
    socks = open_many(stack.slot_base + 1, n, more=OFFER if kind == PACKED else "")
    say(socks, lambda i: [{"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": kind}}])
    return [Client(sock) for sock in socks], (anonymous_bytes(pid) - before) / n


def wait_for(clients, frames, seconds=60):
    end = time.monotonic() + seconds
    while any(c.frames < frames for c in clients):
        if time.monotonic() > end:
            sys.exit(f"deflate: {sum(c.frames < frames for c in clients)} clients have not got everything in {seconds} s")
        time.sleep(0.002)


def deliver(stack, pid, channel, clients, n, size):
    """-> µs of the gateway's CPU and bytes, for a delivery"""
    cpu, received, first = cpu_seconds(pid), sum(c.bytes for c in clients), clients[0].frames
    with stack.sql(autocommit=True) as sql:
        for i in range(n):
            sql.execute("select cellcast.publish(%s, %s::json)", (channel, document(i, size)))
            wait_for(clients, first + i + 1)
    each = n * len(clients)
    return (cpu_seconds(pid) - cpu) * 1e6 / each, (sum(c.bytes for c in clients) - received) / each


def measure(a, stack):
    pid, readers, groups, memory = stack.pid("gateway-1"), Readers(), {}, {}
    first = group(stack, pid, "first", a.clients)[0]  # they stay: memory that they freed would be used again
    for kind in (PLAIN, PACKED):
        groups[kind], memory[kind] = group(stack, pid, kind, a.clients)
        readers.add(groups[kind])
    readers.start()
    sums = {kind: [0, 0] for kind in groups}
    for kind, clients in groups.items():
        deliver(stack, pid, kind, clients, 2, a.bytes)
    for _ in range(a.rounds):
        for kind, clients in groups.items():
            sums[kind] = [s + v for s, v in zip(sums[kind], deliver(stack, pid, kind, clients, a.messages, a.bytes))]
    readers.stopping = True
    readers.join()
    close_all([c.sock for clients in [first, *groups.values()] for c in clients])
    row = {f"{name}_{kind}": round(v / a.rounds, 2) for kind, pair in sums.items() for name, v in zip(("cpu_us", "bytes"), pair)}
    row.update({f"memory_bytes_{kind}": round(v) for kind, v in memory.items()})
    return {**row, "cpu_ratio": round(sums[PACKED][0] / sums[PLAIN][0], 3), "bytes_ratio": round(sums[PACKED][1] / sums[PLAIN][1], 3),
            "memory_ratio": round(memory[PACKED] / memory[PLAIN], 3) if memory[PLAIN] > 0 else 1}


def main():
    a = arguments()
    stack = PackedStack(gateways=1, workers=1)
    try:
        stack.start()
        row = measure(a, stack)
    finally:
        stack.stop()
    failed = [name for name, most in MOST.items() if row[name] > most]
    print(json.dumps({"bench": "deflate", "clients": a.clients, "bytes": a.bytes, **row, "most": MOST, "failed": failed,
                      "holds": not failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
