"""a tenth of the subscribers do not read: latency and CPU of the others, and memory, in the gateways and in a peer"""

import json
import sys
import time

from compare import Cellcast, cost, median
from groups import Groups, cell_groups, less
from kernel_memory import socket_bytes
from peers import Centrifuge
from workload import options

CALM = {"fast_p99_ratio": 1.5, "cpu_ratio": 1.3}  # of the others, beside slow ones by without them, at most
MOST_BYTES = 64 << 10  # of a gateway's own memory for a slow reader
LOOK = 0.9  # of the time of publishing: then a slow reader has gathered the most


class Gateways(Cellcast):
    def groups(self):
        return cell_groups(self.stack)


class Peer(Centrifuge):
    def groups(self):
        return Groups({"server": [self.process.pid]})


def measure(server, slow, o):
    """-> row of one run with so many slow readers in a hundred"""
    groups, found = server.groups(), {}
    before, sockets = groups.memory(), socket_bytes()

    def look():
        time.sleep(LOOK * o.messages / o.rate)
        found.update(grown=less(groups.memory(), before)["server"], sockets=socket_bytes() - sockets)

    report = server.run(beside=look, connections=o.connections, rate=o.rate, messages=o.messages, payload=o.payload, slow_percent=slow,
                        may_lose="true", linger="20s")
    readers = max(1, o.connections * slow // 100)
    row = {"server": server.name, "slow_percent": slow, "fast_p99_ms": report["latency_us"]["kernel"]["p99"] / 1000,
           "cpu_us": round(cost(report), 2), "server_bytes_per_slow_reader": found["grown"] // readers,
           "socket_bytes_per_slow_reader": found["sockets"] // readers, "lost": report["connections"]["lost"], "ok": report["ok"],
           "failures": report["failures"], "saturated": report["saturated"]}
    print(row, file=sys.stderr, flush=True)
    return row


def rows_of(server, o):
    """-> ([rows without slow readers], [rows with them]); the first run of a server only warms it up"""
    try:
        server.start()
        measure(server, 0, o)
        pairs = [(measure(server, 0, o), measure(server, o.slow, o)) for _ in range(o.rounds)]
        return tuple(zip(*pairs))
    finally:
        server.stop()


def summary(without, beside):
    of = lambda rows, name: median(rows, lambda row: row[name])
    return {"fast_p99_ratio": round(of(beside, "fast_p99_ms") / of(without, "fast_p99_ms"), 2),
            "cpu_ratio": round(of(beside, "cpu_us") / of(without, "cpu_us"), 2),
            **{name: of(beside, name) for name in ("server_bytes_per_slow_reader", "socket_bytes_per_slow_reader", "lost")}}


def main():
    o = options("slow-readers", gateways=3, connections=500, slow=10, rate=50, messages=600, payload=4000, rounds=2)
    ours = rows_of(Gateways(o.gateways), o)
    peers = [rows_of(peer, o) for peer in Peer.if_there()]
    found = summary(*ours)
    failed = [name for name, most in CALM.items() if found[name] > most] + ["not_ok"] * (not all(row["ok"] for rows in ours for row in rows))
    failed += ["server_bytes_per_slow_reader"] * (found["server_bytes_per_slow_reader"] > MOST_BYTES)
    print(json.dumps({"bench": "slow-readers", "options": vars(o), **found, **{f"peer_{name}": value for rows in peers for name, value in summary(*rows).items()},
                      "rows": [row for server in (ours, *peers) for rows in server for row in rows], "failed": failed, "holds": not failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
