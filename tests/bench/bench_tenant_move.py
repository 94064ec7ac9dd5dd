"""a tenant moves to another cell under load (--connections 500), and back with the SDK: violations, and how long clients were away"""

import asyncio
import json
import sys
import time

import jwt

from cells import SECRET, Cells, clients
from compare import generate
from stack import KEY
from workload import options

AWAY_MAX_MS = 5000  # the code reconnects with an SDK's first delays; a cell that is not there is found after its backoff only


def ms(us):
    return round(us / 1000, 1)


class Mover:
    def __init__(self, cells):
        self.cells, self.said = cells, []

    def move(self, to):
        began = time.monotonic()
        done = self.cells.ctl("tenant", "move", "acme", f"--to={to}", "--watch")
        self.said.append({"to": to, "done": done.returncode == 0, "seconds": round(time.monotonic() - began, 1),
                          "said": done.stdout.splitlines() + done.stderr.splitlines()})


def under_load(cells, mover, o):
    """The generator's connections -> its report"""
    token = jwt.encode({"sub": "bench", "tenant": "acme"}, SECRET, "HS256")

    def move():
        time.sleep(2)
        mover.move("b")

    return generate(move, server=f"127.0.0.1:{cells.balancer.port}", path="/t/acme/connection/websocket", token=token,
                    api=cells.b.http(gateway=1), api_key=KEY, channel="acme/bench-", connections=o.connections, channels=o.channels,
                    rate=o.rate, messages=o.rate * o.seconds, linger="20s", may_lose="true")


def main():
    o = options("tenant-move", connections=500, channels=50, rate=100, seconds=20, people=10)
    cells = Cells(kafka_profile="perf")
    try:
        cells.start()
        mover = Mover(cells)
        report = under_load(cells, mover, o)
        found = asyncio.run(cells.violations_during(lambda: mover.move("a"), "acme", people=o.people))
        left_behind = clients(cells.b, "acme")
    finally:
        cells.stop()
    back = report["latency_us"]["back"]
    figures = {
        "violations": len(found) + report["missing"] + report["deliveries"]["repeats"],
        "away_p50_ms": ms(back["p50"]), "away_p99_ms": ms(back["p99"]), "away_max_ms": ms(back["max"]),
        "moved": report["connections"]["lost"], "left_behind": left_behind,
    }
    holds = (figures["violations"] == 0 and report["ok"] and figures["moved"] >= o.connections and left_behind == 0
             and figures["away_max_ms"] < AWAY_MAX_MS and all(m["done"] for m in mover.said))
    print(json.dumps({"bench": "tenant-move", "options": vars(o), **figures, "moves": mover.said, "found": found[:20],
                      "failures": report["failures"], "returning": report["returning"],
                      "claim": f"violations 0, everybody moved, away_max_ms < {AWAY_MAX_MS}", "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
