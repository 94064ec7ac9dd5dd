"""The cell as its operator sees it: who gets a connection, what is counted, how it ends."""

import asyncio
import copy
import json
import re
import shutil
import subprocess

import pytest
import requests

from sdk import Person, Raw
from stack import BUILD, CONFIGURATION, REPO, wait_until


async def test_connections_are_spread_over_the_gateways(stack):
    raws = [await Raw.open(stack.ws()) for _ in range(30)]
    for raw in raws:
        await raw.connect()

    def spread():
        counts = [p["connections"] for p in stack.status()["processes"] if p["role"] == "gateway"]
        return len(counts) == stack.gateways and min(counts) >= 8
    await asyncio.to_thread(wait_until, spread, 5, "each gateway has its share")
    for raw in raws:
        await raw.close()


@pytest.fixture
def sender(stack):
    """-> the admin port of a sender of webhooks"""
    stack.start_webhooks()
    wait_until(lambda: requests.get(f"http://127.0.0.1:{stack.webhooks_admin}/ready", timeout=5).status_code == 200, 20, "the sender is ready")
    yield stack.webhooks_admin
    stack.end("webhooks")


def test_metrics_are_well_formed_and_tell_the_path(stack, sender):
    wait_until(lambda: all(f'cellcast_{role}' in stack.metrics() for role in ("gateway_connections{", "worker_partitions{")), 10, "children report")
    pages = {"cell": stack.metrics()}
    for name, port in (("sequencer", stack.sequencer_admin), ("relay", stack.relay_admin), ("webhooks", sender)):
        pages[name] = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    promtool = shutil.which("promtool")
    assert promtool, "promtool is in Debian's package prometheus"
    for name, page in pages.items():
        done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
    for part in ('cellcast_gateway_connections{', 'process="gateway-1"', 'process="worker-2"', 'cell="a"', "cellcast_supervisor_"):
        assert part in pages["cell"], part
    assert "cellcast_sequencer_" in pages["sequencer"] and "cellcast_relay_" in pages["relay"]
    alarms = re.sub(r"#.*|annotations:.*", "", (REPO / "deploy/prometheus/alerts.yml").read_text())
    missing = [name for name in set(re.findall(r"cellcast_\w+", alarms)) if not any(re.search(rf"^{name}[{{ ]", page, re.M) for page in pages.values())]
    assert not missing, "alarms go by what is not there"


def test_health_and_ready_answer_everywhere(stack):
    for port in (stack.admin_port, stack.sequencer_admin, stack.relay_admin):
        assert requests.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200
        assert requests.get(f"http://127.0.0.1:{port}/ready", timeout=5).status_code == 200
    for gateway in range(1, stack.gateways + 1):
        assert requests.get(stack.http("/health", gateway), timeout=5).json() == {}
        assert requests.get(stack.http("/ready", gateway), timeout=5).status_code == 200
    assert requests.get(stack.http("/nothing"), timeout=5).status_code == 404


def test_a_migration_that_was_applied_is_not_applied_again(stack):
    done = subprocess.run([str(BUILD / "sequencer/cellcast-sequencer"), "--migrate", f"--postgres={stack.pg}"], capture_output=True, text=True)
    assert done.returncode == 0


async def test_the_configuration_is_live(stack, channel):
    from stack import CONFIGURATION, OPEN
    import copy

    raw = await Raw.open(stack.ws())
    await raw.connect()
    assert (await raw.ask({"id": 2, "subscribe": {"channel": "fresh:x"}}))["error"]["code"] == 102
    changed = copy.deepcopy(CONFIGURATION)
    changed["tenants"][0]["namespaces"].append({"name": "fresh", "options": OPEN})
    stack.configure(changed)
    for id in range(3, 100):
        reply = await raw.ask({"id": id, "subscribe": {"channel": "fresh:x"}})
        if "subscribe" in reply:
            break
        await asyncio.sleep(0.1)
    assert "subscribe" in reply
    stack.configure(CONFIGURATION)
    await raw.close()


def test_a_configuration_that_gateways_refuse_is_not_applied(stack):
    from stack import CONFIGURATION
    import copy

    for options, name, why in (({}, "x", "2 to 64 of a-z, A-Z, 0-9, - and _"), ({}, "a.b", "2 to 64"), ({"join_leave_linger": "2h"}, "ns", "at most 1h"),
                               ({"presence_limit": 2**31}, "ns", "from 0 to 2147483647")):
        changed = copy.deepcopy(CONFIGURATION)
        changed["tenants"][0]["namespaces"].append({"name": name, "options": options})
        with pytest.raises(RuntimeError, match=f"tenants.0..namespaces.{len(changed['tenants'][0]['namespaces']) - 1}.*{why}"):
            stack.configure(changed)


def proved(stack):
    return int(re.search(r"^cellcast_supervisor_config_proved{.*} (\d+)", stack.metrics(), re.M).group(1))


async def test_one_that_is_written_past_it_makes_the_cell_not_ready_until_it_is_gone_by(stack, channel):
    def why():
        return requests.get(f"http://127.0.0.1:{stack.admin_port}/ready", timeout=5).json()["why"]

    with stack.sql(autocommit=True) as db:
        def version():
            return db.execute("select cellcast.config_version()").fetchone()[0]
        before = version()
        await asyncio.to_thread(wait_until, lambda: proved(stack) == before, 30, "it is proved")
        db.execute("insert into cellcast.namespace (tenant, name) values ('default', 'x')")
        bad = version()
        refusal = f'refuses configuration {bad} and goes on by {before}: namespace "x": a name is empty, or two to 64'
        await asyncio.to_thread(wait_until, lambda: sum(w["hop"] == "config" and refusal in w["text"] for w in why()) == stack.gateways, 10, "/ready says so")
        shown = stack.tool(BUILD / "supervisor/cellcastctl", f"--admin=127.0.0.1:{stack.admin_port}", "status").stdout
        assert "not ready" in shown and len(re.findall(rf"^gateway-\d .*refuses configuration {bad}", shown, re.M)) == stack.gateways, shown
        await asyncio.sleep(3)
        assert proved(stack) == before and "cellcast_supervisor_ready{cell=\"a\",process=\"supervisor\"} 0" in stack.metrics()
        raw = await Raw.open(stack.ws())  # who is there goes on
        await raw.connect()
        await raw.close()
        db.execute("delete from cellcast.namespace where tenant = 'default' and name = 'x'")
        good = version()
        await asyncio.to_thread(wait_until, lambda: not why() and proved(stack) == good, 30, "it is proved")


def test_a_configuration_that_could_not_be_saved_is_saved_as_soon_as_it_can(stack):
    kept, in_the_way = stack.run / "config.json", stack.run / "config.json.new"
    in_the_way.mkdir()
    try:
        changed = copy.deepcopy(CONFIGURATION)
        changed["api_keys"].append({"key": "for-a-while", "tenant": "default"})
        stack.configure(changed)
        version = lambda: stack.status()["config"]["version"]
        wait_until(lambda: version() > json.loads(kept.read_text())["version"] and "event=config_copy" in (stack.log / "cell.log").read_text(), 10,
                   "it is taken, and not saved")
    finally:
        in_the_way.rmdir()
    wait_until(lambda: json.loads(kept.read_text())["version"] == version(), 5, "it is saved")
    stack.configure(CONFIGURATION)


def test_a_problem_with_the_configuration_is_told_until_it_is_over(stack):
    problem = lambda: stack.status()["config"]["problem"]
    with stack.sql() as db:
        db.execute("alter function cellcast.config_version() rename to config_version_away")
        db.commit()
        try:
            wait_until(lambda: "not migrated" in problem(), 10, "it is told")
        finally:
            db.execute("alter function cellcast.config_version_away() rename to config_version")
            db.commit()
    wait_until(lambda: problem() == "", 10, "it is over")


async def test_an_idle_relay_holds_no_wal_back(stack):
    with stack.sql(autocommit=True) as db:
        db.execute("create table if not exists noise (t text)")
        db.execute("insert into noise select repeat('x', 100) from generate_series(1, 50000)")
        target = db.execute("select pg_current_wal_lsn()::text").fetchone()[0]
        await asyncio.to_thread(wait_until, lambda: db.execute("select confirmed_flush_lsn >= %s::pg_lsn from pg_replication_slots "
                                      "where slot_name = %s", (target, stack.relay_slot())).fetchone()[0], 30, "the slot has moved on")


async def test_sigterm_drains_and_clients_come_back(stack, channel):
    person = await Person(stack.ws(), min_reconnect_delay=0.05, max_reconnect_delay=0.5).connect()
    recorder = await person.subscribe(channel)
    stack.publish(channel, 1)
    await recorder.wait_for(1)
    assert await asyncio.to_thread(stack.end, "cell", seconds=30) == 0
    with stack.sql() as db:
        db.execute("select cellcast.publish(%s, '2')", (channel,))
    stack.start_cell()
    await asyncio.to_thread(stack.wait_ready)
    stack.publish(channel, 3)
    await recorder.wait_for(3, 30)
    assert recorder.publications == [1, 2, 3]
    await person.close()
