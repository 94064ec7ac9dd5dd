"""Webhooks (decision 0029): channels occupied and vacated, clients connected and disconnected, at least once, whoever is killed."""

import asyncio
import copy
import json
import os
import re
import signal
import subprocess
import time

import pytest
import requests

from receiver import Receiver
from sdk import Person, Raw
from seq_database import free_port
from stack import BUILD, CONFIGURATION, OPEN, REPO, wait_until

OCCUPIED, VACATED, CONNECTED, DISCONNECTED = "channel_occupied", "channel_vacated", "client_connected", "client_disconnected"


class Hooks:
    """The stack with a sender, and three tenants that have endpoints: hook; other; few, of which five events are kept."""

    def __init__(self, stack):
        self.stack, self.hook, self.other, self.few = stack, Receiver(), Receiver("other-secret"), Receiver("few-secret")
        self.configure()
        self.start_sender()

    def tenant(self, name, receiver, **options):
        return {"name": name, "cells": ["a"], "namespaces": [{"name": "", "options": OPEN}],
                "options": {"allow_anonymous_connect_without_token": True, "webhook_url": receiver.url, "webhook_linger": "1s",
                            "webhook_secret": receiver.secret, **options}}

    def configure(self, **options):
        configuration = copy.deepcopy(CONFIGURATION)
        configuration["tenants"] += [self.tenant("hook", self.hook, **options), self.tenant("other", self.other),
                                     self.tenant("few", self.few, webhook_rows_max=5, webhook_events=[OCCUPIED, VACATED])]
        self.stack.settle(configuration)

    def start_sender(self):
        self.stack.start_webhooks("--poll=50ms", "--retry-min=100ms", "--retry-max=500ms", "--lease=1500ms", "--timeout=2s")

    async def enter(self, channel, gateway=None, tenant="hook"):
        """-> a socket that is subscribed, and its client"""
        raw = await Raw.open(self.stack.ws(gateway, tenant))
        client = (await raw.connect())["connect"]["client"]
        assert "subscribe" in await raw.ask({"id": 2, "subscribe": {"channel": channel}})
        return raw, client

    def status(self, tenant):
        shown = self.stack.tool(BUILD / "supervisor/cellcastctl", f"--postgres={self.stack.pg}", "webhooks").stdout
        return next(line.split() for line in shown.splitlines() if line.startswith(tenant + " "))

    def close(self):
        self.stack.end("webhooks")
        self.stack.configure(CONFIGURATION)
        for receiver in (self.hook, self.other, self.few):
            receiver.close()


@pytest.fixture(scope="module")
def hooks(stack):
    h = Hooks(stack)
    yield h
    h.close()


def in_thread(call, *args, **fields):
    return asyncio.to_thread(call, *args, **fields)


async def test_a_channel_and_a_client_of_the_sdk_come_and_go(hooks, stack, channel):
    person = await Person(stack.ws(1, "hook")).connect()
    await person.subscribe(channel)
    await in_thread(hooks.hook.wait, [OCCUPIED], channel=channel)
    second = await Person(stack.ws(2, "hook")).connect()
    await second.subscribe(channel)
    await in_thread(wait_until, lambda: any(e["name"] == CONNECTED for e in list(hooks.hook.events)), 20, "a client has connected")
    connected = [e for e in hooks.hook.events if e["name"] == CONNECTED]
    await person.close()
    await second.close()
    await in_thread(hooks.hook.wait, [OCCUPIED, VACATED], channel=channel)
    await in_thread(hooks.hook.wait, [CONNECTED, DISCONNECTED], client=connected[0]["client"])
    assert connected[0]["user"] == "" and not hooks.hook.of(channel=f"hook/{channel}")


async def test_what_is_posted_is_verified_as_the_documents_say(hooks, channel, tmp_path):
    hooks.configure(webhook_secret="webhook-secret", webhook_previous_secret="old-secret")
    raw, client = await hooks.enter(channel)
    await in_thread(hooks.hook.wait, [OCCUPIED], channel=channel)
    await raw.close()
    await in_thread(hooks.hook.wait, [CONNECTED, DISCONNECTED], client=client)
    headers, body = next((h, b) for h, b in reversed(hooks.hook.batches) if client.encode() in b)
    assert headers["X-Cellcast-Signature-Previous"] == hooks.hook.signature(body, "old-secret")
    assert (headers["X-Pusher-Key"], headers["X-Pusher-Signature"]) == ("hook", headers["X-Cellcast-Signature"])
    python, javascript = re.findall(r"```(?:python|js)\n(.*?)```", (REPO / "deploy/webhooks.md").read_text(), re.S)
    space = {}
    exec(python, space)
    assert space["verify"](headers, body, ["new", "webhook-secret"])["tenant"] == "hook"
    assert space["verify"](headers, body + b" ", ["webhook-secret"]) is None
    assert space["verify"](headers, body, ["webhook-secret"], now=time.time() + 600) is None
    script = tmp_path / "verify.mjs"
    script.write_text(javascript + "process.stdout.write(JSON.stringify(verify(JSON.parse(process.argv[2]), process.argv[3], ['webhook-secret'])))")
    lower = {k.lower(): v for k, v in headers.items()}
    told = subprocess.run(["node", script, json.dumps(lower), body.decode()], capture_output=True, text=True)
    assert '"tenant":"hook"' in told.stdout, told.stderr
    hooks.configure()


async def test_an_endpoint_that_fails_loses_nothing_and_holds_up_nobody(hooks, channel):
    hooks.hook.mode = "refuse"
    refused = hooks.hook.refused
    raws = [await hooks.enter(f"{channel}-{n}") for n in range(5)]
    theirs, their_client = await hooks.enter(channel, tenant="other")
    await in_thread(hooks.other.wait, [OCCUPIED], channel=channel)
    await in_thread(wait_until, lambda: hooks.hook.refused >= refused + 3, 20, "it is tried again")
    await in_thread(wait_until, lambda: int(hooks.status("hook")[1]) >= 10, 20, "five channels and five clients wait")
    _, _, _, _, failures, _, _, status, code = await in_thread(hooks.status, "hook")
    assert int(failures) >= 3 and (status, code) == ("status", "500")
    hooks.hook.mode = "chatter"
    await in_thread(wait_until, lambda: hooks.status("hook")[-1] == "--answer-max", 20, "an answer that is too long is a refusal")
    hooks.hook.mode = "hang"
    await theirs.close()
    await in_thread(hooks.other.wait, [CONNECTED, DISCONNECTED], client=their_client)
    for raw, _ in raws:
        await raw.close()
    hooks.hook.mode = "take"
    for n, (_, client) in enumerate(raws):
        await in_thread(hooks.hook.wait, [OCCUPIED], channel=f"{channel}-{n}")
        await in_thread(hooks.hook.wait, [CONNECTED, DISCONNECTED], client=client)
    assert hooks.hook.dropped == 0


async def test_above_what_is_kept_the_oldest_go_and_are_counted(hooks, channel):
    hooks.few.mode = "refuse"
    raws = [(await hooks.enter(f"{channel}-{n}", tenant="few"))[0] for n in range(9)]
    await in_thread(wait_until, lambda: hooks.status("few")[5] == "4", 20, "four are dropped")
    hooks.few.mode = "take"
    await in_thread(hooks.few.wait, [OCCUPIED], channel=f"{channel}-8")
    await in_thread(wait_until, lambda: hooks.few.dropped == 4, 10, "and told of")
    assert len(hooks.few.events) == 5 and (await in_thread(hooks.status, "few"))[5] == "0"
    for raw in raws:
        await raw.close()


async def test_a_killed_gateway_takes_its_clients_along_and_nobody_else(hooks, stack, channel):
    gone, its_client = await hooks.enter(f"{channel}-gone", gateway=1)
    both, _ = await hooks.enter(f"{channel}-both", gateway=1)
    stays, stays_client = await hooks.enter(f"{channel}-both", gateway=2)
    sdk = await Person(stack.ws(tenant="hook")).connect()
    await sdk.subscribe(f"{channel}-sdk")
    await in_thread(hooks.hook.wait, [OCCUPIED], channel=f"{channel}-sdk")
    await in_thread(hooks.hook.wait, [CONNECTED], client=stays_client)
    pid = stack.pid("gateway-1")
    stack.kill("gateway-1")
    await in_thread(hooks.hook.wait, [CONNECTED, DISCONNECTED], client=its_client)
    await in_thread(hooks.hook.wait, [OCCUPIED, VACATED], channel=f"{channel}-gone")
    await in_thread(stack.wait_back, "gateway-1", pid)
    assert hooks.hook.of(channel=f"{channel}-both") == [OCCUPIED] and hooks.hook.of(client=stays_client) == [CONNECTED]
    assert hooks.hook.of(channel=f"{channel}-sdk") == [OCCUPIED]  # wherever it was, it came back
    await sdk.close()
    await stays.close()
    await in_thread(stack.wait_ready)


async def test_a_killed_worker_invents_nothing_and_misses_nothing(hooks, stack, channel):
    names = [f"{channel}-{n}" for n in range(8)]  # of both workers
    raws = [await hooks.enter(name) for name in names]
    leaves, left_client = await hooks.enter(f"{channel}-leaves")
    for name in names + [f"{channel}-leaves"]:
        await in_thread(hooks.hook.wait, [OCCUPIED], channel=name)
    await in_thread(hooks.hook.wait, [CONNECTED], client=left_client)
    pids = {n: stack.pid(f"worker-{n}") for n in (1, 2)}
    for n in pids:
        stack.kill(f"worker-{n}")
    await leaves.close()  # nobody is there to see it
    for n, pid in pids.items():
        await in_thread(stack.wait_back, f"worker-{n}", pid)
    await in_thread(hooks.hook.wait, [CONNECTED, DISCONNECTED], client=left_client)
    await in_thread(hooks.hook.wait, [OCCUPIED, VACATED], channel=f"{channel}-leaves")
    for name, (raw, client) in zip(names, raws):
        assert hooks.hook.of(channel=name) == [OCCUPIED] and hooks.hook.of(client=client) == [CONNECTED]
        await raw.close()
    await in_thread(stack.wait_ready)


async def test_a_worker_that_learns_late_what_is_its_own_invents_nothing(hooks, stack, channel):
    def scale(workers):
        assert requests.post(f"http://127.0.0.1:{stack.admin_port}/scale?workers={workers}", timeout=10).status_code == 200

    raws = [await hooks.enter(f"{channel}-{n}") for n in range(16)]
    for _, client in raws:
        await in_thread(hooks.hook.wait, [CONNECTED], client=client)
    pid = stack.pid("worker-1")
    os.kill(pid, signal.SIGSTOP)  # gateways have the new map first
    try:
        await in_thread(scale, 1)
        await asyncio.sleep(0.5)
    finally:
        os.kill(pid, signal.SIGCONT)
    await asyncio.sleep(9)  # the linger is not below --presence-grace
    try:
        for n, (_, client) in enumerate(raws):
            assert (hooks.hook.of(client=client), hooks.hook.of(channel=f"{channel}-{n}")) == ([CONNECTED], [OCCUPIED])
    finally:
        await in_thread(scale, 2)
        await in_thread(stack.wait_ready)
    for raw, client in raws:
        await raw.close()
    for _, client in raws:
        await in_thread(hooks.hook.wait, [CONNECTED, DISCONNECTED], client=client)


async def test_without_a_sender_and_without_the_database_events_wait(hooks, stack, channel):
    stack.kill("webhooks", signal.SIGKILL)
    raw, client = await hooks.enter(f"{channel}-1", gateway=1)
    await in_thread(hooks.hook.wait, [OCCUPIED], channel=f"{channel}-1")
    await in_thread(stack.stop_postgres)
    await raw.close()
    late, late_client = await hooks.enter(f"{channel}-1", gateway=1)  # nobody has noticed that the channel was empty for a moment
    await in_thread(stack.start_postgres)
    await in_thread(hooks.hook.wait, [CONNECTED, DISCONNECTED], client=client)
    await in_thread(hooks.hook.wait, [CONNECTED], client=late_client)
    assert hooks.hook.of(channel=f"{channel}-1") == [OCCUPIED]
    await late.close()
    await in_thread(stack.wait_ready)


async def test_a_sender_that_was_relieved_says_nothing_of_what_waits(hooks, stack, channel):
    def gauge(port, name):
        """Or -1: nobody is there yet."""
        try:
            text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
        except requests.ConnectionError:
            return -1
        return float(re.search(rf"^cellcast_webhooks_{name}{{.*}} (\S+)$", text, re.M)[1])

    hooks.hook.mode = "refuse"
    raw, client = await hooks.enter(channel)
    for name in ("oldest_seconds", "endpoints_failing"):
        await in_thread(wait_until, lambda: gauge(stack.webhooks_admin, name) > 0, 20, f"{name} of what waits")
    pid, port = stack.pid("webhooks"), free_port()
    os.kill(pid, signal.SIGSTOP)
    second = subprocess.Popen([BUILD / "webhooks/cellcast-webhooks", f"--postgres={stack.pg}", f"--admin=127.0.0.1:{port}", "--lease=1500ms",
                               "--poll=50ms", "--retry-max=500ms"], stderr=subprocess.DEVNULL)
    try:
        await in_thread(wait_until, lambda: gauge(port, "oldest_seconds") > 0, 20, "the other one sends")
        os.kill(pid, signal.SIGCONT)
        await in_thread(wait_until, lambda: gauge(stack.webhooks_admin, "sends") == 0, 20, "the first has noticed")
        assert [gauge(stack.webhooks_admin, name) for name in ("oldest_seconds", "endpoints_waiting", "endpoints_failing")] == [0, 0, 0]
    finally:
        os.kill(pid, signal.SIGCONT)
        second.terminate()
        second.wait(20)
    hooks.hook.mode = "take"
    await in_thread(hooks.hook.wait, [CONNECTED], client=client)
    await raw.close()


async def test_after_a_restart_of_everything_what_is_gone_is_told(hooks, stack, channel):
    raw, client = await hooks.enter(channel)
    await in_thread(hooks.hook.wait, [OCCUPIED], channel=channel)
    await in_thread(hooks.hook.wait, [CONNECTED], client=client)
    stack.kill("cell")
    stack.kill("webhooks")
    await in_thread(stack.stop_postgres)
    await in_thread(stack.start_postgres)
    await in_thread(stack.wait_ready)
    await in_thread(hooks.hook.wait, [CONNECTED, DISCONNECTED], client=client)
    await in_thread(hooks.hook.wait, [OCCUPIED, VACATED], channel=channel)
    assert all(len(e) == len(set(e)) for e in ([x["id"] for x in r.events] for r in (hooks.hook, hooks.other, hooks.few)))
