"""PostgreSQL 0 to 1000 ms away, and stalled for 10 s, under more than it can take: latencies, refusals, nothing lost, no takeover"""

import argparse
import re
import sys
import time
from collections import Counter

import requests

from fault_stack import FaultStack
from open_load import CERTAIN, UNKNOWN, OpenLoad
from report import page, plot, quantile, table
from scenario import Run, options, within

POSTGRES = ("sequencer-postgres", "relay-postgres", "worker-postgres", "supervisor-postgres")
STALL = "stall"
FAR_MS = 1000  # a round trip at which the rate is more than the bounds let through
BUSY = 111
AFTERWARDS = 5  # seconds in which what is left over from a step is dealt with


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run scenario-b")
    options(parser, "latency", rate=300, subscribers=40, channels=12, seconds=20, stall=10, waiting=300, batch=100)
    parser.add_argument("--rtt-ms", type=int, nargs="*", default=[0, 10, 100, FAR_MS], metavar="MS")
    return parser.parse_args()


def counters(stack):
    """Of both sequencers."""
    found = Counter()
    for number in range(1, stack.sequencers + 1):
        text = requests.get(f"http://127.0.0.1:{stack.sequencer_ports(number)[1]}/metrics", timeout=5).text
        for name in ("takeovers", "fenced", "cut_off"):
            found[name] += int(float(re.search(rf"^cellcast_sequencer_{name}_total\S* (\S+)$", text, re.M)[1]))
    return found


def pids(stack):
    return [stack.pid("sequencer"), stack.pid("sequencer-2")]


def step(stack, name, o):
    before, running, began = counters(stack), pids(stack), time.monotonic()
    for link in POSTGRES:
        stack.proxies.set(link, **({"mode": "hold"} if name == STALL else {"delay_ms": name / 2}))
    time.sleep(o.stall if name == STALL else o.seconds)
    for link in POSTGRES:
        stack.proxies.set(link)
    ended = time.monotonic()
    time.sleep(AFTERWARDS)
    return {"step": name if name == STALL else f"{name} ms", "far": name == STALL or name >= FAR_MS, "began": began, "ended": ended,
            "takeovers": sum((counters(stack) - before).values()), "restarted": pids(stack) != running}


def figures(run):
    for s in run.steps:
        outcomes = within(s, [(at, (code, ms)) for at, code, ms in run.load.outcomes])
        publish, busy = ([ms for code, ms in outcomes if code == wanted] for wanted in (0, BUSY))
        delivery = within(s, run.finished["arrivals"])
        refused = Counter(code for code, _ in outcomes if code)
        s.update(sent=len(outcomes), acknowledged=len(publish), **{f"refused_{code}": refused[code] for code in (100, 107, BUSY)},
                 unanswered=refused[UNKNOWN],
                 late_p99_ms=quantile(within(s, run.load.late_ms), 0.99), publish_p50_ms=quantile(publish, 0.5),
                 publish_p99_ms=quantile(publish, 0.99), busy_p50_ms=quantile(busy, 0.5), busy_p99_ms=quantile(busy, 0.99),
                 delivery_p50_ms=quantile(delivery, 0.5), delivery_p99_ms=quantile(delivery, 0.99))


def claims(steps):
    """-> what does not hold. A refusal asks no database: it is there before half a round trip is over."""
    for s in steps:
        if s["takeovers"] or s["restarted"]:
            yield f"takeover: {s['takeovers']} during {s['step']}, restarted: {s['restarted']}"
        if s["acknowledged"] == 0 and s["step"] != STALL:
            yield f"stuck: nothing was published during {s['step']}"
        if s["far"] and s["late_p99_ms"] > FAR_MS:
            yield f"load: requests were sent {s['late_p99_ms']} ms late during {s['step']}, so nobody knows what more of them would do"
        if s["far"] and not s["refused_111"]:
            yield f"back-pressure: nobody was refused during {s['step']}"
        if s["far"] and s["busy_p99_ms"] and s["busy_p99_ms"] > FAR_MS / 2:
            yield f"back-pressure: a refusal took {s['busy_p99_ms']} ms during {s['step']}"


def report(run, o):
    def over_time(axes):
        kinds = (("publish to subscriber", "tab:blue", run.finished["arrivals"]), ("publish to acknowledgement", "tab:orange", run.load.publish_ms),
                 ("publish to refusal", "tab:red", [(at, ms) for at, code, ms in run.load.outcomes if code in CERTAIN]),
                 ("publish to 'unknown'", "tab:gray", [(at, ms) for at, code, ms in run.load.outcomes if code and code not in CERTAIN]))
        for label, color, pairs in kinds:
            axes.plot([at - run.start for at, _ in pairs], [ms for _, ms in pairs], ".", markersize=2, label=label, color=color)
        for s in run.steps:
            axes.axvspan(s["began"] - run.start, s["ended"] - run.start, alpha=0.08)
        axes.set(xlabel="s", ylabel="ms", yscale="log")
        for s in run.steps:
            axes.text(s["began"] - run.start, axes.get_ylim()[1], s["step"], va="top")
        axes.figure.legend(loc="outside lower center", ncols=4, markerscale=4, fontsize="small")

    def bars(axes):
        at, keys = range(len(run.steps)), ("publish_p50_ms", "publish_p99_ms", "busy_p99_ms", "delivery_p50_ms", "delivery_p99_ms")
        for n, key in enumerate(keys):
            axes.bar([x + (n - 2) * 0.16 for x in at], [s[key] or 0 for s in run.steps], 0.16, label=key.replace("_", " ").replace("busy", "refusal"))
        axes.set(ylabel="ms", yscale="log")
        axes.set_xticks(list(at), [s["step"] for s in run.steps])
        axes.figure.legend(loc="outside lower center", ncols=5, fontsize="small")

    columns = ("step", "sent", "acknowledged", "refused_100", "refused_111", "publish_p50_ms", "publish_p99_ms", "busy_p50_ms", "busy_p99_ms", "delivery_p50_ms",
               "delivery_p99_ms", "takeovers")
    return page(
        "Scenario B: integrity under database latency",
        f"Every connection to PostgreSQL goes through a proxy that adds the round trip named, or holds everything for {o.stall} s. "
        f"{o.rate} messages/s by the API, whatever becomes of the earlier ones; none is tried again. Two sequencers, whose bounds are "
        f"lowered to what this machine reaches: {o.waiting} messages wait per tenant, {o.batch} go in one batch, two batches fly.",
        f"Violations (loss, ghost, repeat, disorder, hole, wrong recovery, a refused message that was committed or delivered, a takeover): "
        f"{len(run.found)}. Refused: by error code; 111 is certain, 100 (no result within 4 s) leaves it open.",
        table(columns, [[s[c] for c in columns] for s in run.steps]), plot(bars), plot(over_time))


def main():
    o = arguments()
    stack = FaultStack(sequencers=2, sequencer_options=(f"--waiting-messages={o.waiting}", f"--batch-max={o.batch}"))
    run = Run(stack, o, lambda stack, channels: OpenLoad(stack, channels, o.rate, o.seed),
              lambda stack, load: (step(stack, name, o) for name in (*o.rtt_ms, STALL)), churn=True)
    figures(run)
    run.found += claims(run.steps)
    sys.exit(run.conclude(o, lambda: report(run, o)))


if __name__ == "__main__":
    main()
