"""Two cells side by side: what befalls one leaves the other alone, tenants move between them while they are served, and one
may be in both."""

import asyncio
import os
import signal
import subprocess
import time

import pytest
import requests

from cells import SECRET, Cells, clients, publish
from prometheus import value
from sdk import Raw, token
from stack import BUILD, wait_until

PARK_AFTER_MS = 5000  # of the relay


@pytest.fixture(scope="module")
def cells():
    cells = Cells(options=["--gateway-option=depart-after=1s"])
    try:
        yield cells.start()
    finally:
        cells.stop()


async def recover(cells, channel, epoch, offset):
    """-> what a client of acme gets that has everything up to offset"""
    raw = await Raw.open(f"ws://127.0.0.1:{cells.balancer.port}/t/acme/connection/websocket")
    await raw.connect(token=token(SECRET, sub="u"))
    reply = await raw.ask({"id": 2, "subscribe": {"channel": channel, "recover": True, "offset": offset, "epoch": epoch}})
    assert reply["subscribe"]["recovered"]
    got = reply["subscribe"].get("publications") or [(await raw.receive(5))["push"]["pub"]]
    await raw.close()
    return [p["data"] for p in got]


async def test_a_tenant_moves_while_it_is_served_and_nobody_loses_or_repeats(cells):
    departures = lambda: value(cells.a.metrics(), "cellcast_gateway_departures_total")
    before = departures()

    def move(name, to):
        moved = cells.ctl("tenant", "move", "acme", f"--to={name}", "--watch")
        assert moved.returncode == 0, moved.stderr
        assert moved.stdout.splitlines()[-1] == f"acme: {name} live"
        assert cells.states("acme") == {name: "live"}
        wait_until(lambda: cells.balancer.tenants()["acme"] == {name}, 20, "the balancer knows")
        wait_until(lambda: clients(to, "acme") == 6, 20, f"everybody is in {name}")

    def there_and_back():
        assert publish(cells.a, "acme/quiet", 1) == 1
        move("b", cells.b)
        assert publish(cells.a, "acme/quiet", 2) == 2
        move("a", cells.a)

    assert await cells.violations_during(there_and_back, "acme", people=6) == []
    wait_until(lambda: departures() >= before + 6, 10, "the gateways' metrics are there")
    # What the first cell kept of a channel ends where the tenant left.
    epoch = str(cells.a.api("history", {"channel": "acme/quiet"}, gateway=1).json()["result"]["epoch"])
    assert await recover(cells, "quiet", epoch, 1) == [2]


def test_a_move_to_a_dead_cell_is_said_and_changes_nothing(cells):
    moved = cells.ctl("tenant", "move", "acme", "--to=dead", "--patience=2s")
    assert moved.returncode == 1
    assert "dead, whose supervisor has never been heard of" in moved.stderr and "acme stays in a" in moved.stderr
    assert cells.states("acme") == {"a": "live"}
    for words, why in ((("nobody", "--to=b"), "no tenant nobody"), (("acme", "--to=c"), "no cell c")):
        refused = cells.ctl("tenant", "move", *words)
        assert refused.returncode == 1 and why in refused.stderr
    assert cells.ctl("tenant", "cancel", "acme").returncode == 1
    assert cells.states("acme") == {"a": "live"}


async def test_a_wrong_cell_says_so_with_a_code_that_reconnects(cells):
    raw = await Raw.open(f"ws://127.0.0.1:{cells.b.slot_base + 1}/t/acme/connection/websocket")
    await raw.send({"id": 1, "connect": {"token": token(SECRET, sub="u")}})
    assert await raw.closed() == (4010, "moved")


async def test_a_tenant_in_two_cells_gets_everything_in_both(cells):
    def wait_for_both():
        wait_until(lambda: clients(cells.a, "both") > 0 and clients(cells.b, "both") > 0, 20, "some are in each")
        time.sleep(1)

    assert await cells.violations_during(wait_for_both, "both", people=20, channels=1) == []  # so many that not all take the same turn


@pytest.mark.parametrize("secret, why", [("another one, of whom nobody knows\n", "wrong secret"), (None, "it brings no secret")], ids=["wrong", "none"])
def test_who_does_not_know_the_secret_does_not_get_to_the_sequencer(cells, tmp_path, secret, why):
    flag = []
    if secret:
        (tmp_path / "secret").write_text(secret)
        flag = [f"--secret-file={tmp_path / 'secret'}"]
    metrics = lambda: requests.get(f"http://127.0.0.1:{cells.a.sequencer_admin}/metrics", timeout=5).text
    refused = lambda: value(metrics(), "cellcast_sequencer_secrets_refused_total")
    before = refused()
    log = open(tmp_path / "gateway.log", "wb")
    stranger = subprocess.Popen([BUILD / "gateway/cellcast-gateway", "--port=0", f"--sequencer=127.0.0.1:{cells.a.sequencer_port}", *flag],
                                stdout=log, stderr=log)
    try:
        wait_until(lambda: refused() >= before + 2, 20, "it was refused, and tried again")
        assert why in (tmp_path / "gateway.log").read_text() and "sequencer_linked" not in (tmp_path / "gateway.log").read_text()
        wait_until(lambda: why in (cells.a.log / "sequencer.log").read_text(), 20, "the sequencer says why, once a second at the most")
    finally:
        stranger.terminate()
        stranger.wait(20)
        log.close()


async def latencies(cells, channel, seconds):
    """Sorted, in ms: of messages to the tenant `stays`, by way of b."""
    one = await cells.person("stays")
    heard = await one.subscribe(channel)
    sent, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        sent.append(time.time_ns())
        await asyncio.to_thread(publish, cells.b, f"stays/{channel}", len(sent))
        await asyncio.sleep(0.02)
    await heard.wait_for(len(sent))
    await one.close()
    assert heard.publications == list(range(1, len(sent) + 1))
    return sorted((arrived - begun) / 1e6 for arrived, begun in zip(heard.arrived_ns, sent))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "cut-off"])
async def test_what_befalls_a_cell_leaves_the_other_one_alone(cells, channel, how):
    """Cut off: its processes are stopped, so that they say and read nothing."""
    pids = [cells.a.pid("cell"), *(p["pid"] for p in cells.a.status()["processes"])]
    for pid in pids if how == signal.SIGSTOP else pids[:1]:
        os.kill(pid, how)
    try:
        during = await latencies(cells, channel, 3)
    finally:
        if how == signal.SIGSTOP:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
    assert cells.b.is_ready()
    assert during[len(during) // 2] < PARK_AFTER_MS / 2, during  # a relay that waited for the other one's topic
    cells.a.wait_ready()
