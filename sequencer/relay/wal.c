#include "wal.h"

static const struct {
    const char *name;
    bool null;
} columns[WAL_N_COLUMNS] = {
#define WAL_COLUMN(name, null) {#name, null},
    WAL_COLUMNS(WAL_COLUMN)
#undef WAL_COLUMN
};

void wal_init(struct wal *w)
{
    *w = (struct wal){.why = ""};
}

static enum wal_answer say(struct wal *w, enum wal_answer answer, const char *why)
{
    w->why = why;
    return answer;
}

static void learn(struct wal *w, const struct pgoutput_event *e)
{
    if (!bytes_is(e->schema, "cellcast") || !bytes_is(e->table, "message"))
        return;
    w->relation = e->relation;
    for (unsigned c = 0; c < WAL_N_COLUMNS; c++) {
        w->place[c] = -1;
        for (unsigned i = 0; i < e->n_columns; i++)
            if (bytes_is(e->columns[i], columns[c].name))
                w->place[c] = (int)i;
    }
}

/* int2, int4 or int8 in binary, big-endian. */
static bool get_int(struct bytes v, int64_t *ret)
{
    if (v.n != 2 && v.n != 4 && v.n != 8)
        return false;
    uint64_t u = (signed char)v.p[0] < 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < v.n; i++)
        u = u << 8 | (unsigned char)v.p[i];
    *ret = (int64_t)u;
    return true;
}

static bool get_between(const struct bytes *v, enum wal_column c, int64_t least, int64_t most,
                        int64_t *ret)
{
    return get_int(v[c], ret) && *ret >= least && *ret <= most;
}

static const char *get_numbers(const struct bytes *v, struct row *row)
{
    int64_t id, shard, epoch, seq, created, format;
    if (!get_between(v, WAL_id, 1, INT64_MAX, &id))
        return "id";
    if (!get_between(v, WAL_shard, 0, UINT8_MAX, &shard))
        return "shard";
    if (!get_between(v, WAL_epoch, 0, INT64_MAX, &epoch))
        return "epoch";
    if (!get_between(v, WAL_seq, 1, INT64_MAX, &seq))
        return "seq";
    if (v[WAL_created_at].n != 8 ||
        !get_between(v, WAL_created_at, -PG_EPOCH_US, INT64_MAX - PG_EPOCH_US, &created))
        return "created_at";
    if (!get_between(v, WAL_format, 0, UINT8_MAX, &format))
        return "format";
    row->id = (uint64_t)id;
    row->shard = (uint8_t)shard;
    row->epoch = (uint64_t)epoch;
    row->seq = (uint64_t)seq;
    row->time_ms = (uint64_t)(created + PG_EPOCH_US) / 1000;
    row->format = (uint8_t)format;
    return NULL;
}

static enum wal_answer insert(struct wal *w, const struct pgoutput_event *e,
                              struct row *ret_row)
{
    struct bytes v[WAL_N_COLUMNS];
    for (unsigned c = 0; c < WAL_N_COLUMNS; c++) {
        int place = w->place[c];
        if (place < 0 || (unsigned)place >= e->n_columns)
            return say(w, WAL_BAD_ROW, columns[c].name);
        v[c] = e->columns[place];
        if (!v[c].p && !columns[c].null)
            return say(w, WAL_BAD_ROW, columns[c].name);
        if (v[c].p && !e->binary[place])
            return say(w, WAL_BAD_ROW, columns[c].name);
    }
    struct row row = {
        .channel = v[WAL_channel],
        .tenant = v[WAL_tenant],
        .data = v[WAL_data],
        .tags = v[WAL_tags],
        .info = v[WAL_info],
        .after = v[WAL_after],
    };
    const char *wrong = get_numbers(v, &row);
    if (wrong)
        return say(w, WAL_BAD_ROW, wrong);
    if (!row_valid(&row))
        return say(w, WAL_BAD_ROW, "range");
    *ret_row = row;
    return WAL_ROW;
}

enum wal_answer wal_read(struct wal *w, struct bytes frame, struct row *ret_row)
{
    struct pgoutput_event e;
    if (pgoutput_decode(frame, &e) < 0)
        return say(w, WAL_BROKEN, "cut short");
    switch (e.type) {
    case PGOUTPUT_OTHER:
        return WAL_NOTHING;
    case PGOUTPUT_RELATION:
        learn(w, &e);
        return WAL_NOTHING;
    case PGOUTPUT_BEGIN:
        if (w->open)
            return say(w, WAL_BROKEN, "begin within a transaction");
        w->open = true;
        w->committed_us = e.time_us;
        return WAL_BEGIN;
    case PGOUTPUT_INSERT:
        if (!w->open)
            return say(w, WAL_BROKEN, "insert outside of a transaction");
        return w->relation && e.relation == w->relation ? insert(w, &e, ret_row) : WAL_NOTHING;
    case PGOUTPUT_COMMIT:
        if (!w->open)
            return say(w, WAL_BROKEN, "commit outside of a transaction");
        w->open = false;
        w->end_lsn = e.lsn;
        return WAL_COMMIT;
    }
    return say(w, WAL_BROKEN, "of no known type");
}
