"""what a delivery costs, without sockets, and a reference to what a publication answers: instructions and ns"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from stack import BUILD

PROGRAM = BUILD / "tests/unit/gateway/bench_gateway_hold"
MODES = ("plain", "answers", "waits")
MOST = 1000  # instructions: a few percent of a write (10 µs, decision 0005)


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run hold")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--channels", type=int, nargs="+", default=[0, 20, 100], help="other subscriptions of each connection")
    return parser.parse_args()


def run(mode, connections, others, rounds):
    done = subprocess.run([PROGRAM, mode, str(connections), str(others), str(rounds)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def instructions(mode, connections, others, rounds):
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", PROGRAM, mode, str(connections),
                               str(others), str(rounds)], capture_output=True, text=True, check=True)
        return int(next(line for line in Path(out.name).read_text().splitlines() if line.startswith("totals:")).split()[1]), \
            json.loads(done.stdout)["deliveries"]


def per_delivery(mode, others):
    """Instructions of a delivery: the difference of a long and a short run, so that making connections does not count."""
    (short, few), (long, many) = (instructions(mode, 100, others, rounds) for rounds in (10, 60))
    return (long - short) / (many - few)


def main():
    a = arguments()
    if not shutil.which("valgrind"):
        sys.exit("tests/bench/run hold: valgrind is missing (apt-get install valgrind)")
    rows = []
    for others in a.channels:
        row = {"other_channels": others}
        for mode in MODES:
            best = min((run(mode, a.connections, others, a.rounds) for _ in range(9)), key=lambda r: r["ns"])
            row[f"{mode}_ns"] = round(best["ns"] / best["deliveries"], 1)
            row[f"{mode}_instructions"] = round(per_delivery(mode, others))
        row["gathered_instructions"] = round(per_delivery("gathered", others))
        # Every other delivery is one that answers.
        row["judging_instructions"] = 2 * (row["answers_instructions"] - row["plain_instructions"])
        rows.append(row)
        print(row, file=sys.stderr)
    holds = all(row["judging_instructions"] < MOST for row in rows)
    print(json.dumps({"bench": "hold", "connections": a.connections, "rows": rows, "claim": f"judging an answer takes fewer than {MOST} "
                      "instructions", "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
