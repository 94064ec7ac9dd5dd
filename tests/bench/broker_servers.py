"""Real brokers, each alone on a port of its own, that can be killed and started again on the same data."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from stack import REPO, free_ports, wait_until


class Server:
    """In the foreground, as a child of ours."""

    def __init__(self, home, port):
        self.home, self.port, self.process = home / type(self).__name__, port, None
        self.home.mkdir()

    def start(self):
        with open(self.home / "output", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **self.environment()})
        wait_until(self.answers, 60, f"{type(self).__name__} answers", every=0.02)

    def environment(self):
        return {}

    def answers(self):
        with socket.create_connection(("127.0.0.1", self.port), 1):
            return True

    def end(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(how)
            self.process.wait()


class Kafka(Server):
    def command(self):
        return [REPO / "deploy/kafka/start", str(self.port), str(self.home)]

    def environment(self):
        libs = subprocess.run([REPO / "deploy/kafka/get"], capture_output=True, text=True, check=True).stdout.strip()
        return {"KAFKA_LIBS": libs, "KAFKA_PROFILE": "perf", "FOREGROUND": "1"}


class Redis(Server):
    """Its log is written before each answer and synced once a second: as much as Kafka promises of one broker."""

    def command(self):
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.home), "--save", "", "--appendonly", "yes",
                "--appendfsync", "everysec"]


class Nats(Server):
    def command(self):
        return ["nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.home)]


@contextlib.contextmanager
def servers():
    """All three."""
    home = Path(tempfile.mkdtemp(prefix="cellcast-brokers-", dir="/var/tmp"))
    base = free_ports(4)  # Kafka's controller: base + 1
    every = [Kafka(home, base), Redis(home, base + 2), Nats(home, base + 3)]
    try:
        for server in every:
            server.start()
        yield every
    finally:
        for server in every:
            server.end()
        shutil.rmtree(home, ignore_errors=True)
