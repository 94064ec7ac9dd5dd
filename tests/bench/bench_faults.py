"""kill -9, stop, restart, cut off every process and dependency under load, in random order: nothing lost, invented, repeated"""

import argparse
import json
import os
import random
import re
import signal
import statistics
import sys
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fault_stack import LINKS, FaultStack
from lean import PROBE, Crowd
from load import Api, Load
from verdict import judge, wait_ready

SLOW = 8  # seconds after which a recovery is explained
STUCK = 60  # seconds after which a channel that is not delivered again counts as a violation
CELL = ("gateway", "worker", "supervisor")
KEPT = {"supervisor": "cell", "sequencer": "sequencer", "relay": "relay"}


class Faults:
    """What can be done to a stack. Each returns the moment from which recovery is counted."""

    def __init__(self, stack, dice, longest):
        self.stack, self.dice, self.longest = stack, dice, longest

    def kinds(self):
        roles = (*CELL, "sequencer", "relay", "postgres", "kafka")
        return [(kind, role) for kind in ("kill", "stop", "restart") for role in roles if (kind, role) != ("restart", "supervisor")] + \
               [(kind, link) for kind in ("hold", "drop", "reset", "delay") for link in LINKS]

    def plan(self):
        """One fault with everything that chance decides, so that a seed is a schedule."""
        kind, what = self.dice.choice(self.kinds())
        return {"kind": kind, "what": what, "seconds": round(self.dice.uniform(0.5, self.longest), 2),
                "which": self.dice.randrange(1, 1 + (self.stack.gateways if what == "gateway" else self.stack.workers)),
                "ways": self.dice.choice((("up", "down"), ("down",), ("up",))), "delay_ms": self.dice.choice((20, 100, 400))}

    def apply(self, fault):
        return getattr(self, "_link" if fault["what"] in LINKS else f"_{fault['kind']}")(fault)

    # -- processes

    def child(self, role, slot):
        """From /proc: the supervisor may be stopped and not answer."""
        program = {"gateway": "cellcast-gateway", "worker": "cellcast-fanout-worker"}[role]
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_text().split("\0")
            except OSError:
                continue
            if words[0].endswith(program) and f"--slot={slot}" in words and f"--run-dir={self.stack.run}" in words:
                return int(path.parent.name)
        raise ProcessLookupError(f"{role}-{slot}")

    def pids(self, fault):
        role = fault["what"]
        if role in ("gateway", "worker"):
            return [self.child(role, fault["which"])]
        if role in KEPT:
            return [int((self.stack.run / f"{KEPT[role]}.pid").read_text())]
        if role == "kafka":
            return [int((self.stack.home / "kafka/kafka.pid").read_text())]
        postmaster = int((self.stack.home / "postgres/postmaster.pid").read_text().split()[0])
        return [postmaster] + [int(p) for p in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()]

    def found_pids(self, fault):
        """A process that was killed a moment ago is not there yet."""
        end = time.monotonic() + 20
        while True:
            try:
                return self.pids(fault)
            except (OSError, ValueError, IndexError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def _signal(self, pids, how):
        for pid in pids:
            try:
                os.kill(pid, how)
            except ProcessLookupError:
                pass

    def _kill(self, fault):
        if fault["what"] == "postgres":
            self.stack.stop_postgres("immediate")
            return self._start_postgres()
        pids = self.found_pids(fault)
        self._signal(pids, signal.SIGKILL)
        return self._start_kafka(pids[0]) if fault["what"] == "kafka" else time.monotonic()

    def _restart(self, fault):
        if fault["what"] == "postgres":
            self.stack.stop_postgres("fast")
            return self._start_postgres()
        pids = self.found_pids(fault)
        self._signal(pids, signal.SIGTERM)
        return self._start_kafka(pids[0]) if fault["what"] == "kafka" else time.monotonic()

    def _start_postgres(self):
        self.stack.start_postgres()
        return time.monotonic()

    def _start_kafka(self, old):
        end = time.monotonic() + 30
        while time.monotonic() < end and Path(f"/proc/{old}/cmdline").exists() and Path(f"/proc/{old}/cmdline").read_bytes():
            time.sleep(0.05)
        for _ in range(5):  # the port may be in use for a moment longer
            try:
                self.stack.start_kafka()
                break
            except RuntimeError:
                time.sleep(0.5)
        else:
            self.stack.start_kafka()
        return time.monotonic()

    def _stop(self, fault):
        pids = self.found_pids(fault)
        self._signal(pids, signal.SIGSTOP)
        time.sleep(fault["seconds"])
        self._signal(pids, signal.SIGCONT)
        return time.monotonic()

    # -- links

    def _link(self, fault):
        set = self.stack.proxies.set
        if fault["kind"] == "delay":
            set(fault["what"], delay_ms=fault["delay_ms"])
        else:
            set(fault["what"], fault["kind"], fault["ways"])
        time.sleep(fault["seconds"])
        set(fault["what"])
        return time.monotonic()


class Probes:
    """A publication on every channel, seen on every gateway."""

    def __init__(self, stack, crowd, channels, published):
        self.stack, self.crowd, self.channels, self.published = stack, crowd, channels, published
        self.number, self.pool, self.last, self.why = 0, ThreadPoolExecutor(len(channels)), [], ""

    def _publish(self, channel, data, end):
        api = Api([self.stack.port], timeout=5)
        self.published.tried(channel, data)
        while time.monotonic() < end:
            try:
                answer = api.call("publish", {"channel": channel, "data": data, "idempotency_key": data})
                if "result" in answer:
                    self.published.acknowledged(channel, data, answer["result"]["offset"])
                    break
                self.last.append(str(answer["error"]))
            except Exception as error:
                self.last.append(repr(error))
            time.sleep(0.05)
        api.close()

    def run(self, since):
        """-> (ms from `since` until every channel was delivered on every gateway again, None) or (None, what is missing); why: what
        came last, when it took long"""
        self.number += 1
        data = f"{PROBE}{self.number}"
        end = since + STUCK
        self.last, self.why = [], ""
        waiting = {(c, g) for c in self.channels for g in range(1, self.stack.gateways + 1)}
        for channel in self.channels:
            self.pool.submit(self._publish, channel, data, end - 5)
        latest, slow = since, Counter()
        while waiting and time.monotonic() < end:
            told = self.crowd.hear(0.2)
            if told and told[0] == "seen" and told[2] == data:
                waiting.discard((told[1], told[3]))
                latest = max(latest, told[4])
                if latest - since > SLOW:
                    slow[told[3]] += 1
                    self.why = f" late: {dict(slow)} by gateway; last: {told[1]} on gateway {told[3]}; publishing: {self.last[-2:]}"
        if waiting:
            return None, f"{len(waiting)} of {len(self.channels) * self.stack.gateways} missing: {sorted(waiting)[:6]}; publishing: {self.last[-2:]}"
        return (latest - since) * 1000, None


def summary(times):
    return {"n": len(times), "p50": round(statistics.median(times), 1), "max": round(max(times), 1)}


def run(stack, o, say=lambda text: print(text, file=sys.stderr, flush=True)):
    """-> the result; its violations are empty when all is well."""
    dice = random.Random(o.seed)
    channels = [f"fault-{n}" for n in range(o.channels)]
    crowd = Crowd(urls=[stack.ws()] + [stack.ws(g) for g in range(1, stack.gateways + 1)], channels=channels, channels_each=2,
                  subscribers=o.subscribers, rate=o.rate / 5, python=o.sdk, javascript=min(1, o.sdk), seed=o.seed, patience=60,
                  diary=o.keep_logs and f"{o.keep_logs}/watchers.log")
    try:
        crowd.wait("began", 60)
        load = Load(stack, channels, o.rate * 4 / 5, o.seed).start()
        probes, faults = Probes(stack, crowd, channels, load.published), Faults(stack, dice, o.longest)
        probes.run(time.monotonic())
        times, found, done = defaultdict(list), [], []
        end = time.monotonic() + o.minutes * 60
        while time.monotonic() < end:
            plan = [faults.plan()]
            if dice.random() < o.two:
                plan.append(faults.plan())
                if plan[1]["what"] == plan[0]["what"] or {"postgres", "kafka"} >= {p["what"] for p in plan}:
                    plan.pop()
            if o.only and not all(re.search(o.only, f"{p['kind']} {p['what']}") for p in plan):
                continue
            threads, since, failed = [], [], []

            def apply(fault):
                try:
                    since.append(faults.apply(fault))
                except Exception as error:
                    failed.append(f"wrong: the fault itself failed: {fault}: {error!r}")

            began = time.strftime("%T", time.gmtime())
            for fault in plan:
                threads.append(threading.Thread(target=apply, args=(fault,)))
                threads[-1].start()
                time.sleep(dice.uniform(0, 0.5))
            for thread in threads:
                thread.join()
            found += failed
            ms, missing = probes.run(max(since, default=time.monotonic()))
            name = " + ".join(f"{p['kind']} {p['what']}" for p in plan)
            say(f"{began} {name} {[p['which'] if p['what'] in CELL else p['seconds'] for p in plan]} "
                f"{'/'.join(plan[0]['ways']) if plan[0]['what'] in LINKS else ''}: {missing or f'{ms:.0f} ms'}{probes.why}")
            done.append(name)
            if missing:
                found.append(f"stuck: {STUCK} s after {plan}: {missing}")
            else:
                times["two at once" if len(plan) > 1 else name].append(ms)
            time.sleep(dice.uniform(0.2, 1.5))
        return conclude(stack, o, crowd, load, probes, times, found, done, channels, say)
    finally:
        crowd.close()


def conclude(stack, o, crowd, load, probes, times, found, done, channels, say):
    load.stop()
    crowd.ask("calm")
    found += wait_ready(stack, 30)
    ms, missing = probes.run(time.monotonic())
    if missing:
        found.append(f"stuck: after everything, {missing}")
    probes.pool.shutdown()
    violations, rows, finished = judge(stack, crowd, load, channels)
    found += violations
    roles = defaultdict(list)
    for name, ms in times.items():
        roles[name.split()[1] if name != "two at once" else name] += ms
    say(f"{'fault':34} {'n':>4} {'p50 ms':>9} {'max ms':>9}")
    for name, ms in sorted(times.items()):
        say(f"{name:34} {len(ms):4} {statistics.median(ms):9.0f} {max(ms):9.0f}")
    for violation in found[:40]:
        say(f"VIOLATION {violation}")
    return {"violations": len(found), "kinds": sorted({v.split(":")[0] for v in found}), "faults": len(done), "published": sum(map(len, rows.values())),
            "delivered": finished["delivered"], "subscriptions": finished["observed"],
            "recovery_ms": {role: summary(ms) for role, ms in sorted(roles.items())},
            "recovery_ms_by_fault": {name: summary(ms) for name, ms in sorted(times.items())},
            "subscribers_saw": finished["counts"], "observer_late_ms": finished["late_ms"], "publishers_saw": dict(load.counts), "references": load.references,
            "options": {k: v for k, v in vars(o).items()}, "first_violations": found[:10]}


def arguments(words=None):
    parser = argparse.ArgumentParser(prog="tests/bench/run faults")
    for name, default in (("seed", 1), ("subscribers", 200), ("rate", 150), ("channels", 24), ("gateways", 3), ("workers", 2), ("sdk", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--two", type=float, default=0.25, help="how often two faults come at once, 0 to 1")
    parser.add_argument("--longest", type=float, default=6, help="seconds of a stop or a cut")
    parser.add_argument("--only", help="faults whose 'kind role' this expression finds")
    parser.add_argument("--keep-logs", metavar="DIR", help="copies the logs of all processes there, and a diary of the watchers")
    return parser.parse_args(words)


def main():
    o = arguments()
    stack = FaultStack(gateways=o.gateways, workers=o.workers)
    if o.keep_logs:
        Path(o.keep_logs).mkdir(parents=True, exist_ok=True)
    try:
        result = run(stack.start(), o)
    finally:
        if o.keep_logs:
            import shutil

            shutil.copytree(stack.log, o.keep_logs, dirs_exist_ok=True)
        stack.stop()
    print(json.dumps(result))
    sys.exit(1 if result["violations"] else 0)


if __name__ == "__main__":
    main()
