"""A process that is wedged and not dead is noticed: no canary arrives, `/ready` says so and where, and a child is replaced."""

import asyncio
import os
import re
import signal

import pytest
import requests

from stack import wait_until

PATIENCE = 5  # --canary-patience and --silence
SLACK = 3  # a canary each second, a supervisor that looks each second, a machine with other work


def ready(stack):
    return requests.get(f"http://127.0.0.1:{stack.admin_port}/ready", timeout=5)


def stuck(stack):
    """{hop: canaries that miss}, of the metrics"""
    return {hop: float(n) for hop, n in re.findall(r"^cellcast_supervisor_stuck_(\w+)\{[^}]*\} (\d+)", stack.metrics(), re.M) if float(n)}


async def notice(stack, name):
    """Stops the process. -> its pid, what /ready said first, the hops of the metrics"""
    await asyncio.to_thread(stack.wait_ready)
    await asyncio.sleep(1.5)  # a canary of each worker is on its way
    pid = stack.pid(name)
    os.kill(pid, signal.SIGSTOP)

    def unready():
        answer = ready(stack)
        return answer.text if answer.status_code == 503 else None  # a Response of 503 is false itself

    try:
        why = await asyncio.to_thread(wait_until, unready, PATIENCE + SLACK, f"/ready notices that {name} is stopped")
        return pid, why, stuck(stack)
    except BaseException:
        os.kill(pid, signal.SIGCONT)
        raise


@pytest.mark.parametrize("name, hop", [("gateway-2", "gateway"), ("worker-1", "worker")])
async def test_a_wedged_child_is_seen_and_replaced(stack, name, hop):
    pid, why, hops = await notice(stack, name)
    assert f'"hop":"{hop}"' in why and name in why, why
    assert set(hops) <= {hop}, hops
    await asyncio.to_thread(stack.wait_back, name, pid, PATIENCE + SLACK)
    await asyncio.to_thread(stack.wait_ready, 15)
    assert "child_silent" in (stack.log / "cell.log").read_text()
    assert not os.path.exists(f"/proc/{pid}")
    assert stuck(stack) == {}


@pytest.mark.parametrize("name, hop", [("relay", "relay"), ("sequencer", "commit")])
async def test_a_wedged_process_beside_the_cell_is_seen_and_blamed(stack, name, hop):
    children = {p["name"]: p["pid"] for p in stack.status()["processes"]}
    pid, why, hops = await notice(stack, name)
    try:
        # relay_progress is written once a second, and PostgreSQL asked as often: the first reason may be a younger canary's
        await asyncio.to_thread(wait_until, lambda: set(stuck(stack)) == {hop} and f'"hop":"{hop}"' in ready(stack).text, SLACK,
                                f"{hop} is blamed, not {hops} {why}")
    finally:
        os.kill(pid, signal.SIGCONT)
    await asyncio.to_thread(stack.wait_ready, 15)
    assert stuck(stack) == {}
    assert {p["name"]: p["pid"] for p in stack.status()["processes"]} == children, "the cell's processes are not to blame"
