"""The end of a run: everything settles, PostgreSQL is read, and everybody's notes are judged."""

import pickle
import re

import checker
from load import settle


def crashes(stack):
    """Deaths that nobody caused: aborts, bad memory, sanitizers."""
    found = []
    for path in sorted(stack.log.glob("*.log")):
        for line in path.read_text(errors="replace").splitlines():
            if re.search(r"event=restarted .*code=(134|139|136|135)\b|child_ended.*signal (6|11|8|7) |Assertion .*failed|AddressSanitizer|runtime error:", line):
                found.append(f"crash: {path.stem}: {line[:300]}")
    return found


def wait_ready(stack, seconds):
    try:
        stack.wait_ready(seconds)
        return []
    except AssertionError as error:
        return [f"stuck: not ready in {seconds} s after the last fault: {str(error)[:300]}"]


def judge(stack, crowd, load, channels):
    """The load has stopped and the crowd was asked to calm down. -> violations, rows, what the crowd says of itself"""
    tries, acks = crowd.wait("published", 30)
    for channel in channels:
        load.published.tries[channel] |= tries.get(channel, set())
        load.published.acks[channel].update(acks.get(channel, {}))
    rows = settle(stack, channels)
    (stack.home / "rows").write_bytes(pickle.dumps(rows))
    crowd.ask("finish", str(stack.home / "rows"))
    finished, = crowd.wait("finished", 180)
    found = []
    for channel in channels:
        found += checker.check_log(load.published, channel, rows[channel])
    if settle(stack, channels) != rows:
        found.append("wrong: rows were committed after everybody had been answered")
    found += load.faults + finished["violations"] + [f"stuck: {late}" for late in finished["late"][:20]] + crashes(stack)
    return found, rows, finished
