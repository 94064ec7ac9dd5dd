"""where the gate stands: in the cell, at the balancer, in both, in neither; HAProxy in front, --clients connections (9,900 at most)"""

import argparse
import json
import sys

from storm import GATES, Cell, stack_without_cell, storm_of

NO_LIMIT = 1000000
SHOWN = ("t50_s", "t95_s", "t100_s", "attempts_per_client", "failed", "storm_cpu_s", "peak_mib", "quiet_p99_ms", "lost", "repeated", "not_back")


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run gates")
    parser.add_argument("--clients", type=int, default=9000, help="of which those of all gateways but one are dropped")
    parser.add_argument("--gateways", type=int, default=5)
    parser.add_argument("--kill", choices=("gateways", "cell"), default="gateways")
    parser.add_argument("--sdk", default="js")
    parser.add_argument("--balancer-rate", type=int, default=2000, help="connections/s, where the balancer has a gate")
    parser.add_argument("--only", default="", help="some of them, parted by commas")
    return parser.parse_args()


def places(rate):
    """-> {name: (options of the cell, variables of the balancer or None)}"""
    open_balancer, narrow = {"connection_rate": NO_LIMIT}, {"connection_rate": rate}
    return {"neither": (GATES["off"], open_balancer), "balancer": (GATES["off"], narrow), "cell": (GATES["on"], open_balancer),
            "both": (GATES["on"], narrow), "cell, no balancer": (GATES["on"], None)}


def main():
    o = arguments()
    wanted = [name for name in places(o.balancer_rate) if not o.only or name in o.only.split(",")]
    runs = {}
    with stack_without_cell(o.gateways) as stack:
        for name in wanted:
            options, balancer = places(o.balancer_rate)[name]
            figures = storm_of(Cell(stack, o.kill, options, balancer), o.clients, sdk=o.sdk)
            runs[name] = {key: figures[key] for key in ("dropped", *SHOWN)}
            print(f"{name}: {runs[name]}", file=sys.stderr)
    well = all(run["lost"] == run["repeated"] == run["not_back"] == 0 for run in runs.values())
    print(json.dumps({"bench": "gates", "options": vars(o), "runs": runs, "claim": "everybody is back, nothing lost or repeated, wherever the "
                      "gate stands", "holds": well}))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
