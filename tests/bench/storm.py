"""A storm: thousands of sockets dropped at once by killing who holds them, under load, and how their clients come back. The time runs
from the run's first loss to each client's being subscribed again; lost and repeated are counted over everybody.

A server says where clients connect, where its survivor is (which is not killed, and where the publisher and the undisturbed tenant
are), and kills the others."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from balancer import Balancer
from certificate import make_pair
from compare import FLOOR, generate, quiet_tenant
from cpu import Meter
from peers import Centrifuge
from stack import KEY, REPO, Stack, free_ports, wait_until

QUIET_S = 8
WARM_S = 45      # what gets fast by running (Kafka's compiler: a broker that has run for a minute takes 0.6 of the CPU) runs first
SETTLE_S = 0.7   # messages of the undisturbed tenant come when it happens
CONNECT_RATE = 4000
REST_S = 6       # messages go on after the undisturbed tenant's last
SECONDS = 2 * (QUIET_S + 3) + REST_S
GATES = {  # flags of a supervisor
    "on": [],
    "off": ["--accept-rate=0", "--gateway-option=connect-rate=0", "--arrivals-max=16000"],
}


def kill_all(pids):
    for pid in list(pids):
        os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def deep_backlog(path="/proc/sys/net/core/somaxconn"):
    """The kernel's bound of a listener's queue, for the time of a storm as supervisor/backlog.h asks of an operator."""
    before = Path(path).read_text()
    if not os.access(path, os.W_OK):
        print(f"{path} stays at {before.strip()}: connections beyond come again after 1, 3, 7 s", file=sys.stderr)
        yield
        return
    Path(path).write_text("65536")
    try:
        yield
    finally:
        Path(path).write_text(before)


@contextlib.contextmanager
def stack_without_cell(gateways):
    stack = Stack(gateways=gateways, kafka_profile="perf")
    try:
        stack.start_without_cell()
        yield stack
    finally:
        stack.stop()


class Cell:
    """A cell of a stack. kill: "gateways" (all but the first), "cell" (the supervisor, and so its gateways and workers). options: of the
    supervisor. balancer: the variables of a HAProxy that clients have in front of it, or None. tls: of the clients that are dropped."""

    name, made = "cellcast", 0

    def __init__(self, stack, kill="gateways", options=(), balancer=None, tls=False):
        Cell.made += 1
        self.stack, self.what, self.options, self.number = stack, kill, list(options), Cell.made
        self.balancer, self.tls = None, tls
        if tls:
            make_pair(stack.home, "localhost")
            self.options += [f"--tls-cert={stack.home}/localhost.pem", f"--tls-key={stack.home}/localhost.key"]
        if balancer is not None:
            self.options.append("--proxy-from=127.0.0.0/8")
            self.balancer = Balancer(stack.home, stack.slot_base + 20, f"127.0.0.1:{stack.port}", **balancer)

    def start(self):
        self.stack.start_cell(*self.options)
        self.stack.wait_ready()
        if self.balancer:
            self.balancer.start()

    def stop(self):
        if self.balancer:
            self.balancer.stop()
        self.stack.end("cell")

    def survives(self):
        return self.what == "gateways"

    def is_warm(self):
        """Asked once a storm; the first one of a stack is not."""
        warm, self.stack.warm = getattr(self.stack, "warm", False), True
        return warm

    def address(self):
        return f"127.0.0.1:{self.balancer.port if self.balancer else self.stack.port}"

    def flags(self):
        return dict(server=self.address(), api=self.stack.http(gateway=1), api_key=KEY, channel=f"quiet:run{self.number}-",
                    tls=str(self.tls).lower())

    def quiet(self, name, beside=None, rate=100, seconds=QUIET_S):
        return quiet_tenant(f"127.0.0.1:{self.stack.slot_base + 1}", self.stack.http(gateway=1), 50, seconds, f"{name}{self.number}",
                            rate=rate, channels=5, beside=beside)

    def kill(self):
        doomed = ["cell"] if self.what == "cell" else [f"gateway-{n}" for n in range(2, self.stack.gateways + 1)]
        kill_all(self.stack.pid(name) for name in doomed)

    def pids(self):
        return [self.stack.pid("cell"), *([self.balancer.process.pid] if self.balancer else [])]

    def queries(self):
        """Of the workers to PostgreSQL, so far; those of a cell that was killed began anew."""
        return self.stack.metric("worker_queries_total")


class Floor(Cell):
    """What no server can do without: processes that accept, answer the upgrade, and say nothing. All of them are killed and started
    again at once, with no gate. The cell beside them has the undisturbed tenant and the same publications, which nobody hears, so
    that its latency tells what the clients' half and the kernel alone do to it."""

    name = "floor"

    def __init__(self, stack, connections, rate):
        super().__init__(stack)
        self.connections, self.rate, self.port_of_floor = connections, rate, stack.slot_base + 29

    def _run(self):
        self.processes = subprocess.Popen(
            [FLOOR, f"--listen=127.0.0.1:{self.port_of_floor}", f"--processes={self.stack.gateways}", "--connections=4000000"],
            stdout=subprocess.DEVNULL, start_new_session=True)

    def _publish(self):
        seconds = self.connections // CONNECT_RATE + SECONDS
        generate(server=self.address(), api=self.stack.http(gateway=1), api_key=KEY, channel=f"quiet:unheard{self.number}-", connections=1,
                 channels=self.connections // 10 + 1, rate=self.rate, messages=self.rate * seconds)

    def start(self):
        super().start()
        self._run()
        self.publishing = threading.Thread(target=self._publish)
        self.publishing.start()

    def stop(self):
        self.publishing.join()
        os.killpg(self.processes.pid, signal.SIGTERM)
        self.processes.wait(20)
        super().stop()

    def flags(self):
        return dict(dialect="floor", server=f"127.0.0.1:{self.port_of_floor}", messages=0, stay=f"{SECONDS}s")

    def kill(self):
        os.killpg(self.processes.pid, signal.SIGKILL)
        self.processes.wait()
        self._run()

    def pids(self):
        return [self.processes.pid]

    def queries(self):
        return None


class Engines:
    """As many processes of Centrifugo's engine as there are gateways, over a Redis, each with a port of its own and a keeper that
    starts it again: what a client of a killed one comes back to is itself, so that there is no balancer to pay for."""

    name, kept = "centrifuge", "engine-{}"

    def __init__(self, program, processes=5):
        self.program, self.processes, self.keepers = program, processes, []
        self.port = free_ports(processes + 1) + 50
        self.home = tempfile.TemporaryDirectory(prefix="cellcast-engines-")

    @classmethod
    def if_there(cls, processes):
        return [cls(peer.program, processes) for peer in Centrifuge.if_there()]

    def start(self):
        self.redis = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
                                      cwd=self.home.name, stdout=subprocess.DEVNULL)
        for n in range(1, self.processes + 1):
            self.keepers.append(subprocess.Popen(
                [REPO / "deploy/keep", self.kept.format(n), self.home.name, self.program, f"--listen=127.0.0.1:{self.port + n}",
                 f"--api-key={KEY}", f"--redis=127.0.0.1:{self.port}"], stderr=subprocess.DEVNULL, start_new_session=True))
        wait_until(lambda: all(self.pid(n) for n in range(1, self.processes + 1)), 20, "the engines run", 0.1)
        time.sleep(1)

    def stop(self):
        for process in [*self.keepers, self.redis]:
            process.terminate()
            process.wait(20)
        self.home.cleanup()

    def pid(self, number):
        return int(Path(self.home.name, self.kept.format(number) + ".pid").read_text())

    def survives(self):
        return True

    def is_warm(self):
        return False

    def api(self):
        return f"http://127.0.0.1:{self.port + 1}/api"

    def flags(self):
        addresses = ",".join(f"127.0.0.1:{self.port + n}" for n in range(1, self.processes + 1))
        return dict(server=addresses, api=self.api(), api_key=KEY, channel="storm-")

    def quiet(self, name, beside=None, rate=100, seconds=QUIET_S):
        return generate(beside, server=f"127.0.0.1:{self.port + 1}", api=self.api(), api_key=KEY, channel=f"{name}-", channels=5, rate=rate,
                        messages=rate * seconds)

    def kill(self):
        kill_all(self.pid(n) for n in range(2, self.processes + 1))

    def pids(self):
        return [self.redis.pid, *(keeper.pid for keeper in self.keepers)]

    def queries(self):
        return None


class Storm:
    """One storm of one server: connections of which some are dropped. generator: further flags of it."""

    def __init__(self, server, connections, rate=1000, members=10, **generator):
        self.server, self.connections = server, connections
        channels = connections // members + 1  # odd to the number of processes, so that no channel is on one alone
        self.warming = None if server.is_warm() else threading.Thread(target=self._warm_up, daemon=True)
        seconds = SECONDS + (WARM_S if self.warming else 0)
        self.flags = dict(connections=connections, channels=channels, rate=rate, messages=rate * seconds, connect_rate=CONNECT_RATE,
                          may_lose="true", linger="60s", subscribe_timeout="60s", **generator)
        self.quiet, self.meter, self.queries_before = {}, Meter(server.pids), None

    def _kill(self):
        time.sleep(SETTLE_S)
        self.queries_before = self.server.queries()
        self.server.kill()
        self.killed_at = time.monotonic()

    def _disturb(self):
        self.meter.start()
        if self.warming:
            self.warming.join()
        if self.server.survives():
            self.quiet["before"] = self.server.quiet("before")
            self.quiet["during"] = self.server.quiet("during", self._kill)
        else:
            time.sleep(QUIET_S)
            self._kill()

    def _warm_up(self):
        self.server.quiet("warm", rate=self.flags["rate"], seconds=WARM_S)

    def run(self):
        if self.warming:
            self.warming.start()
        report = generate(self._disturb, **{**self.flags, **self.server.flags()})
        self.meter.stop()
        return self._figures(report)

    def _quiet_p99_ms(self, when):
        report = self.quiet.get(when)
        return round(report["latency_us"]["kernel"]["p99"] / 1000, 2) if report and report["latency_us"]["kernel"] else None

    def _queries(self):
        if self.queries_before is None:
            return None
        after = self.server.queries()
        return int(after - self.queries_before if after >= self.queries_before else after)

    def _figures(self, report):
        connections, returning, storm = report["connections"], report["returning"], report["latency_us"]["storm"] or {}
        seconds = {f"t{n}_s": round(storm[key] / 1e6, 2) if key in storm else None
                   for n, key in ((50, "p50"), (95, "p95"), (100, "max"))}
        losing = report["latency_us"]["losing"]
        before, during = self._quiet_p99_ms("before"), self._quiet_p99_ms("during")
        away = connections["asked"] - connections["subscribed_now"]
        deliveries = report["deliveries"]
        tries = returning.pop("tries")
        return {"dropped": connections["lost"], "noticed_s": round(losing["max"] / 1e6, 2) if losing else None, **seconds, "attempts_per_client": round(tries / max(1, connections["lost"]), 3),
                "lost": report["missing"] + deliveries["holes"], "repeated": report["extra"] + deliveries["repeats"],
                "not_back": away, "not_recovered": report["recovery"]["not_recovered"],
                "quiet_p99_ratio": round(during / before, 2) if before and during else None, "quiet_p99_ms": [before, during],
                "db_queries": self._queries(), "peak_mib": round(self.meter.peak_mib()),
                "storm_cpu_s": round(self.meter.cpu_between(self.killed_at, self.killed_at + (seconds["t100_s"] or 0)), 2),
                "tls": report["tls"],
                "failed": {reason: n for reason, n in returning.items() if n}, "join_s": report["join_s"],
                "failures": [f for f in report["failures"] if f not in ("lost",)], "saturated": report["saturated"],
                "limits": report["limits"], "curve": report["curve"]}


def storm_of(server, connections, **how):
    """Starts the server, has a storm, stops it -> figures"""
    with deep_backlog():
        server.start()
        try:
            return Storm(server, connections, **how).run()
        finally:
            server.stop()
