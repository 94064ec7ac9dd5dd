"""PostgreSQL 0 to 1000 ms away, and stalled for 10 s: publish and delivery latency, refusals, nothing lost, nobody takes over"""

import argparse
import json
import re
import sys
import time
from pathlib import Path

import requests

from fault_stack import FaultStack
from lean import Crowd
from load import Load
from report import page, plot, quantile, table
from verdict import judge, wait_ready

POSTGRES = ("sequencer-postgres", "relay-postgres", "worker-postgres", "supervisor-postgres")
STALL = "stall"


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run scenario-b")
    for name, default in (("rate", 100), ("subscribers", 40), ("channels", 12), ("seconds", 20), ("stall", 10), ("publishers", 60), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rtt-ms", type=int, nargs="*", default=[0, 10, 100, 1000], metavar="MS")
    parser.add_argument("--report", metavar="FILE.html")
    return parser.parse_args()


def counters(stack):
    text = requests.get(f"http://127.0.0.1:{stack.sequencer_admin}/metrics", timeout=5).text
    value = lambda name: int(float(re.search(rf"^cellcast_sequencer_{name}\S* (\S+)$", text, re.M)[1]))
    return {"takeovers": value("takeovers_total"), "fenced": value("fenced_total"), "pid": stack.pid("sequencer"),
            "refused_100": value("refused_unavailable_total"), "refused_111": value("refused_busy_total")}


def step(stack, load, name, o):
    """-> when it began and ended, what the publishers were refused, what the sequencer says of itself"""
    before, seen = counters(stack), dict(load.counts)
    began = time.monotonic()
    if name == STALL:
        for link in POSTGRES:
            stack.proxies.set(link, "hold")
        time.sleep(o.stall)
    else:
        for link in POSTGRES:
            stack.proxies.set(link, delay_ms=name / 2)
        time.sleep(o.seconds)
    for link in POSTGRES:
        stack.proxies.set(link)
    ended = time.monotonic()
    time.sleep(5)
    after = counters(stack)
    refused = {k.removeprefix("api: "): n - seen.get(k, 0) for k, n in load.counts.items() if k.startswith("api: ") and n > seen.get(k, 0)}
    return {"step": name if name == STALL else f"{name} ms", "began": began, "ended": ended, "refused": refused,
            "takeovers": after["takeovers"] - before["takeovers"], "restarted": after["pid"] != before["pid"]}


def figures(steps, load, finished):
    for s in steps:
        within = lambda pairs: [ms for at, ms in list(pairs) if s["began"] <= at < s["ended"]]
        publish, delivery = within(load.publish_ms), within(finished["arrivals"])
        s.update(published=len(publish), publish_p50_ms=quantile(publish, 0.5), publish_p99_ms=quantile(publish, 0.99),
                 delivery_p50_ms=quantile(delivery, 0.5), delivery_p99_ms=quantile(delivery, 0.99))


def write_report(path, steps, violations, load, finished, o):
    start = steps[0]["began"]

    def over_time(axes):
        for pairs, label, color in ((finished["arrivals"], "publish to subscriber", "tab:blue"), (load.publish_ms, "publish to acknowledgement", "tab:orange")):
            axes.plot([at - start for at, _ in pairs], [ms for _, ms in pairs], ".", markersize=2, label=label, color=color)
        for s in steps:
            axes.axvspan(s["began"] - start, s["ended"] - start, alpha=0.08)
            axes.text(s["began"] - start, axes.get_ylim()[1], s["step"], va="top")
        axes.set(xlabel="s", ylabel="ms", yscale="log")
        axes.legend(loc="lower right")

    def bars(axes):
        at = range(len(steps))
        for shift, key in ((-0.3, "publish_p50_ms"), (-0.1, "publish_p99_ms"), (0.1, "delivery_p50_ms"), (0.3, "delivery_p99_ms")):
            axes.bar([x + shift for x in at], [s[key] or 0 for s in steps], 0.2, label=key.replace("_", " "))
        axes.set(ylabel="ms", yscale="log")
        axes.set_xticks(list(at), [s["step"] for s in steps])
        axes.legend()

    columns = ("step", "published", "publish_p50_ms", "publish_p99_ms", "delivery_p50_ms", "delivery_p99_ms", "refused", "takeovers")
    Path(path).write_text(page(
        "Scenario B: integrity under database latency",
        f"Every connection to PostgreSQL goes through a proxy that adds the round trip named, or holds everything for {o.stall} s. "
        f"{o.rate} messages/s by the API, {o.publishers} publishers that wait for their answers.",
        f"Violations (loss, ghost, repeat, disorder, hole, wrong recovery): {len(violations)}. A stall is no reason to take over.",
        table(columns, [[s[c] for c in columns] for s in steps]), plot(bars), plot(over_time)))


def main():
    o = arguments()
    stack = FaultStack()
    channels = [f"latency-{n}" for n in range(o.channels)]
    crowd = None
    try:
        stack.start()
        crowd = Crowd(urls=[stack.ws()] + [stack.ws(g) for g in range(1, stack.gateways + 1)], channels=channels, channels_each=1,
                      subscribers=o.subscribers, rate=0, python=0, javascript=0, seed=o.seed, patience=60)
        crowd.wait("began", 60)
        load = Load(stack, channels, o.rate, o.seed, sql=0, api=o.publishers, stamped=True).start()
        time.sleep(3)
        steps = []
        for name in (*o.rtt_ms, STALL):
            steps.append(step(stack, load, name, o))
            print(f"{steps[-1]['step']}: refused {steps[-1]['refused']}, takeovers {steps[-1]['takeovers']}", file=sys.stderr, flush=True)
        load.stop()
        crowd.ask("calm")
        found = wait_ready(stack, 60)
        violations, rows, finished = judge(stack, crowd, load, channels)
        found += violations
    finally:
        if crowd:
            crowd.close()
        stack.stop()
    figures(steps, load, finished)
    for s in steps:
        if s["takeovers"] or s["restarted"]:
            found.append(f"takeover: {s['takeovers']} during {s['step']}, restarted: {s['restarted']}")
        if s["published"] == 0:
            found.append(f"stuck: nothing was published during {s['step']}")
    if o.report:
        write_report(o.report, steps, found, load, finished, o)
    for violation in found[:20]:
        print(f"VIOLATION {violation}", file=sys.stderr)
    for s in steps:
        del s["began"], s["ended"]
    print(json.dumps({"violations": len(found), "published": sum(map(len, rows.values())), "delivered": finished["delivered"], "steps": steps,
                      "first_violations": found[:10], "options": vars(o)}))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
