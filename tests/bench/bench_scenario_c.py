"""kill -9 of each kind of process at 1,000 messages/s: acknowledged, delivered, lost; how long clients take to be back"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

from bench_faults import Faults
from fault_stack import FaultStack
from lean import Crowd
from load import Load
from report import page, plot, quantile, table
from verdict import judge, wait_ready

ROLES = ("gateway", "worker", "supervisor", "sequencer", "relay", "postgres", "kafka")


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run scenario-c")
    for name, default in (("rate", 1000), ("batch", 10), ("subscribers", 60), ("channels", 60), ("seconds", 12), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--roles", nargs="*", default=ROLES, choices=ROLES)
    parser.add_argument("--report", metavar="FILE.html")
    return parser.parse_args()


def step(faults, role, seconds):
    """The kill comes a quarter into the step. -> its times"""
    began = time.monotonic()
    time.sleep(seconds / 4)
    killed = time.monotonic()
    faults.apply({"kind": "kill", "what": role, "which": 1})
    time.sleep(max(0, seconds - (time.monotonic() - began)))
    return {"killed": role, "began": began, "at": killed, "ended": time.monotonic()}


def figures(steps, load, finished, gateways):
    """Each acknowledged message has to have arrived at the watcher of each gateway."""
    acked, arrived = Counter(), Counter()
    for stamp, n in load.acked:
        acked[f"{stamp:.6f}"] += n
    for stamp, _ in finished["arrivals"]:
        arrived[f"{stamp:.6f}"] += 1
    for s in steps:
        within = lambda pairs: [value for at, value in list(pairs) if s["began"] <= at < s["ended"]]
        mine = [stamp for stamp in acked if s["began"] <= float(stamp) < s["ended"]]
        publish, delivery, back = within(load.publish_ms), within(finished["arrivals"]), within(finished["reconnects"])
        acknowledged = sum(acked[stamp] for stamp in mine)
        s.update(acknowledged=acknowledged, rate=round(acknowledged / (s["ended"] - s["began"])),
                 delivered=sum(arrived[stamp] for stamp in mine),
                 lost=sum(max(0, acked[stamp] * gateways - arrived[stamp]) for stamp in mine),
                 publish_p50_ms=quantile(publish, 0.5), publish_max_ms=quantile(publish, 1), delivery_p50_ms=quantile(delivery, 0.5),
                 delivery_max_ms=quantile(delivery, 1), reconnected=len(back), reconnect_p50_ms=quantile(back, 0.5),
                 reconnect_max_ms=quantile(back, 1))


def write_report(path, steps, violations, load, finished, o):
    start = steps[0]["began"]

    def over_time(axes):
        axes.plot([at - start for at, _ in finished["arrivals"]], [ms for _, ms in finished["arrivals"]], ".", markersize=1)
        for s in steps:
            axes.axvline(s["at"] - start, color="tab:red", linewidth=1)
            axes.text(s["at"] - start, axes.get_ylim()[1], s["killed"], va="top", rotation=90)
        axes.set(xlabel="s", ylabel="ms from publish to subscriber", yscale="log")

    def rate(axes):
        seconds = Counter()
        for stamp, n in load.acked:
            seconds[int(stamp - start)] += n
        axes.plot(sorted(seconds), [seconds[s] for s in sorted(seconds)])
        for s in steps:
            axes.axvline(s["at"] - start, color="tab:red", linewidth=1)
        axes.set(xlabel="s", ylabel="acknowledged messages/s, by the time of their publish")

    columns = ("killed", "acknowledged", "rate", "delivered", "lost", "publish_p50_ms", "publish_max_ms", "delivery_p50_ms", "delivery_max_ms",
               "reconnected", "reconnect_p50_ms", "reconnect_max_ms")
    Path(path).write_text(page(
        "Scenario C: abrupt shutdown", f"kill -9 of each kind of process (PostgreSQL: immediate shutdown) while {o.rate} messages/s were tried. "
        "Delivered: at one subscriber of every channel on each gateway, so three times what was acknowledged.",
        f"Violations over all subscribers (loss, ghost, repeat, disorder, hole, wrong recovery): {len(violations)}",
        table(columns, [[s[c] for c in columns] for s in steps]), plot(over_time), plot(rate)))


def main():
    o = arguments()
    stack = FaultStack()
    channels = [f"kill-{n}" for n in range(o.channels)]
    crowd = None
    try:
        stack.start()
        crowd = Crowd(urls=[stack.ws()] + [stack.ws(g) for g in range(1, stack.gateways + 1)], channels=channels, channels_each=1,
                      subscribers=o.subscribers, rate=0, python=0, javascript=0, seed=o.seed, patience=60, churn=False)
        crowd.wait("began", 60)
        load = Load(stack, channels, o.rate, o.seed, sql=2, api=4, batch=o.batch, stamped=True).start()
        time.sleep(3)
        faults, steps = Faults(stack, random.Random(o.seed), 6), []
        for role in o.roles:
            steps.append(step(faults, role, o.seconds))
            print(f"killed {role}", file=sys.stderr, flush=True)
        load.stop()
        crowd.ask("calm")
        found = wait_ready(stack, 60)
        violations, rows, finished = judge(stack, crowd, load, channels)
        found += violations
    finally:
        if crowd:
            crowd.close()
        stack.stop()
    figures(steps, load, finished, stack.gateways)
    if o.report:
        write_report(o.report, steps, found, load, finished, o)
    for violation in found[:20]:
        print(f"VIOLATION {violation}", file=sys.stderr)
    for s in steps:
        del s["began"], s["ended"], s["at"]
        if s["lost"]:
            found.append(f"loss: {s['lost']} around the kill of {s['killed']}")
    rate = max(s["rate"] for s in steps)
    print(json.dumps({"violations": len(found), "lost": sum(s["lost"] for s in steps), "rate_tried": o.rate, "rate_held": rate,
                      "published": sum(map(len, rows.values())), "delivered": finished["delivered"], "steps": steps,
                      "first_violations": found[:10], "options": vars(o)}))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
