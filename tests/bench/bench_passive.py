"""readers out of focus: writes and CPU of a channel when most of its clients do not look, beside one that everybody looks at"""

import argparse
import json
import subprocess
import sys

from stack import BUILD

PROGRAM = BUILD / "tests/unit/gateway/bench_gateway_passive"


def run(readers, passive, rate, seconds):
    """Of three runs the one with the least CPU."""
    command = [PROGRAM, *map(str, (readers, passive, rate, seconds))]
    return min((json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(3)),
               key=lambda r: r["us"])


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run passive")
    parser.add_argument("--readers", type=int, default=10000)
    parser.add_argument("--passive-percent", type=int, default=90, help="of the readers")
    parser.add_argument("--rate", type=int, default=10, help="publications a second")
    parser.add_argument("--seconds", type=int, default=10)
    a = parser.parse_args()
    passive = a.readers * a.passive_percent // 100
    everybody, some = (run(a.readers, n, a.rate, a.seconds) for n in (0, passive))
    print(everybody, some, file=sys.stderr)
    claims = {
        "a passive reader is told once a second at most": some["heads"] <= passive * (a.seconds + 1),
        "all others get everything": some["deliveries"] == (a.readers - passive) * a.rate * a.seconds,
        "at ten a second, nine of ten passive, a third of the writes": everybody["writes"] >= 3 * some["writes"],
    }
    print(json.dumps({"bench": "passive", "readers": a.readers, "passive": passive, "rate": a.rate, "everybody": everybody, "some": some,
                      "writes_ratio": round(everybody["writes"] / some["writes"], 2), "cpu_ratio": round(everybody["us"] / some["us"], 2),
                      "claims": claims, "holds": all(claims.values())}))
    return 0 if all(claims.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
