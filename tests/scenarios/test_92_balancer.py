"""HAProxy in front of a cell, with the configuration of deploy/haproxy: PROXY protocol, health, cells and gateways that come and go."""

import asyncio
import concurrent.futures
import copy
import socket
import time

import pytest
import requests

from application import Application
from balancer import Balancer
from sdk import Raw
from stack import CONFIGURATION, KEY, OPEN, Stack, wait_until

MANY = 60         # at once, at a balancer that takes a third of them in a second
SOURCE_RATE = 40  # of the cell, connections/s of one address
OPTIONS = ("--proxy-from=127.0.0.0/8", f"--source-rate={SOURCE_RATE}")


@pytest.fixture(scope="module")
def cell():
    s = Stack(gateways=2, workers=1)
    try:
        s.start_without_cell()
        s.start_cell(*OPTIONS)
        s.wait_ready()
        yield s
    finally:
        s.stop()


@pytest.fixture(scope="module")
def balancer(cell):
    b = Balancer(cell.home, cell.slot_base + 20, f"127.0.0.1:{cell.port}").start()
    yield b
    b.stop()


def url(balancer):
    return f"ws://127.0.0.1:{balancer.port}/connection/websocket"


def gateways(cell, field):
    return [p[field] for p in cell.status()["processes"] if p["role"] == "gateway"]


def ask_health(port, source="127.0.0.1"):
    with socket.create_connection(("127.0.0.1", port), 20, (source, 0)) as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return s.recv(100)


def ask_at_once(port, sources):
    """-> everybody was answered 200"""
    with concurrent.futures.ThreadPoolExecutor(len(sources)) as pool:
        return all(answer.startswith(b"HTTP/1.1 200") for answer in pool.map(lambda source: ask_health(port, source), sources))


async def test_a_client_gets_its_messages(cell, balancer, channel):
    raw = await Raw.open(url(balancer))
    await raw.connect()
    assert "subscribe" in await raw.ask({"id": 2, "subscribe": {"channel": channel}})
    answer = requests.post(f"http://127.0.0.1:{balancer.port}/api/publish", json={"channel": channel, "data": {"n": 1}},
                           headers={"X-API-Key": KEY}, timeout=10)
    assert answer.json()["result"]["offset"] == 1
    assert (await raw.receive())["push"]["pub"]["data"] == {"n": 1}
    await raw.close()


async def test_the_application_is_told_the_clients_own_address(cell, balancer):
    application = Application().start()
    application.answers["connect"] = lambda question: {"result": {"user": "ann"}}
    configuration = copy.deepcopy(CONFIGURATION)
    configuration["tenants"].append({"name": "shop", "cells": ["a"], "options": application.options("connect"),
                                     "namespaces": [{"name": "", "options": OPEN}]})
    try:
        await asyncio.to_thread(cell.settle, configuration)
        raw = await Raw.open(url(balancer).replace("/connection", "/t/shop/connection"), local_addr=("127.9.0.7", 0))
        assert "connect" in await raw.connect()
        (_, _, headers), = application.asked
        assert headers["x-forwarded-for"] == "127.9.0.7"
        await raw.close()
    finally:
        cell.settle(CONFIGURATION)
        application.stop()


def test_clients_are_told_apart_by_their_own_address(cell, balancer):
    held = lambda: cell.metric("supervisor_source_held_total")
    before, half = held(), SOURCE_RATE * 3 // 4
    assert ask_at_once(balancer.port, ["127.9.0.1"] * half + ["127.9.0.2"] * half)
    assert held() == before, "each is below its rate, only the balancer's address would not be"
    assert ask_at_once(balancer.port, ["127.9.0.3"] * SOURCE_RATE * 2)
    assert held() > before
    assert cell.metric("supervisor_proxy_refused_total") == 0


async def test_gateways_are_scaled_without_the_balancer_being_told(cell, balancer):
    process, before = balancer.process.pid, balancer.ask("show info")
    answer = requests.post(f"http://127.0.0.1:{cell.admin_port}/scale?gateways=3", timeout=10)
    assert answer.status_code == 200, answer.text
    await asyncio.to_thread(wait_until, lambda: gateways(cell, "state") == ["up"] * 3, 30, "three are up")
    raws = [await Raw.open(url(balancer)) for _ in range(30)]
    for raw in raws:
        await raw.connect()
    await asyncio.to_thread(wait_until, lambda: min(gateways(cell, "connections")) >= 5, 10, "each has its share")
    assert balancer.process.poll() is None and balancer.process.pid == process
    assert [line for line in before.splitlines() if line.startswith("Start_time")] == \
           [line for line in balancer.ask("show info").splitlines() if line.startswith("Start_time")]
    for raw in raws:
        await raw.close()


def test_a_cell_that_is_gone_gets_nobody_and_is_there_again_by_itself(cell, balancer):
    cell.end("cell")
    wait_until(lambda: not balancer.is_up("a"), 20, "the balancer has seen it")
    assert requests.get(f"http://127.0.0.1:{balancer.port}/health", timeout=10).status_code == 503
    cell.start_cell(*OPTIONS)
    cell.wait_ready()
    wait_until(lambda: balancer.is_up("a"), 20, "the balancer sees it again")
    assert requests.get(f"http://127.0.0.1:{balancer.port}/health", timeout=10).status_code == 200


def test_a_cell_is_added_drained_and_removed_while_it_runs(cell, balancer):
    added = balancer.cells("add", "cell-2", f"127.0.0.1:{cell.port}")
    assert added.returncode == 0, added.stderr
    wait_until(lambda: balancer.is_up("cell-2"), 20, "it is healthy")
    drained = balancer.cells("drain", "cell-2")
    assert drained.returncode == 0, drained.stderr
    for _ in range(10):
        requests.get(f"http://127.0.0.1:{balancer.port}/health", timeout=10)
    assert balancer.statistics()["cell-2"]["stot"] == "0"
    removed = balancer.cells("remove", "cell-2")
    assert removed.returncode == 0, removed.stderr
    assert "cell-2" not in balancer.statistics() and "cell-2" not in balancer.cells("show").stdout
    wrong = balancer.cells("drain", "cell-3")
    assert wrong.returncode == 1 and "cell-3" in wrong.stderr


def test_above_the_rate_clients_wait_and_are_not_refused(cell):
    slow = Balancer(cell.home, cell.slot_base + 21, f"127.0.0.1:{cell.port}", connection_rate=MANY // 3).start()
    try:
        started = time.monotonic()
        assert ask_at_once(slow.port, ["127.0.0.1"] * MANY)
        assert time.monotonic() - started > 1
    finally:
        slow.stop()
