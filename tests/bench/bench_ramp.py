"""the rate that each server holds: of one channel with 10,000 subscribers, and of one with 500, whose messages may share writes"""

import argparse
import json
import sys
from types import SimpleNamespace

from compare import Cellcast, Floor, figures
from peers import Centrifuge

WORKLOADS = {
    "fanout": SimpleNamespace(connections=10000, first=3, step=1.3, publishing={}),
    "batch": SimpleNamespace(connections=500, first=250, step=1.5, publishing={"publishers": 32, "batch_max": 1}),  # so many wait for commits at once
}

LONGER = 1.25  # a run of a rate that is held, than its messages are apart


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run ramp")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    for name, default in (("gateways", 3), ("seconds", 5), ("payload", 200), ("steps", 12)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--within-ms", type=int, default=250, help="p99 of a rate that is held; the publisher's own lateness as well")
    return parser.parse_args()


def is_held(run, o):
    """In time as a whole as well: the floor has no publisher who could be late."""
    late = run["publish_late"] or {"p99": 0}
    return run["ok"] and run["seconds"] <= LONGER * o.seconds + 1 and max(run["kernel"]["p99"], late["p99"]) <= o.within_ms * 1000


def ramp(server, workload, o):
    """-> {rate held (0: none), rows}: up until one is not held twice"""
    rate, held, rows, misses = workload.first, 0, [], 0
    try:
        server.start()
        while misses < 2 and len(rows) < o.steps:
            run = figures(server.run(connections=workload.connections, rate=round(rate), messages=round(rate) * o.seconds, payload=o.payload,
                                     **workload.publishing))
            good = is_held(run, o)
            rows.append({"rate": round(rate), "held": good, "seconds": run["seconds"], "server_us": run["server_us"],
                         "p99_ms": (run["kernel"] or {"p99": 0})["p99"] / 1000, "saturated": run["saturated"], "failures": run["failures"]})
            print(server.name, rows[-1], file=sys.stderr, flush=True)
            held, misses = (round(rate), 0) if good else (held, misses + 1)
            rate = rate * workload.step if good else rate
    finally:
        server.stop()
    return {"held": held, "rows": rows}


def main():
    o = arguments()
    found, ratios = {}, {}
    for name in o.workloads:
        servers = [Cellcast(o.gateways), Floor(o.gateways), *Centrifuge.if_there()]
        found[name] = {server.name: ramp(server, WORKLOADS[name], o) for server in servers}
        ours = found[name]["cellcast"]["held"]
        ratios.update({f"{name}_rate": ours, **{f"{name}_rate_vs_{other}": round(ours / max(1, of["held"]), 2)
                                                 for other, of in found[name].items() if other != "cellcast"}})
    holds = all(of["held"] for servers in found.values() for of in servers.values())
    print(json.dumps({"bench": "ramp", "options": vars(o), **ratios, "ramps": found, "claim": "every server holds the first rate", "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
