"""What was acknowledged, what was committed and what was seen, held against each other.

A publisher records each message before it tries (`tried`), what was acknowledged, and what it rolled back. A subscriber
records offsets and data in the order in which its SDK handed them over. PostgreSQL is read at the end. `check` names every
violation: loss, ghost, repeat, disorder, hole, wrong data, wrong recovery, an answer before what it answers (causal)."""

import json
import threading
from collections import defaultdict


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


class Observed:
    """One subscription over all its reconnects. recovered: [(was_recovering, recovered)] of its subscribed events."""

    def __init__(self, channel, offsets, publications, recovered=()):
        self.channel, self.offsets, self.publications, self.recovered = channel, list(offsets), list(publications), list(recovered)


def check_log(published, channel, rows):
    """rows: [(seq, id, data as JSON text)] of the channel, in order of seq."""
    found = []
    data = [json.loads(text) for _, _, text in rows]
    if [seq for seq, _, _ in rows] != list(range(1, len(rows) + 1)):
        found.append(f"hole: sequence numbers of {channel} in the database are not 1…{len(rows)}")
    if any(a[1] >= b[1] for a, b in zip(rows, rows[1:])):
        found.append(f"disorder: ids of {channel} do not ascend")
    for value in {v for v in data if data.count(v) > 1} if len(set(data)) < len(data) else ():
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


def check_observed(observed, rows):
    found = []
    truth = {seq: json.loads(text) for seq, _, text in rows}
    channel, last = observed.channel, None
    for offset, data in zip(observed.offsets, observed.publications):
        if offset not in truth:
            found.append(f"ghost: {channel}@{offset} {data!r} was delivered but never committed")
        elif truth[offset] != data:
            found.append(f"wrong: {channel}@{offset} was delivered as {data!r}, committed as {truth[offset]!r}")
        if last is not None and offset == last:
            found.append(f"repeat: {channel}@{offset} came twice")
        elif last is not None and offset < last:
            found.append(f"disorder: {channel}@{offset} came after {last}")
        elif last is not None and offset != last + 1:
            found.append(f"hole: {channel} went from {last} to {offset}")
        last = offset if last is None else max(last, offset)
    if truth and (last or 0) < max(truth):
        found.append(f"loss: {channel} was delivered up to {last}, committed up to {max(truth)}")
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
