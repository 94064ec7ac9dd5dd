"""Drives the stack that tests/compose has brought up."""

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import requests

from sdk import Person
from stack import wait_until

COMPOSE = ["docker-compose", "-f", "deploy/docker-compose.yml"]
TWO_CELLS = ["-f", "deploy/docker-compose.two-cells.yml"]
PORT = int(os.environ["CELLCAST_PORT"])


def compose(*words):
    return subprocess.run([*COMPOSE, *words], capture_output=True, text=True, check=True).stdout


def container(service):
    return compose("ps", "-q", service).strip()


def inspect(service, what):
    return subprocess.run(["docker", "inspect", "-f", what, container(service)], capture_output=True, text=True, check=True).stdout.strip()


def publish(data):
    compose("exec", "-T", "postgres", "psql", "-h", "/tmp", "-U", "cellcast", "-qAt", "-c", f"select cellcast.publish('news', '{data}')")


def leader():
    def leads(service):
        return json.loads(compose("exec", "-T", service, "curl", "-sS", "http://127.0.0.1:7101/ready"))["shards"] == 64
    return wait_until(lambda: next(filter(leads, ("sequencer-1", "sequencer-2")), None), 60, "one sequencer leads", every=0.5)


async def main():
    wait_until(lambda: inspect("cell-a", "{{.State.Health.Status}}") == "healthy", 120, "cell-a is healthy", every=1)
    wait_until(lambda: requests.get(f"http://127.0.0.1:{PORT}/health", timeout=2).status_code == 200, 30, "the balancer leads to the cell", every=0.5)
    print("healthy")
    person = await Person(f"ws://127.0.0.1:{PORT}/connection/websocket", min_reconnect_delay=0.1, max_reconnect_delay=1).connect()
    recorder = await person.subscribe("news")
    publish(1)
    await recorder.wait_for(1, 30)
    print("a publish from SQL was seen by the SDK on the published port")
    compose("stop", "-t", "5", leader())
    publish(2)
    began = time.monotonic()
    await recorder.wait_for(2, 90)
    print(f"the leading sequencer was stopped, the other one's message came after {time.monotonic() - began:.1f} s")
    compose("start", "sequencer-1", "sequencer-2")
    for n, service in enumerate((leader(), "relay", "cell-a"), 3):
        before = inspect(service, "{{.State.Pid}}")
        os.kill(int(before), signal.SIGKILL)
        wait_until(lambda: inspect(service, "{{.State.Pid}}") not in ("0", before), 60, f"{service} runs again", every=0.5)
        publish(n)
        began = time.monotonic()
        await recorder.wait_for(n, 90)
        print(f"{service} was killed and healed, its message came {time.monotonic() - began:.1f} s after it ran again")
    assert recorder.publications == [1, 2, 3, 4, 5] and recorder.offsets == [1, 2, 3, 4, 5], recorder.publications

    wait_until(lambda: targets() == ["1"] * 5, 60, "Prometheus scrapes cell, sequencers, relay and webhooks", every=1)
    assert "<title>Cellcast</title>" in requests.get(f"http://127.0.0.1:{os.environ['DASHBOARD_PORT']}/", timeout=5).text
    rules = requests.get(f"http://127.0.0.1:{os.environ['PROMETHEUS_PORT']}/api/v1/rules", timeout=5).json()["data"]["groups"]
    assert [g["name"] for g in rules] == ["cellcast"], rules
    print("Prometheus scrapes all five and watches for alarms")
    apply_ours()
    COMPOSE.extend(TWO_CELLS)
    await move_to_a_second_cell(person, recorder)
    wait_until(lambda: targets() == ["1"] * 6, 60, "Prometheus scrapes the second cell, too", every=1)
    assert limit() == 1234, "the second `up` replaced the configuration by the demo's"
    print("the configuration that was applied before the second up is there, and Prometheus scrapes both cells")
    await person.close()


def targets():
    answer = requests.get(f"http://127.0.0.1:{os.environ['PROMETHEUS_PORT']}/api/v1/query", params={"query": "up"}, timeout=5).json()
    return [r["value"][1] for r in answer["data"]["result"]]


def apply_ours():
    """A configuration of our own, as deploy/README.md shows it."""
    mine = json.loads(Path("deploy/local.json").read_text())
    mine["tenants"][0]["options"]["user_connection_limit"] = 1234
    subprocess.run(["docker", "exec", "-i", container("cell-a"), "cellcastctl", "apply", "-"], input=json.dumps(mine), text=True, check=True, capture_output=True, timeout=60)


def limit():
    config = json.loads(compose("exec", "-T", "cell-a", "cellcastctl", "config"))
    return next(t["options"].get("user_connection_limit") for t in config["tenants"] if t["name"] == "default")


async def move_to_a_second_cell(person, recorder):
    """Beside the first one, while it is served: the SDK's loop runs on."""
    def start_and_move():
        compose("up", "-d", "--no-build")
        wait_until(lambda: inspect("cell-b", "{{.State.Health.Status}}") == "healthy", 120, "cell-b is healthy", every=1)
        compose("exec", "-T", "cell-b", "cellcastctl", "tenant", "move", "default", "--to=b", "--watch")
        wait_until(lambda: clients("cell-a") == ["b"], 60, "its client is in cell b, as a tells it", every=0.5)
    await asyncio.to_thread(start_and_move)
    publish(6)
    await recorder.wait_for(6, 90)
    assert recorder.publications == [1, 2, 3, 4, 5, 6], recorder.publications
    print("a second cell was started, and the client led over to it")


def clients(service):
    """-> cells that have clients, as that one's API tells it."""
    answer = compose("exec", "-T", service, "curl", "-sS", "-H", "X-API-Key: local-key", "-d", "{}", "http://127.0.0.1:8101/api/info")
    return sorted({node["name"][0] for node in json.loads(answer)["result"]["nodes"] if node["num_clients"]})


asyncio.run(main())
