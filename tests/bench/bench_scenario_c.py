"""kill -9 of each kind of process at 1,000 messages/s: acknowledged, delivered, lost; how long clients take to be back"""

import argparse
import math
import random
import sys
import time
from collections import Counter

from bench_faults import Faults
from fault_stack import FaultStack
from load import Load
from report import page, plot, quantile, table
from scenario import Run, options, within

ROLES = ("gateway", "worker", "supervisor", "sequencer", "relay", "postgres", "kafka")


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run scenario-c")
    options(parser, "kill", rate=1000, batch=10, subscribers=60, channels=60, seconds=12)
    parser.add_argument("--roles", nargs="*", default=ROLES, choices=ROLES)
    return parser.parse_args()


def step(faults, role, seconds):
    """The kill comes a quarter into the step."""
    began = time.monotonic()
    time.sleep(seconds / 4)
    killed = time.monotonic()
    faults.apply({"kind": "kill", "what": role, "which": 1})
    time.sleep(max(0, seconds - (time.monotonic() - began)))
    return {"step": role, "began": began, "after_s": round(killed - began, 3), "ended": time.monotonic()}


def figures(run, gateways):
    """Each acknowledged message has to have arrived at the watcher of each gateway."""
    acked, arrived = Counter(), Counter()
    for stamp, n in run.load.acked:
        acked[f"{stamp:.6f}"] += n
    for stamp, _ in run.finished["arrivals"]:
        arrived[f"{stamp:.6f}"] += 1
    for s in run.steps:
        mine = within(s, [(float(stamp), stamp) for stamp in acked])
        publish, delivery, back = (within(s, pairs) for pairs in (run.load.publish_ms, run.finished["arrivals"], run.finished["reconnects"]))
        acknowledged = sum(acked[stamp] for stamp in mine)
        s.update(acknowledged=acknowledged, rate=round(acknowledged / (s["ended"] - s["began"])),
                 delivered=sum(arrived[stamp] for stamp in mine),
                 lost=sum(max(0, acked[stamp] * gateways - arrived[stamp]) for stamp in mine),
                 publish_p50_ms=quantile(publish, 0.5), publish_max_ms=quantile(publish, 1), delivery_p50_ms=quantile(delivery, 0.5),
                 delivery_max_ms=quantile(delivery, 1), reconnected=len(back), reconnect_p50_ms=quantile(back, 0.5),
                 reconnect_max_ms=quantile(back, 1))


def report(run, o):
    def kills(axes):
        for s in run.steps:
            axes.axvline(s["began"] + s["after_s"] - run.start, color="tab:red", linewidth=1)
            axes.text(s["began"] + s["after_s"] - run.start, axes.get_ylim()[1], s["step"], va="top", rotation=90)

    def over_time(axes):
        axes.plot([at - run.start for at, _ in run.finished["arrivals"]], [ms for _, ms in run.finished["arrivals"]], ".", markersize=1)
        axes.set(xlabel="s", ylabel="ms from publish to subscriber", yscale="log")
        kills(axes)

    def rate(axes):
        seconds = Counter()
        for stamp, n in run.load.acked:
            seconds[math.floor(stamp - run.start)] += n
        span = range(min(seconds), max(seconds) + 1)
        axes.plot(span, [seconds[s] for s in span])
        axes.set(xlabel="s", ylabel="messages/s, acknowledged", ylim=(0, None))
        kills(axes)

    columns = ("step", "acknowledged", "rate", "delivered", "lost", "publish_p50_ms", "publish_max_ms", "delivery_p50_ms", "delivery_max_ms",
               "reconnected", "reconnect_p50_ms", "reconnect_max_ms")
    return page(
        "Scenario C: abrupt shutdown", f"kill -9 of each kind of process (PostgreSQL: immediate shutdown) while {o.rate} messages/s were tried. "
        "Delivered: at one subscriber of every channel on each gateway, so three times what was acknowledged.",
        f"Violations over all subscribers (loss, ghost, repeat, disorder, hole, wrong recovery): {len(run.found)}",
        table(columns, [[s[c] for c in columns] for s in run.steps]), plot(over_time), plot(rate))


def steps(stack, o):
    faults = Faults(stack, random.Random(o.seed), 6)
    return (step(faults, role, o.seconds) for role in o.roles)


def main():
    o = arguments()
    stack = FaultStack()
    run = Run(stack, o, lambda stack, channels: Load(stack, channels, o.rate, o.seed, sql=4, api=8, batch=o.batch, stamped=True),
              lambda stack, load: steps(stack, o), churn=False)
    figures(run, stack.gateways)
    run.found += [f"loss: {s['lost']} around the kill of {s['step']}" for s in run.steps if s["lost"]]
    sys.exit(run.conclude(o, lambda: report(run, o), lost=sum(s["lost"] for s in run.steps), rate_tried=o.rate,
                          rate_held=max(s["rate"] for s in run.steps)))


if __name__ == "__main__":
    main()
