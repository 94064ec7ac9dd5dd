"""Each process with a login of its own at PostgreSQL, which was granted its group role and nothing else; none of them owns anything."""

import asyncio
import copy
import signal

import psycopg
import pytest
import requests

from prometheus import value
from receiver import Receiver
from sdk import Person, Raw, token
from stack import BUILD, CONFIGURATION, KEY, OPEN, Neighbour, Stack, wait_until

LOGINS = """
create role keeper login createrole; grant create on database cellcast to keeper;
create role its_sequencer login replication; create role its_relay login replication;
create role its_cell login; create role its_webhooks login; create role app login
"""
GRANTS = """
grant cellcast_sequencer to its_sequencer; grant cellcast_relay to its_relay; grant cellcast_cell to its_cell;
grant cellcast_webhooks to its_webhooks; grant cellcast_publisher to app
"""
PROCESSES = ("sequencer", "relay", "cell", "webhooks")
COLD = ("--worker-option=tail-records=0", "--worker-option=hot-window=0")


def configuration(hook):
    c = copy.deepcopy(CONFIGURATION)
    c["cells"].append({"name": "b"})
    acme = c["tenants"][1]
    c["tenants"] += [dict(acme, name="both", cells=["a", "b"]),
                     {"name": "hook", "cells": ["a"], "namespaces": [{"name": "", "options": OPEN}],
                      "options": {"allow_anonymous_connect_without_token": True, "webhook_url": hook.url, "webhook_secret": hook.secret,
                                  "webhook_linger": "1s", "publish_rate": 1000}}]
    c["api_keys"] = [{"key": KEY, "tenant": None}]
    return c


@pytest.fixture(scope="module")
def hook():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def cells(hook):
    """-> cell a, with all that is shared, and cell b"""
    a = Stack(gateways=1, workers=1, sequencers=2, ports=80)
    a.secret = a.home / "secret"
    a.secret.write_text("what the cells share with the sequencer\n")
    b = Neighbour(a, gateways=1)
    try:
        a.logins.update({process: f"its_{process}" for process in PROCESSES}, migrate="keeper")
        a.start_postgres()
        with a.sql(autocommit=True) as db:
            db.execute(LOGINS)
        a.start_kafka()
        a.migrate()
        with a.sql(autocommit=True) as db:
            db.execute(GRANTS)
        a.configure(configuration(hook))
        for number in (1, 2):
            a.start_sequencer(number=number)
        a.start_relay()
        a.start_webhooks("--poll=50ms")
        a.start_cell(*COLD)
        b.start(*COLD)
        a.wait_ready()
        yield a, b
    finally:
        b.stop()
        a.stop()


def as_login(stack, name):
    return psycopg.connect(stack.pg.replace("//cellcast@", f"//{name}@", 1), autocommit=True)


async def api(cell, method, **params):
    answer = (await asyncio.to_thread(cell.api, method, params)).json()
    assert "result" in answer, answer
    return answer["result"]


async def person(cell, user, tenant="both"):
    return await Person(cell.ws(1, tenant), token=token("acme-secret", sub=user)).connect()


def test_what_is_granted_exists(cells):
    with cells[0].sql() as db:
        names = {name for names, in db.execute("select names from cellcast.rights()").fetchall() for name in names}
        there = {name for name, in db.execute("select relname::text from pg_class where relnamespace = 'cellcast'::regnamespace "
                                              "union select proname from pg_proc where pronamespace = 'cellcast'::regnamespace").fetchall()}
    assert names <= there, names - there


def test_nobody_owns_anything_or_may_more_than_replicate(cells):
    with cells[0].sql(autocommit=True) as db:
        for process in PROCESSES:
            assert db.execute("select rolsuper, rolcreaterole, rolcreatedb, (select count(*) from pg_class c where c.relowner = r.oid) "
                              "from pg_roles r where rolname = %s", [f"its_{process}"]).fetchone() == (False, False, False, 0)
        connected = db.execute("select distinct usename::text from pg_stat_activity where datname = 'cellcast' and pid <> pg_backend_pid() "
                               "and backend_type in ('client backend', 'walsender')").fetchall()
    assert sorted(user for user, in connected) == sorted(f"its_{process}" for process in PROCESSES)


async def test_messages_go_the_whole_way_from_api_and_sql(cells, channel):
    a, b = cells
    people = [await person(cell, "u") for cell in cells]
    recorders = [await one.subscribe(channel) for one in people]
    first = await api(a, "publish", channel=f"both/{channel}", data=1, idempotency_key="k")
    assert await api(b, "publish", channel=f"both/{channel}", data=1, idempotency_key="k") == first
    with as_login(a, "app") as db:
        db.execute("select cellcast.publish(%s, '2', after => array[%s])", [f"both/{channel}", f"both/{channel}@1"])
    for recorder in recorders:
        await recorder.wait_for(2)
        assert recorder.publications == [1, 2]
    for one in people:
        await one.close()


async def test_history_of_a_cold_channel_comes_from_postgresql(cells, channel):
    a, _ = cells
    for n in range(1, 6):
        await api(a, "publish", channel=channel, data=n)
    await asyncio.to_thread(a.end, "cell")
    a.start_cell(*COLD)
    await asyncio.to_thread(a.wait_ready)
    before = a.metric("worker_queries_total")
    answer = await api(a, "history", channel=channel, limit=10)
    assert [p["data"] for p in answer["publications"]] == [1, 2, 3, 4, 5]
    await asyncio.to_thread(wait_until, lambda: a.metric("worker_queries_total") > before, what="PostgreSQL was asked")
    await api(a, "history_remove", channel=channel)
    assert (await api(a, "history", channel=channel, limit=10))["publications"] == []


async def test_presence_is_that_of_both_cells(cells, channel):
    people = [await person(cell, user) for cell, user in zip(cells, ("ann", "bob"))]
    for one in people:
        await one.subscribe(channel)
    for cell in cells:
        seen = await api(cell, "presence", channel=f"both/{channel}")
        assert sorted(info["user"] for info in seen["presence"].values()) == ["ann", "bob"]
    for one in people:
        await one.close()


def test_a_tenant_moves(cells):
    a, _ = cells

    def states():
        with a.sql() as db:
            return db.execute("select cell, state from cellcast.tenant_cell where tenant = 'acme'").fetchall()

    a.tool(BUILD / "supervisor/cellcastctl", f"--postgres={a.pg}", "tenant", "move", "acme", "--to=b")
    wait_until(lambda: states() == [("b", "live")], 30, "cell a has said that nobody of it is left")


async def test_webhooks_are_told(cells, hook, channel):
    raw = await Raw.open(cells[0].ws(1, "hook"))
    await raw.connect()
    assert "subscribe" in await raw.ask({"id": 2, "subscribe": {"channel": channel}})
    await asyncio.to_thread(hook.wait, ["channel_occupied"], channel=channel)
    await raw.close()
    await asyncio.to_thread(hook.wait, ["channel_occupied", "channel_vacated"], channel=channel)


def test_the_sequencer_tends_the_log(cells):
    with as_login(cells[0], "its_sequencer") as db:
        assert db.execute("select cellcast.add_partition(1)").fetchone() == (True,)
        assert db.execute("select dropped, held from cellcast.drop_partitions('7 days')").fetchone() == (1, 0)
        db.execute("select cellcast.sweep(100) + cellcast.sweep_removed(100)")
        db.execute("select cellcast.outbox_bury(0, 107, '')")
        db.execute("delete from cellcast.outbox where id = 0")


def test_a_sequencer_that_stands_still_is_taken_over_from(cells, channel):
    """Which ends its backend: the login is the same."""
    leads = {1: "sequencer", 2: "sequencer-2"}

    def led(number):
        return value(requests.get(f"http://127.0.0.1:{cells[0].sequencer_ports(number)[1]}/metrics", timeout=5).text, "cellcast_sequencer_shards")

    number = 1 if led(1) else 2
    cells[0].kill(leads[number], signal.SIGSTOP)
    try:
        wait_until(lambda: led(3 - number) == 64, 30, "the other one leads")
        wait_until(lambda: "result" in cells[0].api("publish", {"channel": channel, "data": 1}).json(), 20, "and commits")
    finally:
        cells[0].kill(leads[number], signal.SIGCONT)


def test_postgresql_has_refused_nothing(cells):
    log = next(cells[0].home.glob("postgres/**/server.log")).read_text(errors="replace")
    assert "permission denied" not in log, [line for line in log.splitlines() if "permission denied" in line][:5]


async def test_a_cell_whose_role_may_not_read_is_told_of(cells, channel):
    """By what alarm CellcastReadsRefused goes by; and all is well as soon as it may."""
    a, _ = cells
    await api(a, "publish", channel=channel, data=1)
    with a.sql(autocommit=True) as db:
        db.execute("revoke cellcast_cell from its_cell")
        try:
            before = a.metric("worker_queries_failed_total")
            assert (await asyncio.to_thread(a.api, "history", {"channel": f"never-{channel}", "limit": 1})).json()["error"]["code"] == 100
            await asyncio.to_thread(wait_until, lambda: a.metric("worker_queries_failed_total") >= before + 5, 60, "it is refused again and again")
        finally:
            db.execute("grant cellcast_cell to its_cell")
    assert "query_refused" in (a.log / "cell.log").read_text(errors="replace")
    await asyncio.to_thread(wait_until, lambda: "result" in a.api("history", {"channel": channel, "limit": 1}).json(), what="it may read")
    await asyncio.to_thread(a.wait_ready)
