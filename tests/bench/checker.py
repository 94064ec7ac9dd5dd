"""What was acknowledged, what was committed and what was seen, held against each other.

A publisher records each message before it tries (`tried`), what was acknowledged, and what it rolled back. A subscriber
records offsets and data in the order in which its SDK handed them over. PostgreSQL is read at the end. `check` names every
violation: loss, ghost, repeat, disorder, hole, wrong data, wrong recovery, an answer before what it answers (causal)."""

import json
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass


class Published:
    def __init__(self):
        self._lock = threading.Lock()
        self.tries, self.acks, self.rolled = defaultdict(set), defaultdict(dict), defaultdict(set)

    def tried(self, channel, data):
        with self._lock:
            self.tries[channel].add(data)

    def acknowledged(self, channel, data, offset):
        """offset: as the publisher was told, or None where it is not told (SQL)."""
        with self._lock:
            self.tries[channel].add(data)
            self.acks[channel][data] = offset

    def rolled_back(self, channel, data):
        with self._lock:
            self.rolled[channel].add(data)


@dataclass
class Answer:
    """What one reply to a subscribe said, and how many publications had been delivered before it."""

    at: int
    offset: int  # as the reply says: the position that delivery goes on from
    asked: int | None = None  # the position that recovery was asked from; None: it was not asked for
    recovered: bool = False


class Observed:
    """One subscription over all its reconnects. recovered: [(was_recovering, recovered)] of its subscribed events; answers: the
    same with their positions, where the client tells them. until: the offset up to which it was live, for one that ended
    before the run did; None: it is owed all of the log."""

    def __init__(self, channel, offsets, publications, recovered=(), answers=(), until=None):
        self.channel, self.offsets, self.publications, self.recovered = channel, list(offsets), list(publications), list(recovered)
        self.answers, self.until = list(answers), until


def check_log(published, channel, rows):
    """rows: [(seq, id, data as JSON text)] of the channel, in order of seq."""
    found = []
    data = [json.loads(text) for _, _, text in rows]
    if [seq for seq, _, _ in rows] != list(range(1, len(rows) + 1)):
        found.append(f"hole: sequence numbers of {channel} in the database are not 1…{len(rows)}")
    if any(a[1] >= b[1] for a, b in zip(rows, rows[1:])):
        found.append(f"disorder: ids of {channel} do not ascend")
    for value in (v for v, n in Counter(data).items() if n > 1):
        found.append(f"repeat: {value!r} was committed more than once to {channel}")
    where = {value: seq for (seq, _, _), value in zip(rows, data)}
    for value, offset in published.acks[channel].items():
        if value not in where:
            found.append(f"loss: {value!r} was acknowledged but is not in {channel}")
        elif offset is not None and where[value] != offset:
            found.append(f"wrong: {value!r} was acknowledged as {offset} but is {where[value]} in {channel}")
    for value in where:
        if value in published.rolled[channel]:
            found.append(f"ghost: {value!r} was rolled back but is in {channel}")
        elif value not in published.tries[channel]:
            found.append(f"ghost: nobody published {value!r} to {channel}")
    return found


def check_answer(channel, answer, last, truth):
    """-> (where delivery goes on from, violations)"""
    if answer.asked is None:
        return answer.offset, []
    found = []
    if last is not None and answer.asked != last:
        found.append(f"recovery: {channel} was asked for from {answer.asked}, but had been delivered up to {last}")
    if answer.recovered:
        return answer.asked, found
    if answer.asked in truth or answer.asked == 0:
        missed = [seq for seq in range(answer.asked + 1, answer.offset + 1) if seq not in truth]
        if not missed:
            found.append(f"recovery: {channel} was refused from {answer.asked}, though everything up to {answer.offset} is there")
    return answer.offset, found


def check_observed(observed, rows, truth=None):
    """truth: {seq: data} of the rows, for who has many to check against the same."""
    found = []
    truth = {seq: json.loads(text) for seq, _, text in rows} if truth is None else truth
    channel, last, answers, recovering = observed.channel, None, list(observed.answers), False
    for n, (offset, data) in enumerate(zip(observed.offsets, observed.publications)):
        while answers and answers[0].at <= n:
            recovering = answers[0].asked is not None and answers[0].recovered
            last, wrong = check_answer(channel, answers.pop(0), last, truth)
            found += wrong
        if offset not in truth:
            found.append(f"ghost: {channel}@{offset} {data!r} was delivered but never committed")
        elif truth[offset] != data:
            found.append(f"wrong: {channel}@{offset} was delivered as {data!r}, committed as {truth[offset]!r}")
        if last is not None and offset <= last:
            kind = "repeat" if offset == last or offset in observed.offsets[:n] else "disorder"
            found.append(f"{kind}: {channel}@{offset} came after {last}")
        elif last is not None and offset != last + 1:
            kind = "recovery: recovered, but" if recovering else "hole:"
            found.append(f"{kind} {channel} went from {last} to {offset}")
        recovering = False
        last = offset if last is None else max(last, offset)
    for answer in answers:
        last, wrong = check_answer(channel, answer, last, truth)
        found += wrong
    owed = observed.until if observed.until is not None else max(truth, default=0)
    if (last or 0) < owed:
        found.append(f"loss: {channel} was delivered up to {last}, it was live up to {owed}")
    for was_recovering, recovered in observed.recovered:
        if was_recovering and not recovered:
            found.append(f"recovery: {channel} was told that it can't be recovered")
    return found


class Told:
    """What one client was told over all its subscriptions, in the order in which its SDK handed it over; channels in full."""

    def __init__(self):
        self.events = []

    def subscribed(self, channel):
        self.events.append((channel, None, (), False))

    def publication(self, channel, offset, tags=None):
        tags = tags or {}
        self.events.append((channel, offset, tags.get("after", "").split(), "late" in tags))


def check_causal(told):
    """A publication before what it answers, without being marked late. What comes only with a later subscribe to its channel
    could not be waited for."""
    found, waiting = [], {}  # (channel, offset): answers that came before it
    for channel, offset, after, late in told.events:
        if offset is None:
            waiting = {named: answers for named, answers in waiting.items() if named[0] != channel}
            continue
        for answer in waiting.pop((channel, offset), ()):
            found.append(f"causal: {answer} came before {channel}@{offset}, which it answers")
        for reference in () if late else after:
            named, _, number = reference.rpartition("@")
            waiting.setdefault((named, int(number)), []).append(f"{channel}@{offset}")
    return found


def check(published, rows, observed, told=()):
    """rows: {channel: rows of check_log}; told: a Told per client. -> list of violations, each a sentence that begins with its
    kind."""
    found = [violation for client in told for violation in check_causal(client)]
    for channel, of_channel in rows.items():
        found += check_log(published, channel, of_channel)
    for one in observed:
        found += check_observed(one, rows[one.channel])
    return found
