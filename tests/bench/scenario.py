"""A run in steps, as scenario-b and scenario-c are: a stack whose links can be disturbed, hundreds of subscribers, a load, the
steps one after the other, then the verdict over all that was published and delivered."""

import json
import sys
import time
from contextlib import closing
from pathlib import Path

from lean import Crowd
from verdict import judge, wait_ready

WARM_UP = 3  # seconds of load before the first step


class Run:
    """What is known of it: steps (dicts with `step`, and `began` and `ended` by the monotonic clock, which conclude() drops),
    found (violations), rows and finished as judge() gives them, and the load."""

    def __init__(self, stack, o, load, steps, churn):
        """load(stack, channels) -> one that has start() and stop(); steps(stack, load) yields them as they end."""
        channels = [f"{o.scenario}-{n}" for n in range(o.channels)]
        try:
            stack.start()
            with closing(Crowd(urls=[stack.ws()] + [stack.ws(g) for g in range(1, stack.gateways + 1)], channels=channels, channels_each=1,
                               subscribers=o.subscribers, rate=0, python=0, javascript=0, seed=o.seed, patience=60, churn=churn)) as crowd:
                crowd.wait("began", 60)
                self.load, self.steps = load(stack, channels).start(), []
                time.sleep(WARM_UP)
                for step in steps(stack, self.load):
                    self.steps.append(step)
                    print(f"{step['step']}: {step['ended'] - step['began']:.0f} s", file=sys.stderr, flush=True)
                self.load.stop()
                crowd.ask("calm")
                self.found = wait_ready(stack, 60)
                violations, self.rows, self.finished = judge(stack, crowd, self.load, channels)
                self.found += violations
        finally:
            stack.stop()
        self.start = self.steps[0]["began"]

    def conclude(self, o, report, **more):
        """report() -> the HTML page. Prints the JSON object. -> exit code"""
        if o.report:
            Path(o.report).write_text(report())
        for violation in self.found[:20]:
            print(f"VIOLATION {violation}", file=sys.stderr)
        steps = [{k: v for k, v in s.items() if k not in ("began", "ended")} for s in self.steps]
        print(json.dumps({"violations": len(self.found), **more, "published": sum(map(len, self.rows.values())),
                          "delivered": self.finished["delivered"], "steps": steps, "first_violations": self.found[:10], "options": vars(o)}))
        return 1 if self.found else 0


def within(step, pairs):
    """Of [(when, value)] the values of that step."""
    return [value for at, value in list(pairs) if step["began"] <= at < step["ended"]]


def options(parser, scenario, **defaults):
    """Whole numbers by their names, and what both have."""
    parser.set_defaults(scenario=scenario)
    for name, default in {**defaults, "seed": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--report", metavar="FILE.html")
    return parser
