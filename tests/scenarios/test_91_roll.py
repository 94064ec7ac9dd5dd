"""Processes that are replaced, set aside and scaled away while clients are served: nobody is refused, nobody loses or repeats."""

import asyncio
import json
import subprocess
import threading
import time

import pytest

from sdk import Person, Raw
from stack import BUILD, wait_until

PROGRAMS = {"cellcast-gateway": "gateway", "cellcast-fanout-worker": "fanout-worker"}


class Cell:
    """The stack's cell with programs in a folder of their own, where they can be replaced, and a gateway's options in a file."""

    def __init__(self, stack):
        self.stack, self.folder, self.options = stack, stack.home / "bin", stack.home / "gateway.json"
        self.folder.mkdir()
        self.folder.chmod(0o755)
        for name in PROGRAMS:
            self.put_back(name)
        self.set_options({})

    def put_back(self, name):
        path = self.folder / f"{name}.new"
        path.symlink_to(BUILD / PROGRAMS[name] / name)
        path.rename(self.folder / name)

    def break_program(self, name):
        path = self.folder / f"{name}.new"
        path.write_text("#!/bin/sh\nexit 9\n")
        path.chmod(0o755)
        path.rename(self.folder / name)

    def set_options(self, options):
        self.options.write_text(json.dumps(options))

    def start(self):
        self.stack.start_cell(f"--bin-dir={self.folder}", f"--gateway-option=config={self.options}", "--roll-patience=30s")
        self.stack.wait_ready()

    def ctl(self, *words):
        return subprocess.run([BUILD / "supervisor/cellcastctl", f"--admin=http://127.0.0.1:{self.stack.admin_port}", *words],
                              capture_output=True, text=True, timeout=120)

    def pids(self, role=None):
        return {p["name"]: p["pid"] for p in self.stack.status()["processes"] if p["state"] != "down" and role in (None, p["role"])}

    def gateway(self, number):
        return next(p for p in self.stack.status()["processes"] if p["name"] == f"gateway-{number}")


@pytest.fixture(scope="module")
def cell(stack):
    stack.end("cell", seconds=30)
    cell = Cell(stack)
    cell.start()
    yield cell
    stack.end("cell", seconds=30)
    stack.start_cell()
    stack.wait_ready()


class Stream:
    """Numbers published to a channel, one after the other, over connections of their own to the public port."""

    def __init__(self, stack, channel):
        self.stack, self.channel, self.n, self.refused = stack, channel, 0, []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.wait(0.02):
            try:
                self.stack.publish(self.channel, self.n, idempotency_key=str(self.n))
                self.n += 1
            except Exception as error:  # tried again with its key
                self.refused.append(repr(error))

    def end(self):
        self.ended.set()
        self.thread.join()
        return self.n


async def come_and_go(stack, refused, ended):
    """New clients all the time: each is to get in."""
    while not ended.is_set():
        try:
            raw = await Raw.open(stack.ws(), open_timeout=15)
            assert "connect" in await raw.connect()
            await raw.close()
        except Exception as error:
            refused.append(repr(error))
        await asyncio.sleep(0.03)


async def served_during(stack, channel, act, people=4):
    """act() while people with an SDK listen to a stream of messages, and others come and go. -> what act returned"""
    ended, refused = asyncio.Event(), []
    listeners = [await Person(stack.ws(), min_reconnect_delay=0.05, max_reconnect_delay=0.5).connect() for _ in range(people)]
    heard = [await person.subscribe(channel) for person in listeners]
    stream = Stream(stack, channel)
    comers = asyncio.create_task(come_and_go(stack, refused, ended))
    try:
        result = await asyncio.to_thread(act)
    finally:
        ended.set()
        n = await asyncio.to_thread(stream.end)
        await comers
    for recorder in heard:
        await recorder.wait_for(n, 30)
        assert recorder.publications == list(range(n))
    assert (refused, stream.refused) == ([], [])
    for person in listeners:
        await person.close()
    return result


async def test_a_rolling_restart_refuses_nobody_and_loses_nothing(stack, cell, channel):
    before = cell.pids()
    done = await served_during(stack, channel, lambda: cell.ctl("restart", "--watch"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"{len(before)} of {len(before)} are new"
    after = cell.pids()
    assert after.keys() == before.keys() and not set(after.values()) & set(before.values())


async def test_a_program_that_does_not_start_stops_the_roll_and_everything_goes_on(stack, cell, channel):
    before = cell.pids()

    def act():
        stopped = []
        for program, role in (("cellcast-gateway", "gateways"), ("cellcast-fanout-worker", "workers")):
            cell.break_program(program)
            stopped.append(cell.ctl("restart", role, "--watch"))
            cell.put_back(program)
        return stopped
    gateways, workers = await served_during(stack, channel, act)
    assert (gateways.returncode, workers.returncode) == (1, 1)
    assert "stopped: gateway-1: its new process ended before it was ready (exit 9); 0 of 3 are new, the others as before" in gateways.stderr
    assert "stopped: worker-1: its new process ended before it was ready (exit 9); 0 of 2 are new, the others as before" in workers.stderr
    assert cell.pids() == before and stack.is_ready()
    assert cell.ctl("restart", "gateway-1", "--watch").returncode == 0
    assert cell.pids()["gateway-1"] != before["gateway-1"]


async def test_a_gateway_is_drained_and_taken_back(stack, cell, channel):
    def act():
        drained = cell.ctl("drain", "gateway-2", "--watch")
        assert (drained.returncode, drained.stderr) == (0, "")
        assert "gateway-2 set aside: 0 connections left" in drained.stdout.splitlines()[-1]
        passed = cell.gateway(2)["passed"]
        time.sleep(1)
        assert cell.gateway(2)["passed"] == passed and cell.gateway(2)["ready"]
        assert cell.ctl("undrain", "2").returncode == 0
        wait_until(lambda: cell.gateway(2)["passed"] > passed, 15, "it takes connections again")
        assert "drain" not in cell.gateway(2)
    pid = cell.pids()["gateway-2"]
    await served_during(stack, channel, act, people=9)
    assert cell.pids()["gateway-2"] == pid


async def test_scaling_down_moves_clients_away(stack, cell, channel):
    def act():
        assert cell.ctl("scale", "gateways", "1").returncode == 0
        wait_until(lambda: set(cell.pids("gateway")) == {"gateway-1"}, 40, "two have gone")
        assert cell.ctl("scale", "gateways", "3").returncode == 0
        stack.wait_ready()
    await served_during(stack, channel, act, people=6)


async def test_a_lifetime_from_a_changed_file_comes_with_a_roll_and_ends_nobodys_stream(stack, cell, channel):
    def act():
        cell.set_options({"lifetime": "2s"})
        done = cell.ctl("restart", "gateways", "--watch")
        cell.set_options({})
        assert done.returncode == 0, done.stderr
        wait_until(lambda: ended() >= 8, 40, "lifetimes have ended")

    def ended():
        return sum(int(line.split()[-1]) for line in stack.metrics().splitlines() if line.startswith("cellcast_gateway_lifetimes_total{"))
    await served_during(stack, channel, act)
    assert cell.ctl("restart", "gateways", "--watch").returncode == 0
