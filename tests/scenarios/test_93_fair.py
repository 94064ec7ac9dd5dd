"""Tenants take turns: one that takes much of a gateway's time is led into the slow turn and out of it, and weights come with the
configuration; a gateway that has much to write gives way to other processes. What it does for a quiet tenant is `tests/bench/run
neighbour` and `everyone`."""

import copy
import json
import threading
from pathlib import Path

import pytest

from bench_slow import Client, Readers
from idle import close_all, open_many, subscribe_all
from stack import BUILD, CONFIGURATION, wait_until

LISTENERS, BATCH, EVERY_S = 300, 10, 0.05


@pytest.fixture(scope="module")
def cell(stack):
    """A hundredth of a loop's time is much here, and writing to all listeners takes many slices."""
    stack.end("cell")
    stack.start_cell("--gateway-option=noisy-share=1", "--gateway-option=flush-slice-us=50")
    stack.wait_ready()
    yield stack
    stack.end("cell")
    stack.start_cell()
    stack.wait_ready()


@pytest.fixture
def audience(cell):
    """Listeners on gateway 1 -> their channel"""
    socks, readers = open_many(cell.slot_base + 1, LISTENERS), Readers()
    subscribe_all(socks, "quiet:audience")
    readers.add([Client(sock) for sock in socks])
    readers.start()
    yield "quiet:audience"
    readers.stopping = True
    readers.join()
    close_all(socks)


def of_default(stack, what):
    """What gateway 1, where the listeners are, tells of tenant default."""
    answers = json.loads(stack.tool(BUILD / "supervisor/cellcastctl", f"--admin=127.0.0.1:{stack.admin_port}", "--json", "top", "tenants").stdout)
    rows = [row for answer in answers for row in answer["rows"] if row["name"] == "default"]
    return max(rows, key=lambda row: row["listeners"])[what]


def flood(stack, channel, stopping):
    body = {"commands": [{"publish": {"channel": channel, "data": n}} for n in range(BATCH)]}
    while not stopping.wait(EVERY_S):
        stack.api("batch", body)


def test_a_tenant_that_takes_much_of_the_time_is_slowed_until_it_calms_down(cell, audience):
    stopping = threading.Event()
    thread = threading.Thread(target=flood, args=(cell, audience, stopping))
    thread.start()
    try:
        wait_until(lambda: of_default(cell, "slowed") == 1, 60, "the tenant is slowed", 0.5)
    finally:
        stopping.set()
        thread.join()
    wait_until(lambda: of_default(cell, "slowed") == 0, 60, "the tenant is restored", 0.5)


def test_a_new_weight_is_taken_while_running(cell, audience):
    heavier = copy.deepcopy(CONFIGURATION)
    heavier["tenants"][0]["options"]["weight"] = 300
    assert of_default(cell, "weight") == 100
    cell.configure(heavier)
    try:
        wait_until(lambda: of_default(cell, "weight") == 300, 30, "the weight is taken", 0.5)
    finally:
        cell.configure(CONFIGURATION)
    wait_until(lambda: of_default(cell, "weight") == 100, 30, "the old weight is taken", 0.5)


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel has no autogroups")
def test_a_gateway_that_has_much_to_write_gives_way_until_it_is_written(cell, audience):
    gave_way = lambda: cell.metric("gateway_gave_way_total")
    weight = lambda: Path(f"/proc/{cell.pid('gateway-1')}/autogroup").read_text().split()[-1]
    before = gave_way()
    for n in range(10):
        cell.publish(audience, n)
    wait_until(lambda: gave_way() > before, 10, "it gives way", 0.1)
    wait_until(lambda: weight() == "0", 10, "it takes its place again", 0.1)
