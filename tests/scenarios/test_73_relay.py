"""The relay and the log behind it: a cell's topic gone, the slot lost, Kafka away or without its disk, one record lost,
PostgreSQL promoted, the epoch raised. CELLCAST_LONG=1: the long variants (ten minutes without Kafka)."""

import asyncio
import copy
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import psycopg
import pytest
import requests

from kafka_help import Topics
from sdk import Person
from stack import BUILD, CONFIGURATION, REPO, Stack, wait_until

LONG = bool(os.environ.get("CELLCAST_LONG"))
pytestmark = pytest.mark.timeout(900 if LONG else 120)
QUICK = {"min_reconnect_delay": 0.05, "max_reconnect_delay": 0.5}


class RelayStack(Stack):
    """One gateway, one worker, and a relay that sets a topic aside after a second."""

    def __init__(self):
        super().__init__(gateways=1, workers=1)

    def start_relay(self, *more):
        super().start_relay("--park-after=1s", *more)

    def relay(self, name, cell=None):
        """A metric of the relay."""
        text = requests.get(f"http://127.0.0.1:{self.relay_admin}/metrics", timeout=5).text
        for line in text.splitlines():
            if re.match(rf"cellcast_{name}\{{", line) and (cell is None or f'cell="{cell}"' in line):
                return float(line.rsplit(" ", 1)[1])
        raise KeyError(name)

    def source(self):
        return requests.get(f"http://127.0.0.1:{self.relay_admin}/ready", timeout=5).json()["source"]

    def wait_source(self, *states, seconds=20):
        return wait_until(lambda: self.source() in states, seconds, f"the relay is {states}", every=0.01)


@pytest.fixture(scope="module")
def stack():
    s = RelayStack()
    try:
        s.start()
        yield s
    finally:
        s.stop()


class Flow:
    """Publishes by SQL at a rate, from a thread; what was committed is in `sent`."""

    def __init__(self, stack, channels, rate=100):
        self.stack, self.channels, self.rate = stack, channels, rate
        self.sent, self.stopping = 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with self.stack.sql(autocommit=True) as db:
            while not self.stopping.is_set():
                db.execute("select cellcast.publish(%s, to_json(%s::bigint))", (self.channels[self.sent % len(self.channels)], time.time_ns()))
                self.sent += 1
                time.sleep(1 / self.rate)

    def finish(self):
        self.stopping.set()
        self.thread.join()
        return self.sent


def latencies_ms(recorder, first=0):
    return sorted((at - int(data)) / 1e6 for at, data in zip(recorder.arrived_ns[first:], recorder.publications[first:]))


def in_order(recorder, n):
    assert recorder.offsets == list(range(1, n + 1))


# ---- one cell's topic


async def test_a_cell_whose_topic_is_gone_is_parked_and_the_other_is_not_moved(stack, channel):
    two = copy.deepcopy(CONFIGURATION)
    two["cells"].append({"name": "b", "partitions": 4})
    two["tenants"][0]["cells"].append("b")
    stack.configure(two)
    topics, topic = Topics(stack.kafka), "cellcast.b"
    try:
        await asyncio.to_thread(wait_until, lambda: topics.partitions(topic) == 4, 20, "the relay has made b's topic")
        person = await Person(stack.ws(), **QUICK).connect()
        recorder = await person.subscribe(channel)
        flow = Flow(stack, [channel])
        await recorder.wait_for(50)
        await asyncio.to_thread(topics.read, topic, lambda records: sum(r.channel == f"default/{channel}" for r in records) >= 20)
        await asyncio.to_thread(wait_until, lambda: stack.sql().execute("select count(*) from cellcast.relay_progress where cell = 'b'").fetchone()[0] == 64)

        before = len(recorder.publications)
        await asyncio.to_thread(topics.make_wrong, topic)
        await asyncio.to_thread(wait_until, lambda: stack.relay("relay_cells_parked") == 1, 10, "b is parked")
        during = len(recorder.publications)
        assert requests.get(f"http://127.0.0.1:{stack.relay_admin}/ready", timeout=5).status_code == 200
        await asyncio.sleep(1)
        old = stack.pid("relay")  # and what is known of it outlives the process
        await asyncio.sleep(2.5)
        unmoved = latencies_ms(recorder, before)
        stack.kill("relay")
        await asyncio.to_thread(stack.wait_back, "relay", old)
        await asyncio.to_thread(wait_until, lambda: stack.relay("relay_cells_parked") == 1, 10, "b is still parked")

        sent = await asyncio.to_thread(flow.finish)
        await recorder.wait_for(sent)
        in_order(recorder, sent)
        assert unmoved[int(len(unmoved) * 0.99)] < 1000, f"p99 {unmoved[int(len(unmoved) * 0.99)]} ms"
        assert stack.relay("relay_lag_seconds", "b") > 0

        await asyncio.to_thread(topics.delete, topic)
        await asyncio.to_thread(wait_until, lambda: topics.partitions(topic) == 4, 20, "the relay has made it again")
        await asyncio.to_thread(wait_until, lambda: stack.relay("relay_cells_parked") == 0, 20, "b has rejoined")
        stack.publish(channel, 0)
        await recorder.wait_for(sent + 1)

        def mine(records):
            return [r for r in records if r.channel == f"default/{channel}"]

        records = await asyncio.to_thread(topics.read, topic, lambda records: any(r.seq == sent + 1 for r in mine(records)))
        seqs = [r.seq for r in mine(records)]
        assert seqs == sorted(seqs) and len(set(seqs)) == len(seqs)
        assert seqs == list(range(seqs[0], sent + 2)) and seqs[0] <= during
        ids = [r.id for r in mine(records)]
        assert ids == sorted(ids)
        await person.close()
    finally:
        stack.configure(CONFIGURATION)


# ---- the slot


def drop_slot(db, name):
    """Against a relay that takes it again at once."""
    for _ in range(1000):
        db.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s", (name,))
        try:
            db.execute("select pg_drop_replication_slot(%s)", (name,))
            return
        except (psycopg.errors.ObjectInUse, psycopg.errors.UndefinedObject):
            pass
    raise AssertionError("the slot is always in use")


async def test_a_slot_dropped_while_a_transaction_stays_open_stops_nothing(stack, channel):
    stack.wait_source("streaming")
    person = await Person(stack.ws(), **QUICK).connect()
    recorder = await person.subscribe(channel)
    stack.publish(channel, 0)
    await recorder.wait_for(1)
    with stack.sql() as open_transaction, stack.sql(autocommit=True) as db:
        open_transaction.execute("create temporary table busy (n int)")
        open_transaction.execute("insert into busy values (1)")
        made = stack.relay("relay_slots_made_total")
        await asyncio.to_thread(drop_slot, db, stack.relay_slot())
        flow = Flow(stack, [channel])
        await asyncio.sleep(60 if LONG else 3)
        assert stack.source() == "tailing"  # a slot can't be made before the transaction ends
        await recorder.wait_for(100, 5)
        open_transaction.rollback()
    await asyncio.to_thread(stack.wait_source, "streaming")
    assert stack.relay("relay_slots_made_total") == made + 1
    sent = await asyncio.to_thread(flow.finish)
    await recorder.wait_for(sent + 1)
    in_order(recorder, sent + 1)
    await person.close()


async def test_a_wal_sender_that_is_killed_again_and_again_loses_and_repeats_nothing(stack, channel):
    person = await Person(stack.ws(), **QUICK).connect()
    recorder = await person.subscribe(channel)
    flow = Flow(stack, [channel], rate=300)
    with stack.sql(autocommit=True) as db:
        for _ in range(5):
            await asyncio.to_thread(stack.wait_source, "streaming")
            killed = db.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s "
                                "and active", (stack.relay_slot(),)).fetchall()
            assert killed == [(True,)]
            await asyncio.sleep(0.3)
    sent = await asyncio.to_thread(flow.finish)
    await recorder.wait_for(sent)
    in_order(recorder, sent)
    await person.close()


async def test_a_slot_invalidated_by_its_size_is_made_anew_and_the_gap_read_by_id(stack, channel):
    person = await Person(stack.ws(), **QUICK).connect()
    recorder = await person.subscribe(channel)
    stack.publish(channel, 0)
    await recorder.wait_for(1)
    await asyncio.to_thread(stack.end, "relay")
    try:
        with stack.sql(autocommit=True) as db:
            db.execute("alter system set max_slot_wal_keep_size = '1MB'")
            db.execute("select pg_reload_conf()")
            for n in range(1, 21):
                db.execute("select cellcast.publish(%s, to_json(%s::int))", (channel, n))

            def lost():
                db.execute("select pg_switch_wal()")
                db.execute("select txid_current()")
                db.execute("checkpoint")
                return db.execute("select wal_status from pg_replication_slots where slot_name = %s", (stack.relay_slot(),)).fetchone()[0] == "lost"

            await asyncio.to_thread(wait_until, lost, 20, "the slot is lost")
    finally:
        with stack.sql(autocommit=True) as db:
            db.execute("alter system reset max_slot_wal_keep_size")
            db.execute("select pg_reload_conf()")
        stack.start_relay()
    await recorder.wait_for(21)
    await asyncio.to_thread(wait_until, lambda: stack.source() == "streaming" and stack.relay("relay_slots_made_total") == 1)
    stack.publish(channel, 21)
    await recorder.wait_for(22)
    in_order(recorder, 22)
    await person.close()


# ---- Kafka


async def test_kafka_away_for_long_and_everything_follows_in_order(stack, channel):
    person = await Person(stack.ws(), **QUICK).connect()
    recorder = await person.subscribe(channel)
    flow = Flow(stack, [channel])
    await recorder.wait_for(50)
    stack.kill_kafka()
    await asyncio.sleep(600 if LONG else 10)
    while_away = flow.sent
    await asyncio.to_thread(stack.start_kafka)
    sent = await asyncio.to_thread(flow.finish)
    assert sent >= while_away > 500  # nobody who publishes waited for it
    await recorder.wait_for(sent, 60)
    in_order(recorder, sent)
    assert stack.relay("relay_cells_parked") == 0
    await asyncio.to_thread(stack.wait_ready)
    await person.close()


async def test_a_relay_killed_while_kafka_is_away_sends_all_that_kafka_never_had(stack, channel):
    """What it had read and not sent is neither in its progress nor behind the slot's position."""
    topics = Topics(stack.kafka)

    def has(n):
        return lambda records: {r.seq for r in records if r.channel == f"default/{channel}"} >= set(range(1, n + 1))

    stack.publish(channel, 0)
    await asyncio.to_thread(topics.read, "cellcast.a", has(1))
    stack.kill_kafka()
    for n in range(1, 6):
        stack.publish(channel, n)
    await asyncio.sleep(2.5)  # it writes its progress each second
    old = stack.pid("relay")
    stack.kill("relay")
    await asyncio.to_thread(stack.start_kafka)
    await asyncio.to_thread(stack.wait_back, "relay", old)
    await asyncio.to_thread(topics.read, "cellcast.a", has(6))
    await asyncio.to_thread(stack.wait_ready)


async def test_kafka_without_its_disk_loses_and_repeats_nothing(stack, channel):
    person = await Person(stack.ws(), **QUICK).connect()
    recorder = await person.subscribe(channel)
    flow = Flow(stack, [channel])
    await recorder.wait_for(50)
    stack.kill_kafka()
    await asyncio.sleep(1)
    shutil.rmtree(stack.home / "kafka")
    await asyncio.to_thread(stack.start_kafka)
    assert Topics(stack.kafka).partitions("cellcast.a") in (0, 4)
    await asyncio.sleep(2)
    sent = await asyncio.to_thread(flow.finish)
    await recorder.wait_for(sent, 60)
    in_order(recorder, sent)
    assert [r for r in recorder.recovered if r == (True, False)] == []
    await asyncio.to_thread(stack.wait_ready)
    assert Topics(stack.kafka).partitions("cellcast.a") == 4
    await person.close()


async def test_the_only_topic_deleted_is_made_again_and_nothing_is_lost_or_repeated(stack, channel):
    person = await Person(stack.ws(), **QUICK).connect()
    recorder = await person.subscribe(channel)
    flow = Flow(stack, [channel])
    await recorder.wait_for(50)
    topics = Topics(stack.kafka)
    await asyncio.to_thread(topics.delete, "cellcast.a")
    await asyncio.to_thread(wait_until, lambda: topics.partitions("cellcast.a") == 4, 45, "the relay has made it again")
    await asyncio.sleep(1)
    sent = await asyncio.to_thread(flow.finish)
    await recorder.wait_for(sent, 30)
    in_order(recorder, sent)
    assert stack.relay("relay_cells_parked") == 0  # there is nobody to protect
    await asyncio.to_thread(stack.wait_ready)
    await person.close()


async def test_a_record_lost_at_the_tail_of_a_quiet_channel_is_found_by_the_sweep(stack, channel):
    person = await Person(stack.ws(), **QUICK).connect()
    recorder = await person.subscribe(channel)
    stack.publish(channel, 0)
    await recorder.wait_for(1)
    # The relay believes that Kafka has it.
    await asyncio.to_thread(stack.end, "relay")
    with stack.sql(autocommit=True) as db:
        db.execute("select cellcast.publish(%s, '1')", (channel,))
        await asyncio.to_thread(wait_until, lambda: len(stack.rows(f"default/{channel}")) == 2)
        db.execute("update cellcast.relay_progress p set id = s.last_id from cellcast.shard s where s.shard = p.shard")
        db.execute("select pg_replication_slot_advance(%s, pg_current_wal_lsn())", (stack.relay_slot(),))
    stack.start_relay()
    started = time.monotonic()
    await recorder.wait_for(2, 30)
    assert time.monotonic() - started < 25  # 20 s, and what a busy machine adds
    in_order(recorder, 2)
    await asyncio.to_thread(stack.wait_ready)
    await person.close()


# ---- the epoch


async def told_of_the_new_epoch(recorder, stack, channel, known, first):
    """Once, and honestly: what was published before the subscriber was told is missed, which `recovered: false` says, and
    then everything comes, without a hole."""
    await asyncio.to_thread(wait_until, lambda: (True, False) in recorder.recovered, 30, "the subscriber is told")
    for n in range(first, first + 10):
        await asyncio.to_thread(stack.publish, channel, n)
    await asyncio.to_thread(wait_until, lambda: recorder.publications[-1:] == [first + 9], 30, "the new epoch's publications arrive")
    new = recorder.publications[len(known):]
    assert recorder.publications[:len(known)] == known
    assert len(new) >= 10 and new == list(range(first + 10 - len(new), first + 10))
    assert [r for r in recorder.recovered if r[0]].count((True, False)) == 1


def test_the_epoch_is_bumped_and_nothing_else():
    for words in (["epoch"], ["epoch", "rise"], ["epoch", "bump", "5"]):
        done = subprocess.run([str(BUILD / "supervisor/cellcastctl"), *words], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, "") and "epoch bump" in done.stderr


async def test_an_older_backup_is_put_back_and_the_epoch_raised_by_the_operator(stack, channel):
    person = await Person(stack.ws(), **QUICK).connect()
    recorder = await person.subscribe(channel)
    for n in range(5):
        old = stack.publish(channel, n)
    await recorder.wait_for(5)
    data, copy_of = stack.home / "postgres", stack.home / "postgres.backup"
    await asyncio.to_thread(stack.stop_postgres, "fast")
    stack.tool("cp", "-a", data, copy_of)
    await asyncio.to_thread(stack.start_postgres)
    await asyncio.to_thread(stack.wait_ready)
    for n in range(5, 10):
        stack.publish(channel, n)
    await recorder.wait_for(10)

    await asyncio.to_thread(stack.stop_postgres, "fast")
    shutil.rmtree(data)
    copy_of.rename(data)
    await asyncio.to_thread(stack.start_postgres)
    # Same system identifier, same timeline: nothing but the operator can tell that numbers would be given twice.
    done = await asyncio.to_thread(stack.tool, BUILD / "supervisor/cellcastctl", f"--postgres={stack.pg}", "epoch", "bump")
    epoch = done.stdout.split()
    assert epoch[0] == "epoch" and int(epoch[1]) > int(old["epoch"])
    await asyncio.to_thread(stack.wait_ready)
    first = await asyncio.to_thread(stack.publish, channel, 10)
    assert (first["epoch"], first["offset"]) == (epoch[1], 1)
    await told_of_the_new_epoch(recorder, stack, channel, known=list(range(10)), first=11)
    await person.close()


# ---- PostgreSQL promoted


class PairStack(RelayStack):
    """A primary and a streaming standby; every process is told of both and looks for the primary."""

    def __init__(self, primary_options=""):
        super().__init__()
        self.primary_options = primary_options
        self.standby_port = self.kafka_port + 2
        self.pg = (f"postgresql://cellcast@127.0.0.1:{self.pg_port},127.0.0.1:{self.standby_port}/cellcast"
                   "?target_session_attrs=primary&connect_timeout=3")
        self.standby = f"postgresql://cellcast@127.0.0.1:{self.standby_port}/cellcast"
        self.standby_home = self.home / "standby"

    def as_postgres(self, *words):
        drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] if os.getuid() == 0 else []
        return self.tool(*drop, *words)

    def start_postgres(self):
        self.tool(REPO / "deploy/postgres/server", "start", self.pg_port, self.home / "postgres")
        if os.getuid() == 0:
            self.home.chmod(0o777)
        self.as_postgres("/usr/lib/postgresql/15/bin/pg_basebackup", "-D", self.standby_home, "-R", "-X", "stream", "-c", "fast",
                         "-d", f"host=127.0.0.1 port={self.pg_port} user=cellcast application_name=standby")
        self.tool(REPO / "deploy/postgres/server", "start", self.standby_port, self.standby_home)
        with psycopg.connect(f"postgresql://cellcast@127.0.0.1:{self.pg_port}/cellcast", autocommit=True) as db:
            wait_until(lambda: db.execute("select count(*) from pg_stat_replication where application_name = 'standby'").fetchone()[0])
            if self.primary_options:
                db.execute(f"alter system set synchronous_standby_names = '{self.primary_options}'")
                db.execute("select pg_reload_conf()")

    def stop_postgres(self, mode="immediate"):
        for port, home in ((self.standby_port, self.standby_home), (self.pg_port, self.home / "postgres")):
            self.tool(REPO / "deploy/postgres/server", "stop", port, home, env={"PG_STOP_MODE": mode}, check=False)

    def kill_primary(self):
        self.tool(REPO / "deploy/postgres/server", "stop", self.pg_port, self.home / "postgres", env={"PG_STOP_MODE": "immediate"})

    def promote(self):
        with psycopg.connect(self.standby, autocommit=True) as db:
            assert db.execute("select pg_promote()").fetchone()[0]

    def wal_receiver(self):
        with psycopg.connect(self.standby, autocommit=True) as db:
            return db.execute("select pid from pg_stat_wal_receiver").fetchone()[0]


@pytest.fixture
def pair(request):
    s = PairStack(*getattr(request, "param", ()))
    try:
        s.start()
        yield s
    finally:
        s.stop()


async def test_an_asynchronous_standby_is_promoted_without_the_last_commits(pair, channel):
    person = await Person(pair.ws(), **QUICK).connect()
    recorder = await person.subscribe(channel)
    for n in range(20):
        before = pair.publish(channel, n)
    await recorder.wait_for(20)
    with psycopg.connect(pair.standby, autocommit=True) as db:
        db.execute("alter system set primary_conninfo = ''")
        db.execute("select pg_reload_conf()")
        await asyncio.to_thread(wait_until, lambda: not db.execute("select count(*) from pg_stat_wal_receiver").fetchone()[0])
    for n in range(20, 25):
        pair.publish(channel, n)  # delivered, and lost with the primary
    await recorder.wait_for(25)
    pair.kill_primary()
    await asyncio.to_thread(pair.promote)

    def published():
        return pair.publish(channel, 100, idempotency_key="first")

    first = await asyncio.to_thread(wait_until, published, 30, "publishing goes on", 0.2)
    assert int(first["epoch"]) > int(before["epoch"]) and first["offset"] == 1
    await told_of_the_new_epoch(recorder, pair, channel, known=list(range(25)), first=101)
    await asyncio.to_thread(pair.wait_ready)
    await person.close()


@pytest.mark.parametrize("pair", [("standby",)], indirect=True)
async def test_nothing_is_delivered_that_a_synchronous_standby_lacks(pair, channel):
    pair.end("sequencer")
    pair.start_sequencer("--synchronous-failover=true")
    person = await Person(pair.ws(), **QUICK).connect()
    recorder = await person.subscribe(channel)

    def published(n):
        return lambda: pair.publish(channel, n, idempotency_key=str(n))

    before = await asyncio.to_thread(wait_until, published(0), 20, "publishing goes on", 0.2)
    await recorder.wait_for(1)
    receiver = await asyncio.to_thread(pair.wal_receiver)
    os.kill(receiver, signal.SIGSTOP)
    try:
        late = asyncio.create_task(asyncio.to_thread(wait_until, published(1), 40, "the publish is answered", 0.2))
        await asyncio.sleep(20 if LONG else 3)
        assert len(recorder.publications) == 1 and not late.done()
        # An operator who ends the wait makes the rows visible, on the primary alone: still nothing is delivered.
        with psycopg.connect(f"postgresql://cellcast@127.0.0.1:{pair.pg_port}/cellcast", autocommit=True) as db:
            while not late.done():
                db.execute("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'")
                await asyncio.sleep(0.05)
        assert [row[0] for row in pair.rows(f"default/{channel}")] == [1, 2]
        await asyncio.sleep(1.5)
        assert len(recorder.publications) == 1
    finally:
        os.kill(receiver, signal.SIGCONT)
    await late
    await recorder.wait_for(2)
    pair.kill_primary()
    await asyncio.to_thread(pair.promote)
    after = await asyncio.to_thread(wait_until, published(2), 30, "publishing goes on", 0.2)
    assert (after["epoch"], after["offset"]) == (before["epoch"], 3)
    await recorder.wait_for(3, 30)
    in_order(recorder, 3)
    assert (True, False) not in recorder.recovered
    await asyncio.to_thread(pair.wait_ready)
    await person.close()
