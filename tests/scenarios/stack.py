"""A whole Cellcast of its own for the scenarios: PostgreSQL, Kafka, sequencer, relay and a cell, all real processes on
ports of their own. Sequencer and relay run under deploy/keep, as under a service manager, so that they come back by themselves."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import requests

from prometheus import value

REPO = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CELLCAST_BUILD", REPO / "build")).resolve()  # it is used from other folders, too
KEY = "test-key"
SECRET = "test-secret"

OPEN = {
    name: True
    for name in (
        "presence join_leave allow_subscribe_for_client allow_subscribe_for_anonymous allow_publish_for_client "
        "allow_publish_for_anonymous allow_history_for_client allow_history_for_anonymous allow_presence_for_client "
        "allow_presence_for_anonymous"
    ).split()
} | {"join_leave_linger": "1s"}

CONFIGURATION = {
    "cells": [{"name": "a"}],
    "tenants": [
        {
            "name": "default",
            "cells": ["a"],
            "options": {
                "token_hmac_secret_key": SECRET,
                "allow_anonymous_connect_without_token": True,
                "allowed_origins": ["http://localhost", "http://localhost:*"],
            },
            "namespaces": [
                {"name": "", "options": OPEN},
                {"name": "closed", "options": {}},
                {"name": "raw", "options": dict(OPEN, format="binary")},
                {"name": "quiet", "options": dict(OPEN, presence=False, join_leave=False, history_limit=0)},
                {"name": "state", "options": dict(OPEN, force_recovery=False, slow_reader="conflate")},
                {"name": "doc", "options": dict(OPEN, allowed_delta_types=["fossil"], delta_publish=True)},
                {"name": "ask", "options": dict(OPEN, allowed_delta_types=["fossil"])},
                {"name": "tagged", "options": dict(OPEN, allow_tags_filter=True)},
                {"name": "kv", "options": dict(OPEN, force_recovery_mode="cache")},
                {"name": "auto", "options": dict(OPEN, force_recovery_mode="cache", auto_cache_recover=True)},
                {"name": "lounge", "options": dict(OPEN, join_leave_linger="10s")},
                {"name": "inn", "options": {k: v for k, v in OPEN.items() if k != "join_leave_linger"}},
                {"name": "hall", "options": dict(OPEN, join_leave_linger=0, join_leave_pushes=10, presence_limit=10)},
                {"name": "typing", "options": dict({k: v for k, v in OPEN.items() if "history" not in k}, ephemeral=True)},
                {"name": "members", "options": {"allow_subscribe_for_client": True, "allow_publish_for_subscriber": True,
                                                "allow_history_for_subscriber": True, "presence": True,
                                                "allow_presence_for_subscriber": True}},
            ],
        },
        {
            "name": "acme",
            "cells": ["a"],
            "options": {"token_hmac_secret_key": "acme-secret", "allow_anonymous_connect_without_token": False},
            "namespaces": [{"name": "", "options": OPEN}],
        },
    ],
    "api_keys": [{"key": KEY, "tenant": None}, {"key": "acme-key", "tenant": "acme"}],
}


def free_ports(n):
    """n ports in a row that nobody listens on; below the ephemeral range, so that no client takes one meanwhile."""
    base = 12000 + os.getpid() % 400 * 40
    while True:
        held = []
        try:
            for port in range(base, base + n):
                s = socket.socket()
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
                held.append(s)
            return base
        except OSError:
            base = base + n if base < 30000 else 12000
        finally:
            for s in held:
                s.close()


def wait_until(check, seconds=20, what="condition", every=0.05):
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            if value := check():
                return value
        except Exception as error:  # asked again until the time is up
            last = error
        time.sleep(every)
    raise AssertionError(f"{what}: not within {seconds} s ({last})")


class Stack:
    def __init__(self, gateways=3, workers=2, cell="a", kafka_profile="test", sequencers=1, ports=40, host="127.0.0.1"):
        """ports: 11 and as many as there will ever be gateways; host: where clients find the cell."""
        self.sequencers, self.host = sequencers, host
        self.kafka_profile = kafka_profile
        self.gateways, self.workers, self.cell = gateways, workers, cell
        # PostgreSQL refuses to run as root and then runs as another user, who must reach its folder.
        self.home = Path(tempfile.mkdtemp(prefix="cellcast-test-", dir="/var/tmp"))
        self.home.chmod(0o755)
        self.log = self.home / "log"
        self.run = self.home / "run"
        self.log.mkdir()
        self.run.mkdir()
        base = free_ports(ports)
        (self.port, self.admin_port, self.sequencer_port, self.sequencer_admin, self.relay_admin, self.pg_port,
         self.kafka_port) = range(base, base + 7)  # Kafka's controller: base + 7
        self.standby_port, self.standby_admin = base + 8, base + 9
        self.slot_base = base + 10  # gateways' ports begin one above
        self.webhooks_admin = base + 10
        self.pg = f"postgresql://cellcast@127.0.0.1:{self.pg_port}/cellcast"
        self.kafka = f"127.0.0.1:{self.kafka_port}"
        self.kept = {}
        self.environment = {}  # for the broker
        self.logins = {}  # of sequencer, relay, cell, webhooks, migrate at PostgreSQL, where it is not the server's owner
        self.secret = None  # file of what sequencers and gateways share

    # -- starting and stopping

    def start(self):
        self.start_without_cell()
        self.start_cell()
        self.wait_ready()
        return self

    def start_without_cell(self):
        self.start_postgres()
        self.start_kafka()
        self.migrate()
        self.configure(CONFIGURATION)
        for n in range(self.sequencers):
            self.start_sequencer(number=n + 1)
        self.start_relay()

    def tool(self, *words, env=None, check=True):
        done = subprocess.run([str(w) for w in words], env={**os.environ, **(env or {})}, capture_output=True, text=True)
        if check and done.returncode:
            raise RuntimeError(f"{words[0]} {words[1:]}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def start_postgres(self):
        self.tool(REPO / "deploy/postgres/server", "start", self.pg_port, self.home / "postgres")

    def stop_postgres(self, mode="immediate"):
        self.tool(REPO / "deploy/postgres/server", "stop", self.pg_port, self.home / "postgres", env={"PG_STOP_MODE": mode})

    def start_kafka(self):
        libs = self.tool(REPO / "deploy/kafka/get").stdout.strip()
        self.tool(REPO / "deploy/kafka/start", self.kafka_port, self.home / "kafka",
                  env={"KAFKA_LIBS": libs, "KAFKA_PROFILE": self.kafka_profile, **self.environment})

    def kill_kafka(self, how=signal.SIGKILL):
        os.kill(int((self.home / "kafka/kafka.pid").read_text()), how)

    def pg_of(self, process):
        """The conninfo by which a process finds PostgreSQL."""
        return self.pg.replace("//cellcast@", f"//{self.logins.get(process, 'cellcast')}@", 1)

    def migrate(self):
        self.tool(BUILD / "sequencer/cellcast-sequencer", "--migrate", f"--postgres={self.pg_of('migrate')}")

    def configure(self, configuration):
        path = self.home / "configuration.json"
        path.write_text(json.dumps(configuration))
        return self.tool(BUILD / "supervisor/cellcastctl", f"--postgres={self.pg}", "apply", path)

    def settle(self, configuration, also=()):
        """Configured, and gone by in all gateways. also: (log, event) of others who have to have said it"""
        self.configure(configuration)
        with self.sql() as db:
            (version,) = db.execute("select cellcast.config_version()").fetchone()
        wait_until(lambda: all(self.said(log, rf"{event} version={version}\b") >= n
                               for log, event, n in [("cell", "config_taken", self.gateways), *((*one, 1) for one in also)]),
                   30, f"version {version} is gone by")

    def said(self, log, pattern):
        """-> how many different lines of its log match"""
        lines = (self.log / f"{log}.log").read_text(errors="replace").splitlines()
        return len({line for line in lines if re.search(pattern, line)})

    def keep(self, name, *command):
        log = open(self.log / f"{name}.log", "ab")
        self.kept[name] = subprocess.Popen(
            [str(REPO / "deploy/keep"), name, str(self.run), *map(str, command)], stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True)
        log.close()

    def sequencer_ports(self, number=1):
        """-> listen, admin"""
        return (self.sequencer_port, self.sequencer_admin) if number == 1 else (self.standby_port, self.standby_admin)

    def sequencer_addresses(self):
        return ",".join(f"127.0.0.1:{self.sequencer_ports(n + 1)[0]}" for n in range(self.sequencers))

    def start_sequencer(self, *more, number=1, postgres=None):
        """With sequencers=2 each is the other one's peer; the second is kept as sequencer-2. postgres: where it finds it."""
        listen, admin = self.sequencer_ports(number)
        name = "sequencer" if number == 1 else f"sequencer-{number}"
        peers = [f"--peers={self.sequencer_addresses()}"] if self.sequencers > 1 else []
        self.keep(name, BUILD / "sequencer/cellcast-sequencer", f"--postgres={postgres or self.pg_of('sequencer')}", f"--listen=127.0.0.1:{listen}",
                  f"--admin=127.0.0.1:{admin}", f"--name={name}", *self.secret_flag(), *peers, *more)

    def secret_flag(self):
        return [f"--secret-file={self.secret}"] if self.secret else []

    def start_relay(self, *more):
        self.keep("relay", BUILD / "sequencer/relay/cellcast-relay", f"--postgres={self.pg_of('relay')}", f"--kafka={self.kafka}",
                  f"--admin=127.0.0.1:{self.relay_admin}", *more)

    def start_webhooks(self, *more):
        self.keep("webhooks", BUILD / "webhooks/cellcast-webhooks", f"--postgres={self.pg_of('webhooks')}",
                  f"--admin=127.0.0.1:{self.webhooks_admin}", *more)

    def start_cell(self, *more):
        self.keep("cell", BUILD / "supervisor/cellcast-supervisor", f"--cell={self.cell}", f"--gateways={self.gateways}",
                  f"--workers={self.workers}", f"--listen={self.host}:{self.port}", f"--admin=127.0.0.1:{self.admin_port}",
                  f"--slot-port-base={self.slot_base}", f"--run-dir={self.run}", f"--postgres={self.pg_of('cell')}",
                  f"--kafka={self.kafka}", f"--sequencer={self.sequencer_addresses()}", *self.secret_flag(), *more)

    def end(self, name, how=signal.SIGTERM, seconds=20):
        """Ends a kept process and its keeper."""
        keeper = self.kept.pop(name)
        keeper.send_signal(how)
        try:
            return keeper.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill(name)
            keeper.kill()
            keeper.wait()
            raise

    def stop(self):
        for name in ("webhooks", "cell", "relay", "sequencer", "sequencer-2"):
            if name in self.kept:
                self.end(name)
        self.tool(REPO / "deploy/kafka/stop", self.home / "kafka", check=False)
        self.stop_postgres("fast")
        if not os.environ.get("CELLCAST_KEEP_HOME"):
            shutil.rmtree(self.home, ignore_errors=True)

    # -- looking

    def status(self):
        return requests.get(f"http://127.0.0.1:{self.admin_port}/status", timeout=5).json()

    def is_ready(self):
        return requests.get(f"http://127.0.0.1:{self.admin_port}/ready", timeout=5).status_code == 200

    def wait_ready(self, seconds=60):
        try:
            wait_until(self.is_ready, seconds, "the cell is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.last_words()}") from None

    def last_words(self):
        return "\n".join(f"--- {p.name}\n" + "\n".join(p.read_text(errors="replace").splitlines()[-15:])
                         for p in sorted(self.log.glob("*.log")))

    def metrics(self):
        return requests.get(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=5).text

    def metric(self, name):
        """One of the cell's that is no histogram, summed over its processes."""
        return value(self.metrics(), f"cellcast_{name}")

    def pid(self, name):
        """sequencer, sequencer-2, relay, cell (the supervisor), gateway-1, worker-2, …"""
        if name in ("sequencer", "sequencer-2", "relay", "cell", "webhooks"):
            return int((self.run / f"{name}.pid").read_text())
        role, slot = name.rsplit("-", 1)
        for process in self.status()["processes"]:
            if process["role"] == role and process["slot"] == int(slot):
                return process["pid"]
        raise KeyError(name)

    def kill(self, name, how=signal.SIGKILL):
        os.kill(self.pid(name), how)

    def wait_back(self, name, old_pid, seconds=20):
        wait_until(lambda: self.pid(name) not in (0, old_pid), seconds, f"{name} runs again")

    # -- using

    def address(self, gateway=None):
        """Of the cell's public port, or of one gateway's own, which is this machine's alone."""
        return f"{self.host}:{self.port}" if gateway is None else f"127.0.0.1:{self.slot_base + gateway}"

    def ws(self, gateway=None, tenant=None):
        path = "/connection/websocket" if tenant is None else f"/t/{tenant}/connection/websocket"
        return f"ws://{self.address(gateway)}{path}"

    def http(self, path="/api", gateway=None):
        return f"http://{self.address(gateway)}{path}"

    def api(self, method, body, key=KEY, gateway=None, **how):
        return requests.post(self.http(f"/api/{method}", gateway), data=body if isinstance(body, (str, bytes)) else json.dumps(body),
                             headers={"X-API-Key": key, **how.pop("headers", {})}, timeout=10, **how)

    def publish(self, channel, data, **fields):
        answer = self.api("publish", {"channel": channel, "data": data, **fields}).json()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def sql(self, **options):
        return psycopg.connect(self.pg, **options)

    def relay_slot(self):
        """The name of the relay's slot; None while there is none."""
        with self.sql() as db:
            found = db.execute("select slot_name from pg_replication_slots where slot_name ~ '^cellcast_relay(_[0-9]+)?$' "
                               "and database = current_database()").fetchone()
        return found and found[0]

    def rows(self, channel):
        """What was committed to a channel: [(seq, id, data)] in order of seq."""
        with self.sql() as db:
            return db.execute("select seq, id, convert_from(data, 'UTF8') from cellcast.message where channel = %s "
                              "order by epoch, seq", (channel,)).fetchall()


class Neighbour(Stack):
    """Another cell beside a stack's own, with what all cells share: PostgreSQL, Kafka, sequencer, relay. The ports of
    the nth begin n times NEIGHBOUR_PORTS above the stack's slots, which has to have been given as many more."""

    NEIGHBOUR_PORTS = 30

    def __init__(self, stack, cell="b", gateways=2, workers=1, nth=1):
        self.__dict__.update(stack.__dict__)
        self.cell, self.gateways, self.workers = cell, gateways, workers
        self.kept = {}
        self.run, self.log = stack.home / f"run-{cell}", stack.home / f"log-{cell}"
        self.run.mkdir()
        self.log.mkdir()
        base = stack.slot_base + nth * self.NEIGHBOUR_PORTS
        self.port, self.admin_port, self.slot_base = base, base + 1, base + 2

    def start(self, *more):
        self.start_cell(*more)
        self.wait_ready()
        return self

    def stop(self):
        if "cell" in self.kept:
            self.end("cell")
