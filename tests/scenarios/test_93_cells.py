"""Two cells side by side: tenants move between them while they are served, and one
may be in both."""

import subprocess
import time

import pytest
import requests

from cells import SECRET, Cells, clients, publish
from prometheus import value
from sdk import Raw, token
from stack import BUILD, wait_until


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
    departures = lambda: cells.a.metric("gateway_departures_total")
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


def test_a_move_that_somebody_else_takes_back_is_no_success(cells):
    move = subprocess.Popen([BUILD / "supervisor/cellcastctl", f"--postgres={cells.a.pg}", "tenant", "move", "acme", "--to=dead"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: cells.states("acme") == {"a": "live", "dead": "joining"}, 10, "it has begun")
    assert cells.ctl("tenant", "cancel", "acme").returncode == 0
    _, said = move.communicate(timeout=20)
    assert move.returncode == 1 and "acme is not live in dead" in said
    assert cells.states("acme") == {"a": "live"}


def test_a_tenant_is_spread_over_cells_that_its_name_chooses(cells):
    def spread(*flags):
        done = cells.ctl("tenant", "spread", "acme", *flags, "--watch")
        assert done.returncode == 0, done.stderr
        return cells.states("acme")

    one = spread("--cells=1", "--to=a,b")
    assert list(one.values()) == ["live"]
    assert spread("--cells=1", "--to=b,a") == one
    assert spread("--cells=2", "--to=a,b") == {"a": "live", "b": "live"}
    refused = cells.ctl("tenant", "spread", "acme", "--cells=4")
    assert refused.returncode == 1 and "--cells=4: there are 3 to choose from" in refused.stderr
    assert cells.ctl("tenant", "move", "acme", "--to=a", "--watch").returncode == 0


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
