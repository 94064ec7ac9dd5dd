"""What one session commits one after the other is written in that order, whatever the sequencer is behind on; and no channel waits
for an answer that nobody believes any more."""

import json
import os
import signal
import subprocess
import threading
import time
from hashlib import md5

import pytest
import requests

from seq_database import conninfo, db, free_port, server  # noqa: F401
from test_11_sequencer import connect, rows, start  # noqa: F401

BACKLOG = 8000
STANDBY_S = 2.6  # that a commit waits for its standby


def publish(db, n):
    db.execute("SELECT cellcast.publish('news', %s::json)", (json.dumps({"n": n}),))


def written_in_order(db, n):
    """All n of them are, and each once."""
    end = time.monotonic() + 60
    while rows(db, "SELECT 1 FROM cellcast.outbox LIMIT 1"):
        assert time.monotonic() < end, "the outbox is not empty"
        time.sleep(0.1)
    data = rows(db, "SELECT convert_from(data, 'UTF8')::json->>'n' FROM cellcast.message WHERE channel = 'default/news' ORDER BY seq")
    assert [int(one) for (one,) in data] == list(range(n))


def test_a_session_is_not_overtaken_by_itself_while_a_backlog_is_read(start, db):
    db.execute("SELECT count(cellcast.publish('news', json_build_object('n', g))) FROM generate_series(0, %s) g", (BACKLOG - 1,))
    start("--batch-max=100")
    n, until = BACKLOG, time.monotonic() + 4
    while time.monotonic() < until:
        publish(db, n)
        n += 1
        time.sleep(0.002)
    written_in_order(db, n)


def synchronous_standby(db, names):
    db.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    db.execute("SELECT pg_reload_conf()")


def test_a_commit_that_waits_for_a_standby_is_not_overtaken_by_the_next_one(start, db, conninfo):
    """It is in the WAL, and is told, long before it can be seen."""
    import psycopg
    start().ready()
    n = 0
    with psycopg.connect(conninfo, autocommit=True) as admin:
        try:
            for turn in range(4):
                synchronous_standby(admin, "nobody")
                time.sleep(0.3)
                release = threading.Timer(STANDBY_S + 0.15 * turn, lambda: synchronous_standby(admin, ""))
                release.start()
                publish(db, n)
                publish(db, n + 1)
                release.join()
                n += 2
        finally:
            synchronous_standby(admin, "")
    written_in_order(db, n)


class TakesButAppliesNothing:
    """A standby that has everything on its disk: commits go on, but for those that wait until it has applied them."""

    def __init__(self, conninfo, folder):
        folder.mkdir()
        bin = os.environ.get("PG_BIN", "/usr/lib/postgresql/15/bin")
        self.process = subprocess.Popen([f"{bin}/pg_receivewal", "--synchronous", "-D", folder, "-d", f"{conninfo} application_name=keeps_wal"])

    def close(self):
        self.process.kill()
        self.process.wait()


def waits_for_the_standby(db, pid):
    return rows(db, "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'SyncRep'", pid)


def two_peers(start):
    ports = free_port(), free_port()
    peers = "--peers=" + ",".join(f"127.0.0.1:{port}" for port in ports)
    one = start(peers, "--name=s1", f"--listen=127.0.0.1:{ports[0]}", port=ports[0])
    one.wait(lambda: '"led":"0-63"' in one.get("/shards")[1])
    two = start(peers, "--name=s2", f"--listen=127.0.0.1:{ports[1]}", port=ports[1])
    two.wait(lambda: '"heard":true' in two.get("/shards")[1] and two.metric("outbox_stream_up") == 1)
    return one, two


def test_who_takes_over_beside_a_long_transaction_goes_on_by_ids(start, db, conninfo):
    """Not by scans, which walk over all that has gone since it began: it has been told what may not be seen yet."""
    import psycopg
    one, two = two_peers(start)
    time.sleep(1.5)  # its first look is behind it
    with psycopg.connect(conninfo) as long, psycopg.connect(conninfo, autocommit=True) as session:
        long.execute("SELECT pg_current_xact_id()")
        publish(session, 0)
        one.kill()
        two.wait(lambda: '"led":"0-63"' in two.get("/shards")[1])
        written_in_order(db, 1)
        scans, fetches = two.metric("outbox_scans_total"), two.metric("outbox_fetches_total")
        for n in range(1, 41):
            publish(session, n)
            time.sleep(0.05)
        written_in_order(db, 41)
        assert two.metric("outbox_fetches_total") - fetches > 20 and two.metric("outbox_scans_total") - scans < 15


@pytest.mark.parametrize("how", ["killed", "moved"])
def test_a_commit_that_waits_while_shards_are_taken_is_not_overtaken_by_the_next_one(start, db, conninfo, tmp_path, how):
    """It was told to who did not lead its shard, and is not there yet for the first look of who does."""
    import psycopg
    one, two = two_peers(start)
    standby = TakesButAppliesNothing(conninfo, tmp_path / "wal")
    with psycopg.connect(conninfo, autocommit=True) as session:
        try:
            synchronous_standby(db, "keeps_wal")
            two.wait(lambda: rows(db, "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"))
            session.execute("SET synchronous_commit = remote_apply")
            first = threading.Thread(target=publish, args=(session, 0))
            first.start()
            two.wait(lambda: waits_for_the_standby(db, session.info.backend_pid))
            time.sleep(0.3)
            if how == "killed":
                one.kill()
            else:
                requests.post(f"http://127.0.0.1:{two.admin_port}/shards?take=0-63", timeout=5)
            two.wait(lambda: '"led":"0-63"' in two.get("/shards")[1])
            time.sleep(0.3)
            assert first.is_alive()
            db.execute("SELECT pg_cancel_backend(%s)", [session.info.backend_pid])
            first.join()
            session.execute("SET synchronous_commit = on")
            publish(session, 1)
            written_in_order(db, 2)
        finally:
            synchronous_standby(db, "")
            standby.close()


def shard(channel):
    return md5(channel.encode()).digest()[0] & 63


def channels_of_the_upper_shards(name):
    return next(f"default/{name}{n}" for n in range(999) if shard(f"default/{name}{n}") >= 32)


class SlowReader:
    """The backend that a sequencer looks heads up with stands still."""

    def __init__(self, db, name):
        found = rows(db, "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s AND backend_type = 'client backend' AND "
                         "datname = current_database() AND pid NOT IN (SELECT pid FROM cellcast.shard)", f"%{name}%")
        self.pids = [pid for (pid,) in found]

    def __enter__(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)
        return self

    def __exit__(self, *words):
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)


def goes_on(g, counter, channel):
    assert g.result(counter, 10)["code"] == 0
    assert g.result(g.send(channel), 5)["seq"] == 2


def test_a_head_that_is_looked_up_when_a_batch_is_refused_is_looked_up_again(start, connect, db):
    s = start("--name=s1").ready()
    g = connect(s).ready()
    assert g.publish("default/known")["code"] == 0
    db.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = '22000'; END $$")
    db.execute("CREATE TRIGGER refuse BEFORE INSERT ON cellcast.message FOR EACH ROW WHEN (NEW.data = '\"poison\"') EXECUTE FUNCTION refuse()")
    with SlowReader(db, "s1") as slow:
        assert slow.pids
        counter = g.send("default/new")
        time.sleep(0.3)
        assert g.result(g.send("default/known", data='"poison"'))["code"] != 0
        time.sleep(0.3)
    goes_on(g, counter, "default/new")


@pytest.mark.parametrize("how", ["moved", "killed"])
def test_a_head_that_is_looked_up_when_shards_move_is_looked_up_again(start, connect, db, how):
    ports = free_port(), free_port()
    peers = "--peers=" + ",".join(f"127.0.0.1:{port}" for port in ports)
    one = start(peers, "--name=s1", f"--listen=127.0.0.1:{ports[0]}", port=ports[0])
    one.wait(lambda: '"led":"0-63"' in one.get("/shards")[1])
    two = start(peers, "--name=s2", f"--listen=127.0.0.1:{ports[1]}", port=ports[1])
    two.wait(lambda: '"heard":true' in two.get("/shards")[1] and '"heard":true' in one.get("/shards")[1])
    take = lambda: requests.post(f"http://127.0.0.1:{two.admin_port}/shards?take=0-31", timeout=5)
    if how == "killed":
        take()
        one.wait(lambda: '"led":"32-63"' in one.get("/shards")[1])
    g = connect(one).ready()
    known, new = channels_of_the_upper_shards("known"), channels_of_the_upper_shards("new")
    assert g.publish(known)["code"] == 0
    with SlowReader(db, "s1") as slow:
        assert slow.pids
        counter = g.send(new)
        time.sleep(0.3)
        if how == "killed":
            two.kill()
            one.wait(lambda: '"led":"0-63"' in one.get("/shards")[1])
        else:
            take()
            one.wait(lambda: '"led":"32-63"' in one.get("/shards")[1])
        time.sleep(0.3)
    goes_on(g, counter, new)


def test_what_waits_for_its_receipt_until_that_is_gone_is_not_published_again(start, connect, db):
    s = start("--name=s1", "--unsure-max=1s").ready()
    g = connect(s).ready()
    counter = g.send("default/news")
    assert g.result(counter)["code"] == 0
    with SlowReader(db, "s1") as slow:
        assert slow.pids
        with g.lock:
            g.results.pop(counter)
            g._publish(counter, 1, channel="default/news")  # its answer was lost with the link
        time.sleep(1.5)
        db.execute("DELETE FROM cellcast.receipt")  # as sweep() does, of whatever sequencer, after three minutes
    assert g.publish("default/other")["code"] == 0
    time.sleep(0.5)
    assert rows(db, "SELECT count(*) FROM cellcast.message WHERE channel = 'default/news'") == [(1,)] and counter not in g.results
