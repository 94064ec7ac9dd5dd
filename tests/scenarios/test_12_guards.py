"""Safeguards whose lack no ordinary run shows: each scenario makes the one moment at which it counts.
tests/bench/run mutations takes them away, one by one."""

import time
from concurrent.futures import ThreadPoolExecutor, TimeoutError

import psycopg
import pytest

from seq_database import conninfo, db, server  # noqa: F401
from test_10_schema import Writer, one, take
from test_11_sequencer import block_shards, check_log, connect, rows, start  # noqa: F401


def test_what_fails_at_its_commit_was_not_acknowledged(start, connect, db):
    """The statement goes well, the commit does not: only the sync tells."""
    db.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$")
    g = connect(start()).ready()
    assert g.publish("default/news")["seq"] == 1
    db.execute("CREATE CONSTRAINT TRIGGER at_commit AFTER UPDATE ON cellcast.channel_head DEFERRABLE INITIALLY DEFERRED "
               "FOR EACH ROW WHEN (NEW.seq = 2) EXECUTE FUNCTION refuse()")
    refused = g.publish("default/news")
    assert refused["code"] == 107 and "not now" in refused["text"]
    assert rows(db, "SELECT seq FROM cellcast.message") == [(1,)]
    db.execute("DROP TRIGGER at_commit ON cellcast.channel_head")
    assert g.publish("default/news")["seq"] == 2
    assert rows(db, "SELECT seq FROM cellcast.message ORDER BY seq") == [(1,), (2,)]


def test_a_batch_that_has_passed_its_check_holds_a_takeover_up_to_its_end(db, conninfo):
    """Its backend is not the recorded one, so that nobody ends it; it stands still behind its check. The brake is the innermost
    of all: where this fails, what waits for it ends."""
    with ThreadPoolExecutor(2) as pool, psycopg.connect(conninfo, autocommit=True) as old, psycopg.connect(conninfo) as brake:
        writer = Writer(old)
        db.execute("UPDATE cellcast.shard SET pid = 0")
        brake.execute("LOCK TABLE cellcast.receipt IN EXCLUSIVE MODE")
        batch = pool.submit(writer.commit)
        with pytest.raises(TimeoutError):
            batch.result(0.3)
        successor = pool.submit(take, db, holder=2)
        with pytest.raises(TimeoutError):
            successor.result(0.3)
        brake.commit()
        batch.result(10)
        taken = successor.result(10)
        assert sum(r["batch"] for r in taken.values()) == 1 and max(r["last_id"] for r in taken.values()) > 0
    assert one(db, "SELECT count(*) FROM cellcast.message") == 1


def test_a_batch_behind_one_that_failed_fails_too(start, connect, db):
    """Both are in flight when the first one is refused: the second builds on it."""
    db.execute("ALTER TABLE cellcast.message ADD CHECK (data <> '\"bad\"')")
    g = connect(start("--batch-max=1")).ready()
    assert g.publish("default/news")["seq"] == 1
    with block_shards(db.info.dsn):
        bad = g.send("default/news", data='"bad"')
        time.sleep(0.1)
        good = g.send("default/news", data='"good"')
        time.sleep(0.2)
    g.settle()
    assert (g.results[bad]["code"], g.results[good]["code"], g.results[good]["seq"]) == (107, 0, 2)
    check_log(db, [g])


def test_a_day_that_cannot_be_added_holds_no_publish_up(start, connect, db, conninfo):
    """What looks up heads and reads the outbox does not wait behind it."""
    newest = one(db, "SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'cellcast.message'::regclass")
    db.execute(f"DROP TABLE {newest}")
    db.execute("ALTER FUNCTION cellcast.add_partition(integer) SET lock_timeout = '5min'")
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'cellcast.message'::regclass"
    with psycopg.connect(conninfo) as other:
        other.execute("LOCK TABLE ONLY cellcast.message IN SHARE UPDATE EXCLUSIVE MODE")
        sequencer = start()
        g = connect(sequencer).ready()
        sequencer.wait(lambda: one(db, waits) == 1)
        assert g.publish("default/fresh")["seq"] == 1
        db.execute("SELECT cellcast.publish('of-sql', '1')")
        sequencer.wait(lambda: one(db, "SELECT count(*) FROM cellcast.outbox") == 0)
        assert one(db, waits) == 1
        other.rollback()
    sequencer.wait(lambda: one(db, "SELECT to_regclass(%s) IS NOT NULL", newest))
    check_log(db, [g])
