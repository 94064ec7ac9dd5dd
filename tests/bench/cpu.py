"""CPU seconds and memory of processes, from /proc."""

import os
import threading
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """What stands behind the name, from the state on (proc(5), field 3)."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def cpu_s(pid, dead_children=False):
    """User and system time of all threads; with that of the children that have been waited for."""
    fields = _stat(pid)
    return sum(map(int, fields[11:15 if dead_children else 13])) / TICKS


def children(pid):
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if int(_stat(entry)[1]) == pid:
                    yield int(entry)
            except (FileNotFoundError, ProcessLookupError):
                pass


def tree_cpu_s(pid):
    """Of the process and its children, living or not; of their children none."""
    total = cpu_s(pid, dead_children=True)
    for child in children(pid):
        try:
            total += cpu_s(child)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it died between the two looks: counted at the next one
    return total


def memory_kb(pid, field):
    """VmRSS: now; VmHWM: at most since reset_peak."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise KeyError(field)


def reset_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _families(roots):
    """Those processes and their children -> [(pid, fields of its stat)]; one pass over /proc."""
    stats = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stats[int(entry)] = _stat(entry)
            except (FileNotFoundError, ProcessLookupError):
                pass
    return [(pid, fields) for pid, fields in stats.items() if pid in roots or int(fields[1]) in roots]


class Meter:
    """CPU and anonymous memory of processes and their children, again and again, from start() until stop()."""

    EVERY_S = 0.5

    def __init__(self, pids):
        """pids() -> those to look at now, each with its children."""
        self.pids, self.samples, self.ended = pids, [], threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)

    def start(self):
        self.thread.start()

    def _sample(self):
        while not self.ended.wait(self.EVERY_S):
            try:
                self.samples.append((time.monotonic(), *self._look()))
            except FileNotFoundError:
                pass  # one of them is being started again

    def _look(self):
        roots, cpu, memory = set(self.pids()), 0.0, 0
        for pid, fields in _families(roots):
            cpu += sum(map(int, fields[11:15 if pid in roots else 13])) / TICKS
            try:
                memory += memory_kb(pid, "RssAnon")
            except (FileNotFoundError, ProcessLookupError, KeyError):
                pass  # it has died since
        return cpu, memory

    def stop(self):
        self.ended.set()
        self.thread.join()

    def cpu_between(self, start, end):
        """What a process had used that has gone since is gone with it."""
        used = [cpu for at, cpu, _ in self.samples if start - self.EVERY_S <= at <= end + self.EVERY_S]
        return sum(max(0.0, after - before) for before, after in zip(used, used[1:]))

    def peak_mib(self):
        return max((memory for *_, memory in self.samples), default=0) / 1024
