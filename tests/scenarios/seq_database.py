"""Databases and sequencers of their own, for scenarios of one room. CELLCAST_PG: conninfo of a server where databases may
be made (without it, that of the stack); CELLCAST_BUILD: meson's build directory."""

import itertools
import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
import uuid
import time
from pathlib import Path

import psycopg
import pytest

CONFIG = {
    "cells": [{"name": "a"}, {"name": "b", "partitions": 4}],
    "tenants": [
        {"name": "default", "cells": ["a"], "namespaces": [{"name": ""}, {"name": "chat", "options": {"presence": True}},
                                                             {"name": "typing", "options": {"ephemeral": True}},
                                                             {"name": "objects", "options": {"format": "json_object"}}]},
        {"name": "acme", "cells": ["b"], "options": {"channel_limit": 7}, "namespaces": [{"name": ""}]},
    ],
    "api_keys": [{"sha256": "0" * 64, "tenant": "acme"}, {"sha256": "f" * 64, "tenant": None}],
}


def sequencer_binary():
    build = Path(os.environ.get("CELLCAST_BUILD", Path(__file__).parents[2] / "build"))
    binary = build / "sequencer" / "cellcast-sequencer"
    if not binary.exists():
        pytest.skip(f"{binary} is not built (CELLCAST_BUILD)")
    return str(binary)


def migrate(conninfo):
    return subprocess.run([sequencer_binary(), "--migrate", f"--postgres={conninfo}"], capture_output=True, text=True)


class Server:
    """The PostgreSQL of CELLCAST_PG, and databases made on it."""

    def __init__(self):
        self.conninfo = os.environ["CELLCAST_PG"]
        self.admin = psycopg.connect(self.conninfo, autocommit=True)
        self.template = None

    def make(self, template="template0"):
        name = "cellcast_test_" + uuid.uuid4().hex[:12]
        self.admin.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE {template}")
        return name

    def drop(self, name):
        """A walsender whose sequencer was killed holds its slot for a moment, and that the database."""
        for left in reversed(range(100)):
            self.admin.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = %s", [name])
            try:
                self.admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                return
            except psycopg.errors.ObjectInUse:
                if not left:
                    raise
                time.sleep(0.1)

    def of(self, name):
        return psycopg.conninfo.make_conninfo(self.conninfo, dbname=name)

    def make_configured(self):
        """A migrated and configured database: a copy of one that is made at the first call."""
        if not self.template:
            self.template = self.make()
            answer = migrate(self.of(self.template))
            assert answer.returncode == 0, answer.stderr
            with psycopg.connect(self.of(self.template), autocommit=True) as c:
                c.execute("SELECT cellcast.apply(%s)", [json.dumps(CONFIG)])
        return self.make(self.template)

    def close(self):
        if self.template:
            self.drop(self.template)
        self.admin.close()


@pytest.fixture(scope="module")
def server(request):
    if "CELLCAST_PG" not in os.environ:
        request.getfixturevalue("stack")  # which brings one
    s = Server()
    yield s
    s.close()


@pytest.fixture
def conninfo(server):
    """A migrated and configured database of the test's own."""
    name = server.make_configured()
    yield server.of(name)
    server.drop(name)


@pytest.fixture
def db(conninfo):
    with psycopg.connect(conninfo, autocommit=True) as c:
        yield c


SINGLE_PORTS = range(30100, 32700)  # above those of stack.py, below the ephemeral ones: no client takes one meanwhile
_ports = (SINGLE_PORTS[n % len(SINGLE_PORTS)] for n in itertools.count(os.getpid() * 40))


def free_port():
    """Another one at each call."""
    for port in _ports:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Sequencer:
    """A process of its own."""

    def __init__(self, conninfo, log, *options, name="sequencer", port=None):
        self.port, self.admin_port = port or free_port(), free_port()
        self.log = log
        self.command = [sequencer_binary(), f"--postgres={conninfo}", f"--listen=127.0.0.1:{self.port}",
                        f"--admin=127.0.0.1:{self.admin_port}", f"--name={name}", *options]  # fmt: skip
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stderr=open(self.log, "a"))
        return self

    def get(self, path):
        """-> status, body; status 0 when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name):
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(f"cellcast_sequencer_{name}{{"):
                return float(line.split()[-1])
        raise KeyError(name)

    def wait(self, what, timeout=15):
        until = time.monotonic() + timeout
        while not what():
            assert time.monotonic() < until, f"not in {timeout} s; {Path(self.log).read_text()[-3000:]}"
            time.sleep(0.02)
        return self

    def ready(self):
        return self.wait(lambda: self.get("/ready")[0] == 200)

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        if how in (signal.SIGKILL, signal.SIGTERM):
            return self.process.wait(10)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
