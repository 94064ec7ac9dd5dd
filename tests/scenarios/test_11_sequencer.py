"""The sequencer between gateways that pretend and a real PostgreSQL. See seq_database.py for where it looks."""

import json
import os
import random
import signal
import socket
import struct
import time

import pytest

psycopg = pytest.importorskip("psycopg")

from seq_database import Sequencer, conninfo, db, migrate, server  # noqa: E402, F401
from seq_gateway import HELLO, PUBLISH, Gateway, text  # noqa: E402


@pytest.fixture
def start(conninfo, tmp_path):
    """start(*options) -> a sequencer; all are ended with the test."""
    started = []

    def start(*options, **named):
        s = Sequencer(conninfo, tmp_path / f"sequencer-{len(started)}.log", *options, **named)
        started.append(s)
        return s

    yield start
    for s in started:
        s.close()


@pytest.fixture
def connect():
    opened = []

    def connect(sequencer, **named):
        g = Gateway(sequencer.port, **named)
        opened.append(g)
        return g

    yield connect
    for g in opened:
        g.close()


def rows(db, sql, *args):
    return db.execute(sql, args).fetchall()


def one(db, sql, *args):
    return db.execute(sql, args).fetchone()[0]


def check_log(db, gateways=(), counters=True):
    """What must hold whatever was killed: no hole, no repeat, ids ascending, heads right, every answer true."""
    assert rows(db, "SELECT channel FROM cellcast.message GROUP BY channel, epoch "
                    "HAVING min(seq) <> 1 OR max(seq) <> count(*) OR count(DISTINCT seq) <> count(*)") == []  # fmt: skip
    assert rows(db, "SELECT origin, counter FROM cellcast.message WHERE origin IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1") == []
    assert rows(db, "SELECT * FROM (SELECT channel, seq, id <= lag(id) OVER (PARTITION BY channel, epoch ORDER BY seq) AS falls "
                    "FROM cellcast.message) x WHERE falls") == []  # fmt: skip
    assert not counters or rows(db, "SELECT * FROM (SELECT channel, seq, counter <= lag(counter) OVER (PARTITION BY channel, origin ORDER BY epoch, seq) "
                    "AS falls FROM cellcast.message) x WHERE falls") == []  # fmt: skip
    assert rows(db, "SELECT channel FROM cellcast.channel_head h JOIN (SELECT channel, epoch, max(seq) AS seq, max(id) AS id "
                    "FROM cellcast.message GROUP BY 1, 2) m USING (channel, epoch) WHERE (h.seq, h.id) <> (m.seq, m.id)") == []  # fmt: skip
    assert rows(db, "SELECT id FROM cellcast.message GROUP BY id HAVING count(*) > 1") == []
    stored = {(o, c): rest for o, c, *rest in rows(db, "SELECT origin, counter, epoch, seq, id FROM cellcast.message WHERE origin IS NOT NULL")}
    for g in gateways:
        origin = struct.unpack("<q", struct.pack("<Q", g.origin))[0]
        mine = {c for (o, c) in stored if o == origin}
        answered = {c: r for c, r in g.results.items() if r["code"] == 0}
        assert mine == set(answered)
        for counter, r in answered.items():
            assert stored[origin, counter] == [r["epoch"], r["seq"], r["id"]]


# ---- publishing


def test_a_publish_is_committed_before_it_is_answered(start, connect, db):
    g = connect(start()).ready()
    for n in range(1, 6):
        r = g.publish("default/news", data=json.dumps({"n": n}), tags='{"a":"b"}', info='{"user":"u"}')
        assert (r["code"], r["repeated"], r["seq"], r["epoch"]) == (0, False, n, g.epoch)
        row = rows(db, "SELECT seq, data, tags, info, after, format FROM cellcast.message WHERE id = %s", r["id"])
        assert row == [(n, json.dumps({"n": n}).encode(), '{"a":"b"}', '{"user":"u"}', None, 0)]
    check_log(db, [g])


def test_binary_payloads_are_carried_as_they_are(start, connect, db):
    g = connect(start()).ready()
    assert g.publish("default/bin", data=bytes(range(256)), format=1)["code"] == 0
    assert one(db, "SELECT data FROM cellcast.message") == bytes(range(256))


def test_publishers_share_batches_and_each_channel_is_contiguous(start, connect, db):
    s = start()
    gateways = [connect(s).ready() for _ in range(4)]
    for n in range(400):
        for g in gateways:
            g.send(f"default/c{n % 7}" if n % 2 else f"acme/c{n % 3}", data=str(n))
    for g in gateways:
        g.settle()
    assert s.metric("batches_total") < s.metric("messages_total") == 1600
    check_log(db, gateways)


def test_a_steady_stream_of_publishes_shares_batches(start, connect, db):
    s = start("--batch-rate=10")
    g = connect(s).ready()
    begun = time.monotonic()
    for n in range(300):
        g.send(f"default/c{n % 7}", data=str(n))
        time.sleep(0.01)
    g.settle()
    assert s.metric("batches_total") <= 10 * (time.monotonic() - begun + 1) + 1
    check_log(db, [g])


def test_batches_that_are_full_enough_leave_no_debt_to_those_who_come_alone(start, connect, db):
    g = connect(start("--batch-rate=1", "--batch-max=8")).ready()
    for n in range(800):
        g.send(f"default/c{n % 7}", data=str(n))
    g.settle()
    assert g.publish("default/alone")["code"] == 0
    check_log(db, [g])


def test_an_sql_transaction_is_published_and_a_rolled_back_one_is_not(start, db):
    start().ready()
    with db.transaction(force_rollback=True):
        db.execute("SELECT cellcast.publish('news', '\"no\"')")
    with db.transaction():
        db.execute("SELECT cellcast.publish('news', '\"yes\"'), cellcast.publish('news', '\"and\"')")
    until = time.monotonic() + 10
    while one(db, "SELECT count(*) FROM cellcast.message") < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert rows(db, "SELECT seq, data FROM cellcast.message ORDER BY seq") == [(1, b'"yes"'), (2, b'"and"')]
    assert one(db, "SELECT count(*) FROM cellcast.outbox") == 0


def test_the_wal_wakes_it_long_before_the_next_scan(start, db):
    s = start().ready()
    s.wait(lambda: s.metric("outbox_stream_up") == 1)
    slow = 0
    for n in range(20):
        began = time.monotonic()
        db.execute("SELECT cellcast.publish('news', '1')")
        while one(db, "SELECT count(*) FROM cellcast.message") <= n:
            assert time.monotonic() < began + 5
        slow += time.monotonic() - began > 0.3
    assert slow <= 2


def test_a_transaction_that_commits_late_is_not_passed_over(start, conninfo, db):
    """Its row has a lower id than rows that are long gone."""
    start().ready()
    with psycopg.connect(conninfo) as late:
        late.execute("SELECT cellcast.publish('late', '1')")
        db.execute("SELECT cellcast.publish('early', '1')")
        wait_for_messages(db, 1)
        late.commit()
    wait_for_messages(db, 2)
    assert one(db, "SELECT count(*) FROM cellcast.outbox") == 0


def wait_for_messages(db, n, timeout=15):
    until = time.monotonic() + timeout
    while (have := one(db, "SELECT count(*) FROM cellcast.message")) < n:
        assert time.monotonic() < until, f"{have} of {n}"
        time.sleep(0.01)


# ---- ids, answers


def test_an_id_is_above_what_the_publisher_was_shown_and_what_it_answers(start, connect):
    g = connect(start()).ready()
    question = g.publish("default/q")
    shown = question["id"] + (60_000 << 21)
    ahead = g.publish("default/ahead", shown=shown)
    assert ahead["id"] > shown
    reply = g.publish("default/r", after="default/ahead@1 default/q@1")
    assert reply["code"] == 0 and reply["id"] > ahead["id"]
    old = g.publish("default/ahead")
    assert old["seq"] == 2
    assert g.publish("default/r", after="default/ahead@1")["id"] > ahead["id"]  # read from its row


def test_an_id_that_nobody_was_given_is_refused_and_drags_no_id_ahead(start, connect):
    s = start()
    g = connect(s).ready()
    before = g.publish("default/news")
    for ahead_ms in (3_600_000, 10 * 365 * 86_400_000):
        lie = g.publish("default/news", shown=before["id"] + (ahead_ms << 21))
        assert lie["code"] == 107 and lie["text"].startswith("shown:")
    assert s.metric("shown_refused_total") == 2
    assert g.publish("default/news", shown=before["id"])["id"] < before["id"] + (60_000 << 21)
    assert s.metric("id_drift_seconds") < 60


def test_ids_that_are_far_ahead_of_the_clock_are_believed_from_the_takeover_on(start, connect, db):
    """A clock that was wrong has been put back, and sequencers start anew: who was shown such an id publishes as before."""
    for hours in (1, 2, 3):
        shown = one(db, "UPDATE cellcast.shard SET last_id = cellcast.id_floor(clock_timestamp() + %s * interval '1 hour') WHERE shard = 7 "
                        "RETURNING last_id", hours)  # fmt: skip
        s = start()
        g = connect(s).ready()
        r = g.publish("default/news", shown=shown)
        assert r["code"] == 0 and r["id"] > shown
        s.close()


@pytest.mark.parametrize("after", ["default/q@2", "default/nobody@1", "default/q@1 default/q@9"])
def test_what_answers_a_publication_that_is_not_there_is_refused(start, connect, after):
    g = connect(start()).ready()
    g.publish("default/q")
    r = g.publish("default/r", after=after)
    assert r["code"] == 107 and r["text"].startswith("after:") and "does not exist" in r["text"]
    assert g.publish("default/r")["seq"] == 1


def test_the_epoch_is_raised_by_an_operator_while_it_runs(start, connect, db):
    g = connect(start()).ready()
    before = g.publish("default/news")
    epoch = one(db, "SELECT cellcast.epoch_bump()")
    after = g.publish("default/news")
    assert before["epoch"] < after["epoch"] == epoch == g.epoch
    assert (before["seq"], after["seq"]) == (1, 1) and after["id"] > before["id"]


# ---- keys, repeats


def test_a_key_is_published_once(start, connect, db):
    s = start()
    g, other = connect(s).ready(), connect(s).ready()
    first = g.publish("default/news", key="k")
    for again in (g.publish("default/news", key="k", data="2"), other.publish("default/news", key="k")):
        assert again == first | {"repeated": True}
    assert g.publish("default/other", key="k")["seq"] == 1  # another channel, another key
    assert one(db, "SELECT count(*) FROM cellcast.message") == 2


def test_a_key_used_many_times_at_once_is_published_once(start, connect, db):
    s = start()
    gateways = [connect(s).ready() for _ in range(3)]
    sent = [(g, g.send("default/news", key=f"k{n % 5}")) for n in range(40) for g in gateways]
    results = [g.result(c) for g, c in sent]
    assert sum(not r["repeated"] for r in results) == 5 == one(db, "SELECT count(*) FROM cellcast.message")
    assert {r["seq"] for r in results} == {1, 2, 3, 4, 5}


def test_a_key_is_one_for_gateways_and_sql(start, connect, db):
    s = start()
    g = connect(s).ready()
    first = g.publish("default/news", key="k")
    db.execute("SELECT cellcast.publish('news', '1', idempotency_key => 'k')")
    s.wait(lambda: one(db, "SELECT count(*) FROM cellcast.outbox") == 0)
    assert one(db, "SELECT count(*) FROM cellcast.message") == 1
    assert g.publish("default/news", key="k")["id"] == first["id"]


def test_a_repeat_gets_the_first_result(start, connect, db):
    s = start()
    g = connect(s).ready()
    counter = g.send("default/news")
    first = g.result(counter)
    assert g.again(counter, "default/news") == first | {"repeated": True}
    s.kill()
    s.start().ready()
    g.ready()
    assert g.again(counter, "default/news") == first | {"repeated": True}
    assert one(db, "SELECT count(*) FROM cellcast.message") == 1


def test_a_gateway_that_connects_again_is_answered_on_its_new_link(start, connect, db):
    s = start()
    g = connect(s).ready()
    with block_shards(db.info.dsn):
        counters = [g.send("default/news") for _ in range(20)]
        time.sleep(0.2)
        g.cut()
        g.lock.acquire()
        g.lock.wait_for(lambda: not g.shards, 5)
        g.lock.release()
        g.ready()
        time.sleep(0.2)
    g.settle()
    assert [g.results[c]["seq"] for c in counters] == list(range(1, 21))
    check_log(db, [g])


# ---- refusals


class block_shards:
    """PostgreSQL takes its time: somebody holds the shard rows."""

    def __init__(self, conninfo):
        self.conninfo = conninfo

    def __enter__(self):
        self.connection = psycopg.connect(self.conninfo)
        self.connection.execute("SELECT FROM cellcast.shard ORDER BY shard FOR UPDATE")

    def __exit__(self, *_):
        self.connection.close()


BAD = {
    "no tenant": dict(channel="news"),
    "a space": dict(channel="default/a b"),
    "a long name": dict(channel="default/" + "x" * 256),
    "no JSON": dict(channel="default/news", data="{"),
    "no data": dict(channel="default/news", data=""),
    "too much data": dict(channel="default/news", data='"' + "x" * 65536 + '"'),
    "tags of numbers": dict(channel="default/news", tags='{"a":1}'),
    "tags that are none": dict(channel="default/news", tags="["),
    "info that is none": dict(channel="default/news", info="1"),
    "no reference": dict(channel="default/news", after="x"),
    "another tenant": dict(channel="default/news", after="acme/news@1"),
    "a NUL in a key": dict(channel="default/news", key="a\0b"),
    "no UTF-8 in a key": dict(channel="default/news", key=b"\xff"),
    "an unknown format": dict(channel="default/news", format=9),
    "an id of no time": dict(channel="default/news", shown=1 << 63),
}


def test_bad_publishes_are_refused_and_harm_nobody(start, connect, db):
    s = start()
    g = connect(s).ready()
    for what, arguments in BAD.items():
        r = g.publish(**arguments)
        assert r["code"] == 107 and r["text"], what
    assert g.publish("default/news")["seq"] == 1
    assert s.metric("refused_bad_total") == len(BAD)
    assert s.metric("batches_failed_total") == 0


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("<I", 0),
        struct.pack("<IB", 1, HELLO),
        struct.pack("<IBI", 5, HELLO, 1),
        struct.pack("<IBI", 1 + 4 + 7 + 8, HELLO, 99) + text("sim") + bytes(8),
        struct.pack("<IB", 1, PUBLISH),
        struct.pack("<I", 0xFFFFFFFF),
        os.urandom(4000),
    ],
)
def test_garbage_ends_its_own_link_only(start, connect, garbage):
    s = start()
    g = connect(s).ready()
    with socket.create_connection(("127.0.0.1", s.port), timeout=5) as wild:
        wild.sendall(garbage)
        wild.shutdown(socket.SHUT_WR)
        try:
            while wild.recv(4096):
                pass
        except ConnectionResetError:
            pass
    assert g.publish("default/news")["seq"] == 1
    assert s.metric("gateways") == 1


def test_a_full_waiting_room_refuses_its_own_tenant_only(start, connect, db):
    s = start("--waiting-messages=10", "--batch-max=5")
    g = connect(s).ready()
    g.publish("default/news"), g.publish("acme/news")
    with block_shards(db.info.dsn):
        flood = [g.send("default/news") for _ in range(60)]
        quiet = [g.send("acme/news") for _ in range(5)]
        s.wait(lambda: s.metric("refused_busy_total") >= 40)
    g.settle()
    codes = [g.results[c]["code"] for c in flood]
    assert set(codes) == {0, 111} and 10 <= codes.count(0) <= 20
    assert [g.results[c]["code"] for c in quiet] == [0] * 5
    check_log(db, [g])


def test_a_tenant_that_floods_does_not_make_its_neighbour_wait(start, connect, db):
    s = start("--waiting-messages=100000", "--waiting-bytes=256M", "--batch-max=100")
    flood, quiet = connect(s).ready(), connect(s).ready()
    flood.publish("default/news"), quiet.publish("acme/news")
    with block_shards(db.info.dsn):
        for _ in range(5000):
            flood.send("default/news", data='"' + "x" * 200 + '"')
        quiet_one = quiet.send("acme/news")
        s.wait(lambda: s.metric("waiting") > 4000)
    quiet.result(quiet_one)
    assert len(flood.results) < 2500
    flood.settle()
    check_log(db, [flood, quiet])


@pytest.mark.parametrize("size", [1, 2, 37])
def test_a_message_that_spoils_its_batch_is_found_and_refused(start, connect, db, size):
    db.execute("ALTER TABLE cellcast.message ADD CHECK (data <> '\"bad\"')")
    s = start()
    g = connect(s).ready()
    g.publish("default/warm")
    bad = random.randrange(size)
    with block_shards(db.info.dsn):
        g.send("default/first")  # flies alone, so that the others come together
        time.sleep(0.1)
        counters = [g.send(f"default/c{n % 3}", data='"bad"' if n == bad else str(n)) for n in range(size)]
        time.sleep(0.2)
    g.settle()
    codes = [g.results[c]["code"] for c in counters]
    assert codes == [107 if n == bad else 0 for n in range(size)]
    assert "check constraint" in g.results[counters[bad]]["text"]
    check_log(db, [g])


def test_a_row_of_the_outbox_that_spoils_its_batch_is_buried(start, db):
    db.execute("ALTER TABLE cellcast.message ADD CHECK (data <> '\"bad\"')")
    s = start().ready()
    with db.transaction():
        for n in range(9):
            db.execute("SELECT cellcast.publish(%s, %s)", [f"c{n % 2}", '"bad"' if n == 4 else str(n)])
    wait_for_messages(db, 8)
    s.wait(lambda: one(db, "SELECT count(*) FROM cellcast.outbox") == 0)
    assert rows(db, "SELECT channel, data, code FROM cellcast.outbox_dead") == [("default/c0", b'"bad"', 107)]
    assert s.metric("outbox_buried_total") == 1
    check_log(db)


# ---- death and return


def test_nothing_is_lost_or_doubled_when_it_is_killed_again_and_again(start, connect, db):
    s = start()
    gateways = [connect(s).ready() for _ in range(3)]
    for round in range(5):
        for n in range(300):
            for g in gateways:
                g.send(f"default/c{random.randrange(9)}", data=str(n), key=f"{g.origin}-{n}-{round}" if n % 10 == 0 else "")
            if n % 50 == 0:
                db.execute("SELECT cellcast.publish('chat:sql', '1')")
        s.kill()
        s.start()
    for g in gateways:
        g.settle()
    s.wait(lambda: one(db, "SELECT count(*) FROM cellcast.outbox") == 0)
    assert one(db, "SELECT count(*) FROM cellcast.message") == 5 * (3 * 300 + 6)
    check_log(db, gateways)


def test_outcomes_that_were_not_seen_are_settled_when_the_connection_breaks(start, connect, db):
    s = start()
    g = connect(s).ready()
    for round in range(10):
        for n in range(100):
            g.send(f"default/c{n % 5}")
        db.execute("SELECT pg_terminate_backend(pid) FROM cellcast.shard LIMIT 1")
    g.settle()
    assert {r["code"] for r in g.results.values()} == {0}
    assert one(db, "SELECT count(*) FROM cellcast.message") == 1000
    assert s.metric("takeovers_total") > 1 and s.metric("fenced_total") == 0
    check_log(db, [g])


def test_a_stopped_leader_that_goes_on_is_fenced_and_waits_behind_its_successor(start, connect, db):
    first = start(name="first")
    old = connect(first).ready()
    old.publish("default/news")
    first.kill(signal.SIGSTOP)
    for _ in range(50):
        old.send("default/news")  # lie in the sockets of the one that is stopped
    second = start(name="second").ready()
    new = connect(second).ready()
    assert new.publish("default/news")["seq"] == 2
    first.kill(signal.SIGCONT)
    first.wait(lambda: '"phase":"standing_by"' in first.get("/ready")[1])
    assert new.publish("default/news")["seq"] == 3
    assert old.shards == 0
    second.kill()
    first.ready()
    old.settle()
    assert old.results[51]["seq"] == 53
    check_log(db, [old, new])


def test_two_processes_share_the_shards(start, connect, db):
    low, high = start("--shards=0-31", name="low").ready(), start("--shards=32-63", name="high").ready()
    a, b = connect(low).ready(), connect(high).ready()
    assert a.shards == (1 << 32) - 1 and b.shards == a.shards << 32
    for n in range(100):
        shard = one(db, "SELECT cellcast.channel_shard(%s)", f"default/c{n}")
        mine, other = (a, b) if shard < 32 else (b, a)
        assert mine.publish(f"default/c{n}")["seq"] == 1
        if n < 3:
            assert other.publish(f"default/c{n}")["code"] == 100
    db.execute("SELECT cellcast.publish('c' || n, '1') FROM generate_series(0, 99) n")
    wait_for_messages(db, 200)
    check_log(db)


def test_asked_to_end_it_answers_what_is_in_flight(start, connect, db):
    s = start()
    g = connect(s).ready()
    with block_shards(db.info.dsn):
        g.send("default/news")
        s.wait(lambda: s.metric("in_flight") == 1)
        s.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert s.process.poll() is None
    began = time.monotonic()
    assert s.process.wait(10) == 0
    assert time.monotonic() - began < 5
    assert g.result(1)["seq"] == 1


# ---- PostgreSQL away


def test_without_its_schema_it_waits_and_says_so(server, tmp_path):
    name = server.make()
    s = Sequencer(server.of(name), tmp_path / "log")
    try:
        s.wait(lambda: "cellcast-sequencer --migrate" in (tmp_path / "log").read_text())
        assert s.get("/health")[0] == 200
        assert s.get("/ready")[0] == 503
        assert migrate(server.of(name)).returncode == 0
        s.ready()
    finally:
        s.close()
        server.drop(name)


def test_while_postgresql_is_away_a_publish_waits_a_while_and_is_then_refused(start, connect, server, conninfo, db):
    s = start("--outage-grace=1s").ready()
    g = connect(s).ready()
    g.publish("default/news")
    name = psycopg.conninfo.conninfo_to_dict(conninfo)["dbname"]
    db.close()
    server.admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    server.admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    with g.lock:
        assert g.lock.wait_for(lambda: g.shards == 0, 5)
    g.shards = 1  # it would not send now; one that had not heard of it yet would
    waits = g.send("default/news")
    began = time.monotonic()
    assert g.result(waits)["code"] == 100
    assert 0.3 < time.monotonic() - began < 4
    assert g.publish("default/news")["code"] == 100
    assert s.get("/ready")[0] == 503
    server.admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    s.ready()
    with g.lock:
        assert g.lock.wait_for(lambda: g.shards == (1 << 64) - 1, 5)
    assert g.publish("default/news")["seq"] == 2


def test_a_short_outage_is_not_noticed_by_publishers(start, connect, server, db):
    s = start().ready()
    g = connect(s).ready()
    for _ in range(20):
        g.send("default/news")
        time.sleep(0.02)
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sequencer' AND datname = current_database()")
    g.settle()
    assert {r["code"] for r in g.results.values()} == {0}
    check_log(db, [g])


def test_a_server_that_refuses_to_write_is_waited_for(start, connect, db):
    """As when its disk is full: nobody is at fault, nothing is refused while it is short."""
    s = start().ready()
    g = connect(s).ready()
    g.publish("default/news")
    db.execute("ALTER TABLE cellcast.message RENAME TO away")
    counters = [g.send("default/news") for _ in range(10)]
    s.wait(lambda: s.metric("batches_failed_total") >= 2)
    db.execute("ALTER TABLE cellcast.away RENAME TO message")
    g.settle()
    assert [g.results[c]["seq"] for c in counters] == list(range(2, 12))
    check_log(db, [g])




def test_nobody_waits_while_it_sweeps(start, connect, db):
    db.execute("INSERT INTO cellcast.history_floor (channel, epoch, seq, at) SELECT 'default/removed', epoch, 1, now() - interval '1 hour' FROM cellcast.log")
    with psycopg.connect(db.info.dsn, autocommit=False) as holder:
        holder.execute("SELECT FROM cellcast.history_floor FOR UPDATE")
        s = start().ready()
        g = connect(s).ready()
        s.wait(lambda: rows(db, "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%%cellcast.sweep%%'"))
        assert g.result(g.send("default/new"), 5)["code"] == 0
        db.execute("SELECT cellcast.publish('also_new', '1')")
        wait_for_messages(db, 2)
        holder.rollback()
    s.wait(lambda: one(db, "SELECT swept FROM cellcast.history_floor"))
