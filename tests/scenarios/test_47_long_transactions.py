"""An application's transaction that stays open (a dump, a report, a session left idle in one) keeps every version of every row that was updated since."""

import time

from stack import wait_until

CHANNEL = "quiet:long"
ROUNDS = 2000  # until what is measured, a batch each


def publish(stack, db, i):
    """By the API and by a transaction of its own, in turns: each is a batch of its own, since each waits for its end."""
    if i % 2:
        stack.publish(CHANNEL, {"i": i})
    else:
        db.execute("select cellcast.publish(%s, json_build_object('i', %s::int))", (CHANNEL, i))


def touched(db):
    """Pages that were looked at for rows that change all the time."""
    return db.execute("select sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::bigint from pg_statio_user_tables "
                      "where schemaname = 'cellcast' and relname in ('shard', 'channel_head', 'outbox')").fetchone()[0]


def counted(db, table):
    return db.execute("select n_tup_upd from pg_stat_user_tables where relname = %s", (table,)).fetchone()[0]


def cost(stack, db, first, n):
    """Pages per publish. Sessions say what they did once a second."""
    time.sleep(1.5)
    pages, updates = touched(db), counted(db, "shard")
    for i in range(first, first + n):
        publish(stack, db, i)
    wait_until(lambda: counted(db, "shard") >= updates + n * 9 // 10, what="the sequencer's session has said what it did")
    time.sleep(1.5)
    return (touched(db) - pages) / n


def test_a_publish_costs_no_more_beside_a_long_transaction(stack):
    with stack.sql(autocommit=True) as db, stack.sql() as dump:
        before = cost(stack, db, 0, 100)
        dump.execute("set transaction isolation level repeatable read")
        dump.execute("select count(*) from cellcast.cell")
        for i in range(ROUNDS):
            publish(stack, db, i)
        beside = cost(stack, db, 0, 100)
        kept = db.execute("select n_dead_tup from pg_stat_user_tables where relname = 'shard'").fetchone()[0]
        print(f"pages a publish: {before:.0f} before, {beside:.0f} beside {kept} dead rows")
        assert kept > ROUNDS / 2, "the transaction keeps old versions, or this shows nothing"
        assert beside < 2.5 * before, f"{before:.0f} pages a publish before, {beside:.0f} beside it"
        wait_until(lambda: not db.execute("select from cellcast.outbox").fetchall(), what="the outbox is empty")
    assert [seq for seq, _, _ in stack.rows(f"default/{CHANNEL}")] == list(range(1, ROUNDS + 201))
