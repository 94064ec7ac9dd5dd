"""CPU seconds and memory of processes, from /proc."""

import os
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
