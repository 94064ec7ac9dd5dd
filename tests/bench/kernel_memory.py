"""What the kernel keeps in memory for itself: in all, and by its caches."""

from pathlib import Path

PAGE = 4096
NOT_THE_KERNELS = ("MemFree", "Buffers", "Cached", "AnonPages")


def meminfo():
    """-> {field: bytes}"""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[-1] == "kB"}


def kernel_bytes(fields):
    """All that is neither free nor a program's nor a file's: caches of objects, page tables, data in sockets."""
    return fields["MemTotal"] - sum(fields[name] for name in NOT_THE_KERNELS)


def cache_bytes():
    """-> {cache of objects: bytes of its pages}"""
    caches = {}
    for line in Path("/proc/slabinfo").read_text().splitlines()[2:]:
        words = line.split()
        caches[words[0]] = int(words[14]) * int(words[5]) * PAGE
    return caches


def socket_bytes():
    """Data that lies in TCP sockets."""
    tcp = next(line for line in Path("/proc/net/sockstat").read_text().splitlines() if line.startswith("TCP:")).split()
    return int(tcp[tcp.index("mem") + 1]) * PAGE


def drop_unused():
    """Entries of directories that nobody uses any more: whoever walks /proc/PID/fd, as agents do that watch a machine, leaves a
    KB for each connection behind."""
    for _ in range(3):  # what was used lately is spared once
        Path("/proc/sys/vm/drop_caches").write_text("2")


class Kernel:
    """added() -> what has been added since it was made; root's alone."""

    def __init__(self):
        drop_unused()
        self.all, self.caches, self.sockets = kernel_bytes(meminfo()), cache_bytes(), socket_bytes()

    def added(self):
        now = Kernel()
        caches = {name: size - self.caches.get(name, 0) for name, size in now.caches.items()}
        return {"kernel": now.all - self.all, "sockets": now.sockets - self.sockets, "caches": caches}
