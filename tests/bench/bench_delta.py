"""what deltas save: bytes and CPU for a document in which one number changes, beside the same document whole"""

import argparse
import json
import sys

from bench_slow import Client, QuietStack, Readers, wait_for
from idle import close_all, cpu_seconds, open_many, subscribe_all

WHOLE, DELTA = "whole", "delta"
MOST = {"bytes_ratio": 0.15, "cpu_ratio": 1.1}


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run delta")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=150)
    parser.add_argument("--bytes", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def document(n, size):
    items = [{"id": i, "name": f"item number {i}", "price": i * i} for i in range(size // 46)]
    return json.dumps({"n": n, "items": items}).ljust(size)


def deliver(stack, pid, channel, clients, n, size):
    """n publications, the next one when everybody has the one before. -> µs of the gateway's CPU and bytes, for a delivery"""
    cpu, received, first = cpu_seconds(pid), sum(c.bytes for c in clients), clients[0].last
    with stack.sql(autocommit=True) as sql:
        for i in range(n):
            sql.execute("select cellcast.publish(%s, %s::json)", (channel, document(i, size)))
            wait_for(clients, first + i + 1)
    each = n * len(clients)
    return (cpu_seconds(pid) - cpu) * 1e6 / each, (sum(c.bytes for c in clients) - received) / each


def measure(a, stack):
    port, pid, readers = stack.slot_base + 1, stack.pid("gateway-1"), Readers()
    groups = {}
    for kind, fields in ((WHOLE, {}), (DELTA, {"delta": "fossil"})):
        socks = open_many(port, a.clients)
        subscribe_all(socks, f"doc:{kind}", **fields)
        groups[kind] = [Client(sock) for sock in socks]
        readers.add(groups[kind])
    readers.start()
    sums = {kind: [0, 0] for kind in groups}
    for kind, clients in groups.items():
        deliver(stack, pid, f"doc:{kind}", clients, 2, a.bytes)
    for _ in range(a.rounds):
        for kind, clients in groups.items():
            sums[kind] = [s + v for s, v in zip(sums[kind], deliver(stack, pid, f"doc:{kind}", clients, a.messages, a.bytes))]
    readers.stopping = True
    readers.join()
    wrong = sum(c.wrong for clients in groups.values() for c in clients)
    close_all([c.sock for clients in groups.values() for c in clients])
    row = {f"{name}_{kind}": round(v / a.rounds, 2) for kind, pair in sums.items() for name, v in zip(("cpu_us", "bytes"), pair)}
    return {**row, "cpu_ratio": round(sums[DELTA][0] / sums[WHOLE][0], 3), "bytes_ratio": round(sums[DELTA][1] / sums[WHOLE][1], 3),
            "holes": wrong}


def main():
    a = arguments()
    stack = QuietStack(gateways=1, workers=1)
    try:
        stack.start()
        row = measure(a, stack)
    finally:
        stack.stop()
    failed = [name for name, most in MOST.items() if row[name] > most] + ["holes"] * (row["holes"] > 0)
    print(json.dumps({"bench": "delta", "clients": a.clients, "bytes": a.bytes, **row, "most": MOST, "failed": failed,
                      "holds": not failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
