"""a rolling restart of all gateways, then of all workers, under load (--connections 5000): who was refused, what was lost, how long clients were away"""

import json
import subprocess
import sys
import time

from compare import Cellcast, generate
from stack import BUILD, KEY
from workload import options

PAUSE_MS = 1000  # of a rolled worker's partitions

# returning: what became of those who came back, or were cut by --drops, and so made a new connection
REFUSED = ("refused", "hung_up", "http_errors", "handshakes_late", "answers_late", "connect_errors")


class Rolled(Cellcast):
    """While it is measured its processes of one role are replaced."""

    def roll(self, role):
        time.sleep(2)
        began = time.monotonic()
        done = subprocess.run([BUILD / "supervisor/cellcastctl", f"--admin=http://127.0.0.1:{self.stack.admin_port}", "restart", role, "--watch"],
                              stdout=subprocess.PIPE, text=True)
        self.rolled = {"done": done.returncode == 0, "seconds": round(time.monotonic() - began, 1), "said": done.stdout.splitlines()[-1:]}

    def measure(self, role, o, **flags):
        before = set(self.pids(role[:-1]).split("+"))
        report = generate(lambda: self.roll(role), server=f"127.0.0.1:{self.stack.port}", api=self.stack.http(), api_key=KEY,
                          channel=f"quiet:{role}-", connections=o.connections, channels=o.channels, payload=200, rate=o.rate,
                          messages=o.rate * o.seconds, linger="20s", **flags)
        self.rolled["replaced"] = not before & set(self.pids(role[:-1]).split("+"))
        return report


def ms(us):
    return round(us / 1000, 1)


def main():
    o = options("roll", connections=5000, channels=500, gateways=3, rate=200, seconds=40, drops=20)
    server = Rolled(o.gateways)
    try:
        server.start()
        gateways = server.measure("gateways", o, drop_rate=o.drops, may_lose="true")
        rolled_gateways = server.rolled
        workers = server.measure("workers", o)
        rolled_workers = server.rolled
    finally:
        server.stop()
    refused = {name: gateways["returning"][name] for name in REFUSED}
    figures = {
        "refused": sum(refused.values()),
        "lost": gateways["missing"],
        "repeated": gateways["deliveries"]["repeats"],
        "away_p50_ms": ms(gateways["latency_us"]["back"]["p50"]), "away_p99_ms": ms(gateways["latency_us"]["back"]["p99"]), "away_max_ms": ms(gateways["latency_us"]["back"]["max"]),
        "moved": gateways["connections"]["lost"] - gateways["connections"]["cut"],
        "worker_pause_max_ms": ms(workers["latency_us"]["kernel"]["max"]),
        "worker_lost": workers["missing"],
    }
    rolled = all(r["done"] and r["replaced"] for r in (rolled_gateways, rolled_workers))
    holds = (rolled and gateways["ok"] and workers["ok"] and figures["refused"] == figures["lost"] == figures["repeated"] == 0
             and figures["worker_lost"] == 0 and figures["worker_pause_max_ms"] < PAUSE_MS)
    print(json.dumps({"bench": "roll", "options": vars(o), **figures, "refusals": refused, "gateways": rolled_gateways, "workers": rolled_workers,
                      "failures": gateways["failures"] + workers["failures"], "returning": gateways["returning"],
                      "claim": f"refused, lost, repeated 0; worker_pause_max_ms < {PAUSE_MS}; all replaced", "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
