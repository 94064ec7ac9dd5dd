/* The stream that wakes the outbox: what the WAL tells of its rows. */
#include "outbox.h"

#include "sequencer.h"

#include "pg/stream.h"

static void on_stream_up(void *owner, bool created, uint64_t start_lsn)
{
    struct sequencer *s = owner;
    s->outbox.stream_up = true;
    s->outbox.relation = 0;
    s->metrics.outbox_stream_up = 1;
    s->outbox.strange = true;
    s->outbox.strange_asked = false;
    outbox_wake(s);
}

static void on_stream_down(void *owner, const char *why)
{
    struct sequencer *s = owner;
    s->outbox.stream_up = false;
    s->metrics.outbox_stream_up = 0;
    if (s->lead.phase != LEAVING)
        outbox_tick(s);
}

static void relation_told(struct outbox *o, const struct pgoutput_event *e)
{
    if (!bytes_is(e->table, "outbox") || !bytes_is(e->schema, "cellcast"))
        return;
    o->shard_column = o->id_column = -1;
    for (unsigned i = 0; i < e->n_columns; i++)
        if (bytes_is(e->columns[i], "shard"))
            o->shard_column = (int)i;
        else if (bytes_is(e->columns[i], "id"))
            o->id_column = (int)i;
    o->relation = o->shard_column < 0 || o->id_column < 0 ? 0 : e->relation;
}

/* -> false: it is none */
static bool number_of(const struct pgoutput_event *e, int column, size_t bytes, uint64_t *ret)
{
    if ((unsigned)column >= e->n_columns)
        return false;
    struct bytes value = e->columns[column];
    if (!e->binary[column])
        return bytes_u64(value, ret);
    *ret = 0;
    for (size_t i = 0; i < value.n; i++)
        *ret = *ret << 8 | (unsigned char)value.p[i];
    return value.n == bytes;
}

/* A row of a shard that is not led here is its leader's, unless that shard is taken before the row can be seen. */
static void row_told(struct sequencer *s, const struct pgoutput_event *e)
{
    struct outbox *o = &s->outbox;
    uint64_t shard, row;
    if (e->relation != o->relation || !number_of(e, o->shard_column, sizeof(int16_t), &shard) ||
        !number_of(e, o->id_column, sizeof(int64_t), &row) || shard >= SHARDS)
        return;
    if (!leader_has(&s->leader, (unsigned)shard)) {
        xids_add(&o->foreign, o->xid);
        return;
    }
    o->fresh = true;
    if (o->n_told < OUTBOX_TOLD_MAX)
        o->told[o->n_told++] = (struct outbox_told){.row = (int64_t)row, .xid = o->xid};
    else
        outbox_unseen(o, o->xid);
}

static void on_frame(void *owner, uint64_t lsn, struct bytes message)
{
    struct sequencer *s = owner;
    struct pgoutput_event e;
    if (pgoutput_decode(message, &e) < 0)
        return; /* the scan of each second remains */
    if (e.type == PGOUTPUT_BEGIN)
        s->outbox.xid = e.xid;
    if (e.type == PGOUTPUT_RELATION)
        relation_told(&s->outbox, &e);
    if (e.type == PGOUTPUT_INSERT)
        row_told(s, &e);
    if (e.type == PGOUTPUT_COMMIT) {
        pg_stream_confirm(s->outbox.stream, e.lsn);
        if (s->outbox.fresh)
            outbox_look(s);
        s->outbox.fresh = false;
    }
}

static void on_keepalive(void *owner, uint64_t wal_end)
{
    struct sequencer *s = owner;
    pg_stream_confirm(s->outbox.stream, wal_end);
}

const struct pg_stream_handlers outbox_stream_handlers = {on_stream_up, on_frame, on_keepalive,
                                                          on_stream_down};
