"""Clients of a benchmark apart from its servers: in a network namespace behind a pair of virtual interfaces whose packets threads of
the kernel take up (NAPI). On the loopback interface the sender's system call does the receiving half of TCP for the client as well, which
on another machine nobody's server does; here it is the threads' work, and on no process's bill."""

import array
import contextlib
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HOST, GUEST = "10.77.0.1", "10.77.0.2"  # addresses of the two ends
SIOCETHTOOL, SET_TSO, SET_GRO = 0x8946, 0x1f, 0x2c  # linux/sockios.h, linux/ethtool.h


@dataclass
class Place:
    """Where clients are: the address by which they find servers, and what a command begins with that is run there."""

    host: str = "127.0.0.1"
    command: list = field(default_factory=list)


LOOPBACK = Place()


def _set_feature(name, feature, on):
    """An interface of the caller's namespace."""
    value = array.array("B", struct.pack("II", feature, on))
    with socket.socket() as s:
        fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP16x", name.encode(), value.buffer_info()[0]))


def by_threads(name):
    """It is up. A veth hands packets to NAPI if the receiver gathers them (GRO) and the sender does not (TSO)."""
    _set_feature(name, SET_TSO, 0)
    _set_feature(name, SET_GRO, 1)
    Path(f"/sys/class/net/{name}/threaded").write_text("1")


@contextlib.contextmanager
def clients(where):
    """where: loopback or apart -> Place"""
    if where == "loopback":
        yield LOOPBACK
        return
    if where != "apart" or os.geteuid() or not shutil.which("ip"):
        sys.exit(f"--clients={where}: loopback, or apart, which needs root and the package iproute2")
    tag = f"cc{os.getpid() % 100000}"
    ours, theirs, space = f"{tag}s", f"{tag}c", f"cellcast-{tag}"
    inside = ["ip", "netns", "exec", space]
    ip = lambda *words, where=(): subprocess.run([*where, "ip", *words], check=True)
    ip("netns", "add", space)
    try:
        ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", space)
        ip("addr", "add", f"{HOST}/30", "dev", ours)
        ip("addr", "add", f"{GUEST}/30", "dev", theirs, where=inside)
        ip("link", "set", ours, "up")
        ip("link", "set", theirs, "up", where=inside)
        by_threads(ours)
        subprocess.run([*inside, sys.executable, "-c", f"import apart; apart.by_threads({theirs!r})"], check=True)
        yield Place(HOST, inside)
    finally:
        ip("netns", "del", space)  # with both ends
