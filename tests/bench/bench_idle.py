"""as many idle subscribed connections as asked for (--connections=1000000), over gateways of 18,000: memory of each, kernel and peer"""

import argparse
import json
import sys
import time

from compare import generate
from groups import Groups, cell_groups, less
from kernel_memory import Kernel, meminfo
from peers import Centrifuge
from stack import Stack

ROOM_EACH, ROOM_LEFT = 13_500, 3 << 30  # bytes: of a connection, both ends and all processes; for the rest of the machine
OPENING = 2000  # connections on their way at once: no more than the kernel keeps (tcp_max_syn_backlog)
NOISE = 32  # bytes a connection: a cache that grew less has grown for other reasons
SETTLE_S = 14  # gateways give back what a peak has left over within 10 s
MOST = {"process_bytes_per_connection": 1945 + 1024, "process_bytes_per_subscription": 96}  # issue 5: bare libwebsockets and 1 KB


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run idle")
    parser.add_argument("--connections", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=18_200, help="connections of a gateway: a process may have 20,000 files open here")
    parser.add_argument("--connect-rate", type=int, default=8000)
    parser.add_argument("--ping", type=int, default=120, help="s between two pings")
    parser.add_argument("--idle", type=int, default=30, help="s of nothing")
    parser.add_argument("--few", type=int, default=10_000, help="connections of the other rows: of one gateway, and of the peer")
    parser.add_argument("--more", type=int, default=10, help="further subscriptions of each in one of these rows")
    o = parser.parse_args()
    fit = (meminfo()["MemAvailable"] - ROOM_LEFT) // ROOM_EACH
    if o.connections > fit:
        parser.error(f"--connections={o.connections}: in the memory that is free now, {max(fit, 0)} fit")
    return o


class Cell:
    """The real stack; its cell is started anew, with as many gateways as are wanted."""

    name = "cellcast"

    def __init__(self, o):
        self.stack, self.o = Stack(gateways=1, workers=2, ports=300), o

    def start(self):
        self.stack.start_without_cell()

    def stop(self):
        self.stack.stop()

    def fresh(self, connections):
        if "cell" in self.stack.kept:
            self.stack.end("cell", seconds=60)
        self.stack.gateways = -(-connections // self.o.each)
        self.stack.start_cell(f"--gateway-option=ping-interval={self.o.ping}s")
        self.stack.wait_ready(120)

    def groups(self):
        return cell_groups(self.stack)

    def port(self):
        return self.stack.port


class Peer:
    """Centrifugo's engine."""

    def __init__(self, server):
        self.server, self.name, self.running = server, server.name, False

    def start(self):
        pass

    def stop(self):
        if self.running:
            self.server.process.terminate()
            self.server.process.wait(60)

    def fresh(self, connections):
        self.stop()
        self.server.start()
        self.running = True

    def groups(self):
        return Groups({"server": [self.server.process.pid]})

    def port(self):
        return self.server.port


class Watch:
    """Beside the generator: everybody is subscribed when it begins."""

    def __init__(self, server, idle_s):
        self.groups, self.idle_s = server.groups(), idle_s
        self.before, self.kernel, self.cpu = self.groups.memory(), Kernel(), self.groups.cpu()

    def __call__(self):
        self.join_cpu = less(self.groups.cpu(), self.cpu)
        time.sleep(SETTLE_S)
        self.memory, self.added = less(self.groups.memory(), self.before), self.kernel.added()
        at, rest = time.monotonic(), self.groups.cpu()
        time.sleep(self.idle_s)
        self.idle_cpu = {name: used / (time.monotonic() - at) for name, used in less(self.groups.cpu(), rest).items()}

    def figures(self, connections):
        each = lambda of: {name: round(value / connections) for name, value in of.items()}
        us = lambda of: {name: round(value / connections * 1e6, 3) for name, value in of.items()}
        return {"bytes_per_connection": each(self.memory), "kernel_bytes_per_connection": round(self.added["kernel"] / connections),
                "data_in_sockets_per_connection": round(self.added["sockets"] / connections),
                "kernel_caches_per_connection": {name: size for name, size in each(self.added["caches"]).items() if size >= NOISE},
                "handshake_cpu_us": us(self.join_cpu), "idle_cpu_us_per_s": us(self.idle_cpu)}


def hold(server, connections, subscriptions, idle_s, o):
    """-> the row of that many idle connections on a fresh server"""
    server.fresh(connections)
    processes = -(-connections // o.each)
    watch = Watch(server, idle_s)
    report = generate(watch, server=f"127.0.0.1:{server.port()}", channel="quiet:idle-", connections=connections, channels=subscriptions,
                      subscriptions=subscriptions, processes=processes, connect_rate=o.connect_rate, opening_max=max(4, OPENING // processes),
                      subscribe_timeout="120s", messages=0, stay=f"{SETTLE_S + idle_s + 5}s")
    row = {"server": server.name, "connections": connections, "subscriptions": subscriptions, "server_processes": len(watch.groups.pids["server"]),
           "bytes_before": watch.before, **watch.figures(connections), "join_s": report["join_s"],
           **{name: report["connections"][name] for name in ("lost", "turned_away")}, "ok": report["ok"], "failures": report["failures"]}
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def run(server, sizes, o):
    """sizes: (connections, subscriptions, seconds of nothing) of each row"""
    try:
        server.start()
        return [hold(server, *size, o) for size in sizes]
    finally:
        server.stop()


def per_subscription(one, several):
    more = several["subscriptions"] - one["subscriptions"]
    return round((several["bytes_per_connection"]["server"] - one["bytes_per_connection"]["server"]) / more)


def main():
    o = arguments()
    few = [(o.few, 1, 1), (o.few, 1 + o.more, 1)]
    peers = [run(Peer(peer), few, o) for peer in Centrifuge.if_there()]
    ours = run(Cell(o), [*few, (o.connections, 1, o.idle)], o)
    most = ours[-1]
    row = {"connections": most["connections"] if most["ok"] else 0, "process_bytes_per_connection": most["bytes_per_connection"]["server"],
           "kernel_bytes_per_connection": most["kernel_bytes_per_connection"], "process_bytes_per_subscription": per_subscription(*ours[:2])}
    for rows in peers:
        row.update(peer_bytes_per_connection=rows[0]["bytes_per_connection"]["server"], peer_bytes_per_subscription=per_subscription(*rows))
    failed = [name for name, limit in MOST.items() if row[name] > limit] + [r["server"] for r in sum(peers, ours) if not r["ok"]]
    print(json.dumps({"bench": "idle", "options": vars(o), **row, "rows": sum(peers, ours), "most": MOST, "failed": failed, "holds": not failed}))
    return 0 if not failed else 1


if __name__ == "__main__":
    sys.exit(main())
