"""Two installations on one PostgreSQL server, each in a database of its own: replication slots are the server's, and neither relay takes
the other one's. A slot of before their names held the database goes on to be used. Two supervisors of one cell notice each other."""

import copy

import pytest
import requests

from sdk import Person
from stack import BUILD, CONFIGURATION, Neighbour, Stack, wait_until


class Installation(Neighbour):
    """In another database of the stack's server: only server and brokers are shared."""

    def __init__(self, stack, cell="b"):
        super().__init__(stack, cell, gateways=1)
        (self.sequencer_port, self.sequencer_admin, self.relay_admin) = range(self.slot_base + 10, self.slot_base + 13)
        with stack.sql(autocommit=True) as db:
            db.execute("create database another")
        self.pg = stack.pg.rsplit("/", 1)[0] + "/another"

    def start(self):
        self.migrate()
        configuration = copy.deepcopy(CONFIGURATION)
        configuration["cells"] = [{"name": self.cell}]
        for tenant in configuration["tenants"]:
            tenant["cells"] = [self.cell]
        self.configure(configuration)
        self.start_sequencer()
        self.start_relay()
        return super().start()

    def stop(self):
        for name in ("cell", "relay", "sequencer"):
            if name in self.kept:
                self.end(name)


@pytest.fixture(scope="module")
def both():
    first = Stack(gateways=1, workers=1, ports=80)
    second = None
    try:
        first.start()
        second = Installation(first)
        second.start()
        yield first, second
    finally:
        if second:
            second.stop()
        first.stop()


def source(one):
    return requests.get(f"http://127.0.0.1:{one.relay_admin}/ready", timeout=5).json()["source"]


def streams(one):
    wait_until(lambda: source(one) == "streaming", 20, f"the relay of {one.pg} streams")


def slots(one):
    """-> {name: whether it is read}, of all databases"""
    with one.sql() as db:
        return dict(db.execute("select slot_name, active from pg_replication_slots where not temporary").fetchall())


def own_name(one):
    with one.sql() as db:
        return db.execute("select 'cellcast_relay_' || oid from pg_database where datname = current_database()").fetchone()[0]


async def delivers(one, channel, values=("api", "sql")):
    person = await Person(one.ws()).connect()
    recorder = await person.subscribe(channel)
    one.publish(channel, values[0])
    with one.sql() as db:
        db.execute("select cellcast.publish(%s, to_json(%s::text))", (channel, values[1]))
    await recorder.wait_for(2)
    await person.close()
    assert sorted(recorder.publications) == sorted(values)


async def test_both_deliver_by_streams_of_their_own(both, channel):
    for n, one in enumerate(both):
        streams(one)
        await delivers(one, channel, (f"api {n}", f"sql {n}"))
    assert slots(both[0]) == {own_name(one): True for one in both}


async def test_a_slot_of_the_old_name_goes_on_where_it_was_and_is_nobody_elses(both, channel):
    first, second = both
    first.end("relay")
    with first.sql(autocommit=True) as db:
        db.execute("select pg_drop_replication_slot(%s)", [own_name(first)])
        db.execute("select pg_create_logical_replication_slot('cellcast_relay', 'pgoutput')")
    first.start_relay()
    second.end("relay")
    second.start_relay()
    for one in both:
        streams(one)
        await delivers(one, channel)
        page = requests.get(f"http://127.0.0.1:{one.relay_admin}/metrics", timeout=5).text
        assert "\ncellcast_relay_slots_made_total{" in page and all(
            line.endswith(" 0") for line in page.splitlines() if line.startswith("cellcast_relay_slots_made_total{"))
    assert slots(first) == {"cellcast_relay": True, own_name(second): True}


async def test_a_standby_waits_for_the_slot_of_its_own_database(both, channel):
    first, second = both
    port = first.slot_base + 29
    first.keep("relay-2", BUILD / "sequencer/relay/cellcast-relay", f"--postgres={first.pg}", f"--kafka={first.kafka}", f"--admin=127.0.0.1:{port}")
    try:
        wait_until(lambda: requests.get(f"http://127.0.0.1:{port}/ready", timeout=5).json()["source"] == "standby", what="it stands by")
        first.end("relay")
        wait_until(lambda: requests.get(f"http://127.0.0.1:{port}/ready", timeout=5).json()["source"] == "streaming", what="it has taken over")
        assert slots(first) == {"cellcast_relay": True, own_name(second): True}
    finally:
        first.end("relay-2")
        first.start_relay()
    await delivers(first, channel)


async def test_a_slot_that_nobody_reads_does_not_stay(both, channel):
    """As after a release that named it otherwise has run in between."""
    first, second = both
    streams(first)
    with first.sql(autocommit=True) as db:
        db.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", [own_name(first)])
        db.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'cellcast_relay'")
    wait_until(lambda: slots(first) == {"cellcast_relay": True, own_name(second): True}, 20, "it is gone, the other database's is not")
    await delivers(first, channel)


def test_a_cell_that_another_supervisor_runs_too_says_so(both):
    """As another installation does that has the same topic."""
    first, _ = both
    port = first.slot_base + 60
    assert not first.said("cell", "event=cell_twice")
    first.keep("twin", BUILD / "supervisor/cellcast-supervisor", f"--cell={first.cell}", "--gateways=1", "--workers=1", f"--listen=127.0.0.1:{port}",
               f"--admin=127.0.0.1:{port + 1}", f"--slot-port-base={port + 2}", f"--run-dir={first.home / 'twin'}", f"--postgres={first.pg}",
               f"--kafka={first.kafka}", f"--sequencer={first.sequencer_addresses()}")
    try:
        for name in ("cell", "twin"):
            wait_until(lambda name=name: first.said(name, "event=cell_twice"), 40, f"{name} says so")
        wait_until(lambda: first.metric("supervisor_strange_canaries_total") > 3, 20, "it goes on saying so")
    finally:
        first.end("twin")
