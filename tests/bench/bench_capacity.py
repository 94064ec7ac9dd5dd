"""what one gateway costs, what follows for 2 and 4 by deploy/capacity.md, and what they really take"""

import argparse
import json
import os
import sys
from dataclasses import asdict

from capacity_model import Costs, cpu_ms, gateways_within, last_ms
from compare import Cellcast
from groups import cell_groups, less

CORES = len(os.sched_getaffinity(0))
NOBODY = 50  # subscribers whose deliveries take no time
WITHIN_MS = 100
OFF_BY = {"last": 1.5, "cpu": 1.5}  # measured by predicted, or the other way round, at most


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run capacity")
    for name, default in (("rate", 2), ("messages", 20), ("payload", 200), ("known", 5000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--gateways", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--subscribers", type=int, nargs="+", default=[3000, 10000])
    return parser.parse_args()


class Run:
    """One channel, so many subscribers: ms and CPU."""

    def __init__(self, server, subscribers, o):
        groups = cell_groups(server.stack)
        before, joined = groups.cpu(), {}
        report = server.run(beside=lambda: joined.update(less(groups.cpu(), before)), connections=subscribers, rate=o.rate, messages=o.messages,
                            payload=o.payload, connect_rate=4000)
        self.ok, self.seconds, self.deliveries = report["ok"], report["seconds"], report["deliveries"]["delivered"]
        self.last_ms = report["latency_us"]["last_subscriber_kernel"]["p50"] / 1000
        self.server_ms, self.client_ms = report["cpu_s"]["server"] * 1000, report["cpu_s"]["subscribers"] * 1000
        self.handshake_us = sum(joined[name] for name in ("server", "supervisor")) / subscribers * 1e6

    def row(self, gateways, costs, beside_us, o):
        predicted_last = last_ms(costs, self.deliveries // o.messages, gateways, CORES, beside_us)
        predicted_cpu = cpu_ms(costs, gateways, self.deliveries / self.seconds)
        return {"gateways": gateways, "subscribers": self.deliveries // o.messages, "last_ms": round(self.last_ms, 1),
                "predicted_last_ms": round(predicted_last, 1), "last_ratio": round(self.last_ms / predicted_last, 2),
                "cpu_ms": round(self.server_ms / self.seconds, 1), "predicted_cpu_ms": round(predicted_cpu, 1),
                "cpu_ratio": round(self.server_ms / self.seconds / predicted_cpu, 2), "handshake_us": round(self.handshake_us, 1), "ok": self.ok}


def learn(server, o):
    """-> (costs of one gateway, CPU of the clients for a delivery)"""
    Run(server, o.known, o)  # Kafka is slow at first
    quiet, busy = Run(server, NOBODY, o), Run(server, o.known, o)
    idle_ms = quiet.server_ms / quiet.seconds
    costs = Costs(delivery_us=(busy.server_ms - idle_ms * busy.seconds) / busy.deliveries * 1000, idle_ms=idle_ms, path_ms=quiet.last_ms)
    return costs, busy.client_ms / busy.deliveries * 1000


def measure(gateways, known, o):
    """-> (what is known of one gateway, rows)"""
    server = Cellcast(gateways)
    try:
        server.start()
        known = known or learn(server, o)
        rows = [Run(server, subscribers, o).row(gateways, *known, o) for subscribers in o.subscribers]
    finally:
        server.stop()
    for row in rows:
        print(row, file=sys.stderr, flush=True)
    return known, rows


def is_near(row):
    return row["ok"] and all(1 / most <= row[f"{what}_ratio"] <= most for what, most in OFF_BY.items())


def main():
    o = arguments()
    known, rows = None, []
    for gateways in o.gateways:
        known, more = measure(gateways, known, o)
        rows += more
    costs, beside_us = known
    holds = all(map(is_near, rows))
    print(json.dumps({"bench": "capacity", "options": vars(o), "cores": CORES, **{k: round(v, 2) for k, v in asdict(costs).items()},
                      "clients_us": round(beside_us, 2), "rows": rows,
                      "gateways_within_100_ms": {n: gateways_within(costs, n, WITHIN_MS) for n in (10_000, 50_000, 100_000)},
                      "claim": f"measured by predicted within {OFF_BY}", "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
