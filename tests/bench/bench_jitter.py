"""what jitter does: the same storm with clients that behave as the JS SDK, the Go SDK, and two that leave nothing to chance"""

import argparse
import json
import sys

from storm import GATES, Cell, stack_without_cell, storm_of

SDKS = ("js", "js/2000", "go", "no-jitter", "every-second")  # NAME/MS: with another shortest wait


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run jitter")
    parser.add_argument("--clients", type=int, default=15000, help="of which four fifths are dropped")
    parser.add_argument("--sdks", default=",".join(SDKS))
    parser.add_argument("--gate", choices=GATES, default="on")
    parser.add_argument("--plot", help="an SVG file to write")
    return parser.parse_args()


def busiest(curve):
    """Most attempts within one step."""
    tries = [0, *curve["tries"]]
    return max(b - a for a, b in zip(tries, tries[1:]))


def draw(path, runs):
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    figure, (tries, back) = pyplot.subplots(1, 2, figsize=(9, 3), constrained_layout=True)
    for name, run in runs.items():
        curve, step = run["curve"], run["curve"]["step_ms"] / 1000
        times = [step * n for n in range(len(curve["back"]) + 1)]
        counts = [0, *curve["tries"]]
        tries.plot(times[1:], [b - a for a, b in zip(counts, counts[1:])], label=name)
        back.plot(times, [100 * n / run["dropped"] for n in (0, *curve["back"])], label=name)
    tries.set(title="attempts in each quarter of a second", xlabel="seconds after the loss")
    back.set(title="clients that are back, %", xlabel="seconds after the loss")
    back.legend()
    figure.savefig(path)


def main():
    o = arguments()
    runs = {}
    with stack_without_cell(5) as stack:
        for sdk in o.sdks.split(","):
            name, _, least = sdk.partition("/")
            runs[sdk] = storm_of(Cell(stack, "gateways", GATES[o.gate]), o.clients, sdk=name, reconnect_min=least or 0)
            runs[sdk]["busiest_quarter"] = busiest(runs[sdk]["curve"])
            print(f"{sdk}: {runs[sdk]}", file=sys.stderr)
    if o.plot:
        draw(o.plot, runs)
    well = all(run["lost"] == run["repeated"] == run["not_back"] == 0 for run in runs.values())
    print(json.dumps({"bench": "jitter", "options": vars(o), "runs": runs, "claim": "everybody is back, nothing lost or repeated, whoever the "
                      "clients are", "holds": well}))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
