"""A process that is wedged and not dead is noticed: no canary arrives, `/ready` says so and where, and a child is replaced."""

import asyncio
import os
import re
import signal

import pytest
import requests

from stack import BUILD, wait_until

PATIENCE = 5  # --canary-patience and --silence
SLACK = 3  # a canary each second, a supervisor that looks each second, a machine with other work


def ready(stack):
    return requests.get(f"http://127.0.0.1:{stack.admin_port}/ready", timeout=5)


def stuck(stack):
    """{hop: canaries that miss}, of the metrics"""
    return {hop: float(n) for hop, n in re.findall(r"^cellcast_supervisor_stuck_(\w+)\{[^}]*\} (\d+)", stack.metrics(), re.M) if float(n)}


async def stopped_and_noticed(stack, name):
    """Stops the process and waits until /ready is false. -> its pid, what /ready says"""
    await asyncio.to_thread(stack.wait_ready)
    await asyncio.sleep(1.5)  # a canary of each worker is on its way
    pid = stack.pid(name)
    os.kill(pid, signal.SIGSTOP)

    def unready():
        answer = ready(stack)
        return answer.text if answer.status_code == 503 else None  # a Response of 503 is false itself

    try:
        return pid, await asyncio.to_thread(wait_until, unready, PATIENCE + SLACK, f"/ready notices that {name} is stopped")
    except BaseException:
        os.kill(pid, signal.SIGCONT)
        raise


@pytest.mark.parametrize("name", ["gateway-2", "worker-1"])
async def test_a_wedged_child_is_replaced(stack, name):
    """Often before a canary is missed for so long that /ready turns: the next test looks at that."""
    await asyncio.to_thread(stack.wait_ready)
    pid = stack.pid(name)
    os.kill(pid, signal.SIGSTOP)
    await asyncio.to_thread(stack.wait_back, name, pid, PATIENCE + SLACK)
    assert f"event=child_silent child={name} pid={pid}" in (stack.log / "cell.log").read_text()
    assert not os.path.exists(f"/proc/{pid}")
    await asyncio.sleep(1)
    await asyncio.to_thread(stack.wait_ready, 15)


async def test_a_wedged_child_that_is_not_replaced_is_blamed(stack):
    await asyncio.to_thread(stack.end, "cell", seconds=30)
    stack.start_cell("--silence=60s")
    try:
        for name, hop in (("gateway-2", "gateway"), ("worker-1", "worker")):
            pid, _ = await stopped_and_noticed(stack, name)
            # Not at once: its last canary reached one gateway some ms after the others.
            await asyncio.to_thread(wait_until, lambda: set(stuck(stack)) == {hop}, SLACK, f"{hop} is counted")
            why = (await asyncio.to_thread(ready, stack)).text
            assert f'"hop":"{hop}"' in why and name in why, why
            os.kill(pid, signal.SIGCONT)
            await asyncio.to_thread(stack.wait_ready, 15)
            assert stuck(stack) == {} and stack.pid(name) == pid
    finally:
        await asyncio.to_thread(stack.end, "cell", seconds=30)
        stack.start_cell()
        await asyncio.to_thread(stack.wait_ready)


async def test_a_child_that_hangs_in_its_start_as_well_is_killed_again_and_holds_up_nobody(stack, tmp_path):
    tmp_path.chmod(0o755)
    hangs = tmp_path / "hangs"
    for folder, name in (("gateway", "cellcast-gateway"), ("fanout-worker", "cellcast-fanout-worker")):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\ncase "$*" in *--port=*) [ ! -e {hangs} ] || exec sleep 1000 ;; esac\nexec {BUILD / folder / name} "$@"\n')
        program.chmod(0o755)
    killed = lambda name: (stack.log / "cell.log").read_text().count(f"event=child_silent child={name} ")
    await asyncio.to_thread(stack.end, "cell", seconds=30)
    stack.start_cell("--silence=2s", f"--bin-dir={tmp_path}")
    try:
        await asyncio.to_thread(stack.wait_ready)
        before, pid = killed("gateway-2"), stack.pid("gateway-2")
        hangs.touch()
        os.kill(pid, signal.SIGSTOP)
        await asyncio.to_thread(wait_until, lambda: killed("gateway-2") >= before + 2, 2 + 3 * 2 + SLACK, "what hangs in its start is killed")
        hangs.unlink()
        await asyncio.to_thread(stack.wait_ready, 20)
    finally:
        await asyncio.to_thread(stack.end, "cell", seconds=30)
        stack.start_cell()
        await asyncio.to_thread(stack.wait_ready)


@pytest.mark.parametrize("name, hop", [("relay", "relay"), ("sequencer", "commit")])
async def test_a_wedged_process_beside_the_cell_is_seen_and_blamed(stack, name, hop):
    children = {p["name"]: p["pid"] for p in stack.status()["processes"]}
    pid, why = await stopped_and_noticed(stack, name)
    try:
        # relay_progress is written once a second, and PostgreSQL asked as often: the first reason may be a younger canary's
        await asyncio.to_thread(wait_until, lambda: set(stuck(stack)) == {hop} and f'"hop":"{hop}"' in ready(stack).text, SLACK,
                                f"{hop} is blamed, not {why}")
    finally:
        os.kill(pid, signal.SIGCONT)
    await asyncio.to_thread(stack.wait_ready, 15)
    assert stuck(stack) == {}
    assert {p["name"]: p["pid"] for p in stack.status()["processes"]} == children, "the cell's processes are not to blame"
