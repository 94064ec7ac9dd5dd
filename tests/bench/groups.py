"""CPU time and memory of a server's processes, by group."""

from cpu import cpu_s
from idle import anonymous_bytes


class Groups:
    """pids: {group: [pid]}"""

    def __init__(self, pids):
        self.pids = pids

    def cpu(self):
        return {name: sum(map(cpu_s, pids)) for name, pids in self.pids.items()}

    def memory(self):
        return {name: sum(map(anonymous_bytes, pids)) for name, pids in self.pids.items()}


def cell_groups(stack):
    """`server` are those that hold connections."""
    of = lambda role: [p["pid"] for p in stack.status()["processes"] if p["role"] == role]
    return Groups({"server": of("gateway"), "worker": of("worker"), "supervisor": [stack.pid("cell")]})


def less(now, before):
    return {name: now[name] - before[name] for name in now}
