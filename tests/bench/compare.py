"""Servers under one generator (cellcast-bench), in alternating runs on one machine, and the ratios of what they cost.

A server has a name, start() and stop(), and tells run() by which flags the generator reaches it. CPU time is what its processes
used between the last subscription and the last delivery, user and system, idle work included."""

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time

import jwt

from apart import LOOPBACK
from stack import BUILD, KEY, Stack, free_ports

BENCH = BUILD / "tests/bench/generator/cellcast-bench"
FLOOR = BUILD / "tests/bench/generator/cellcast-floor"


def generate(beside=None, place=LOOPBACK, **flags):
    """Runs the generator, at its place -> its report. Flags are its own, with underscores. beside() runs from when everybody is
    subscribed, in a thread that is waited for. It stands for other machines, so it is in a session of its own: the kernel parts a core
    between sessions first (autogroup)."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
    with subprocess.Popen([*place.command, BENCH, *words], stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            lines = [process.stdout.readline() or "{}"]
            thread = threading.Thread(target=beside) if beside else None
            if thread:
                thread.start()
            lines += process.stdout.read().splitlines()
            if thread:
                thread.join()
        except BaseException:
            process.kill()
            raise
    if process.returncode not in (0, 1):
        raise RuntimeError(f"cellcast-bench {' '.join(words)}: {process.returncode}")
    return json.loads(lines[-1])


def quiet_tenant(server, api, connections, seconds, channel, rate=10, beside=None, **flags):
    """Tenant acme of a whole Cellcast, for the time that others make noise -> the generator's report."""
    token = jwt.encode({"sub": "quiet", "tenant": "acme"}, "acme-secret", "HS256")
    return generate(beside, server=server, path="/t/acme/connection/websocket", token=token, api=api, api_key=KEY,
                    channel=f"acme/{channel}-", connections=connections, rate=rate, messages=rate * seconds, **flags)


def warm_up(stack, seconds):
    """Kafka's compiler: a broker that has just started takes several times the CPU of one that has run for a while."""
    quiet_tenant(f"127.0.0.1:{stack.port}", stack.http(), 50, seconds, "warm", rate=1000, channels=5)


class Cellcast:
    """The real stack: API, PostgreSQL, Kafka, worker, gateways. Only its gateways are `server`."""

    name = "cellcast"

    def __init__(self, gateways, place=LOOPBACK):
        self.stack, self.runs, self.place = Stack(gateways=gateways, kafka_profile="perf", host=place.host), 0, place

    def start(self):
        self.stack.start()

    def warm_up(self, seconds):
        warm_up(self.stack, seconds)

    def stop(self):
        self.stack.stop()

    def pids(self, role):
        return "+".join(str(p["pid"]) for p in self.stack.status()["processes"] if p["role"] == role)

    def run(self, **flags):
        self.runs += 1
        return generate(place=self.place, server=self.stack.address(), api=self.stack.http(), api_key=KEY,
                        channel=f"quiet:run{self.runs}-", cpu=f"server={self.pids('gateway')},worker={self.pids('worker')}", **flags)


class Floor:
    """send() in a loop, by as many processes as there are gateways; a new one for each run."""

    name = "floor"

    def __init__(self, processes, place=LOOPBACK):
        self.processes, self.place, self.port = processes, place, free_ports(100) + 99

    def start(self):
        pass

    def stop(self):
        pass

    def run(self, connections, messages, rate, per="1s", payload=200, skip=-1, **flags):
        address = f"{self.place.host}:{self.port}"
        words = dict(listen=address, processes=self.processes, connections=connections, messages=messages, rate=rate,
                     per=per, payload=payload, skip=skip, channel="quiet:run1-0")
        floor = subprocess.Popen([FLOOR, *(f"--{name}={value}" for name, value in words.items())], stdout=subprocess.PIPE,
                                 start_new_session=True)
        try:
            time.sleep(0.3)
            return generate(place=self.place, dialect="floor", server=address, channel="quiet:run1-", cpu=f"server={floor.pid}",
                            connections=connections, messages=messages, rate=rate, per=per, payload=payload, **flags)
        finally:
            os.killpg(floor.pid, signal.SIGTERM)
            floor.communicate(timeout=20)


def cost(report):
    """µs of the server's CPU per delivery."""
    return report["cpu_s"]["server"] / max(1, report["deliveries"]["delivered"]) * 1e6


def figures(report):
    """What a report of a run is remembered by."""
    latency = report["latency_us"]
    return {"ok": report["ok"], "failures": report["failures"], "delivered": report["deliveries"]["delivered"], "server_us": round(cost(report), 2),
            "cpu_s": report["cpu_s"], "saturated": report["saturated"], "seconds": report["seconds"],
            **{name: latency[name] for name in ("kernel", "user", "last_subscriber_kernel", "last_subscriber_user", "publish_late")}}


def alternate(servers, rounds, **flags):
    """-> {name: [figures of each round]}; servers are started and stopped here."""
    runs, started = {server.name: [] for server in servers}, []
    try:
        for server in servers:
            started.append(server)
            server.start()
        for number in range(rounds):
            for server in servers:
                runs[server.name].append(figures(server.run(**flags)))
                print(f"{server.name} {number + 1}: {runs[server.name][-1]}", file=sys.stderr)
    finally:
        for server in started:
            server.stop()
    return runs


def median(runs, value):
    return round(statistics.median(value(run) for run in runs), 3)


def ratio(runs, of, to, value):
    """Median over the rounds of of's value by to's in the same round."""
    pairs = zip(runs[of], runs[to])
    return round(statistics.median(value(a) / value(b) for a, b in pairs), 3) if runs.get(of) and runs.get(to) else None


def well(runs):
    """Every run ended with everybody subscribed and everything delivered once and in order."""
    return all(run["ok"] for of_server in runs.values() for run in of_server)
