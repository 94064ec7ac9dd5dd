"""Tenants that make noise: a whale that floods, a storm that reconnects, readers of a byte a second; and the leash that holds
what makes the noise to a part of a core, so that the machine is not the limit."""

import contextlib
import itertools
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import threading
import time

from compare import BENCH
from cpu import tree_cpu_s
from idle import open_many, subscribe_all
from load import Api
from stack import KEY

LONG = 3600  # seconds of messages; the noise is ended from outside
FEW = 200    # connections that slow readers open before they say who they are


class Generator:
    """cellcast-bench as noise: from when everybody is subscribed until it is ended."""

    def __init__(self, place, tenant, rate, **flags):
        words = dict(server=place.servers(), path=place.path(tenant), api=place.api(), api_key=KEY, channel=place.channel(tenant),
                     rate=rate, messages=min(rate * LONG, 10**7), subscribe_timeout="120s", may_lose="true", **flags)
        self.process = subprocess.Popen([BENCH, *(f"--{k.replace('_', '-')}={v}" for k, v in words.items())], stdout=subprocess.PIPE,
                                        text=True, start_new_session=True)
        self.pid = self.process.pid

    def wait(self):
        line = json.loads(self.process.stdout.readline() or "{}")
        if line.get("event") != "subscribed":
            raise RuntimeError(f"not everybody of it was subscribed: {line}")

    def end(self):
        self.process.wait()
        self.process.stdout.close()


def _read_slowly(ports, n, path, channel, api_port, api_channel, rate, ready):
    os.setsid()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    socks, next_port = [], itertools.cycle(ports)
    while len(socks) < n:  # not all at once: who says nothing for long is cut
        some = open_many(next(next_port), min(FEW, n - len(socks)), path, receive_buffer=4096)
        subscribe_all(some, channel)
        socks += some
    for sock in socks:
        sock.setblocking(False)
    ready.set()
    api, data, due = Api([api_port]), "x" * 1000, time.monotonic()
    for turn in itertools.count():
        if turn % (10 // rate) == 0:
            with contextlib.suppress(OSError):
                api.call("publish", {"channel": api_channel, "data": data})
        for sock in socks[turn % 10::10]:
            with contextlib.suppress(BlockingIOError):
                sock.recv(1)
        due += 0.1
        time.sleep(max(0.0, due - time.monotonic()))


class SlowReaders:
    """n sockets of which each reads a byte a second, while `rate` (at most 10, a divisor of it) messages of 1 KB a second come."""

    def __init__(self, place, tenant, n, rate=5):
        self.ready = multiprocessing.Event()
        self.process = multiprocessing.Process(daemon=True, target=_read_slowly, args=(
            place.ports(), n, place.path(tenant), place.channel(tenant), place.api_port(), place.channel(tenant), rate, self.ready))
        self.process.start()
        self.pid = self.process.pid

    def wait(self):
        while not self.ready.wait(1):
            if not self.process.is_alive():
                raise RuntimeError("the slow readers have ended before they were subscribed")

    def end(self):
        self.process.join()


class Leash(threading.Thread):
    """Process groups that together have `cores` of CPU: stopped when they had more, until they have not."""

    EVERY_S, SAVED_S = 0.02, 0.05

    def __init__(self, makers, cores):
        super().__init__(daemon=True)
        self.groups, self.cores, self.ended, self.stopped = [m.pid for m in makers], cores, threading.Event(), False
        self.began, self.before = time.monotonic(), self._used()

    def _used(self):
        return sum(tree_cpu_s(pid) for pid in self.groups)

    def _signal(self, which):
        for group in self.groups:
            os.killpg(group, which)
        self.stopped = which == signal.SIGSTOP

    def run(self):
        at, used, left = self.began, self.before, 0.0
        while not self.ended.wait(self.EVERY_S):
            now, so_far = time.monotonic(), self._used()
            left = min(left + (now - at) * self.cores - (so_far - used), self.SAVED_S)
            at, used = now, so_far
            if (left < 0) != self.stopped:
                self._signal(signal.SIGSTOP if left < 0 else signal.SIGCONT)

    def end(self):
        """-> cores that they had"""
        self.ended.set()
        self.join()
        had = (self._used() - self.before) / (time.monotonic() - self.began)
        self._signal(signal.SIGKILL)
        return round(had, 2)


@contextlib.contextmanager
def noise(start, cores):
    """start: functions that start a maker each. What is yielded gets `cores` of what they had, at the end."""
    makers, had = [], {}
    try:
        for begin in start:
            makers.append(begin())
        for maker in makers:
            maker.wait()
        leash = Leash(makers, cores)
        leash.start()
        try:
            yield had
        finally:
            had["cores"] = leash.end()
    finally:
        for maker in makers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(maker.pid, signal.SIGKILL)
            maker.end()
