#include "pg/pgoutput.h"

#include <endian.h>
#include <errno.h>

/* Reads past the end leave `bad` set and give zero: looked at once, at the end. */
struct reader {
    const char *at, *end;
    bool bad;
};

static struct bytes take(struct reader *r, size_t n)
{
    if ((size_t)(r->end - r->at) < n) {
        r->bad = true;
        r->at = r->end;
        return (struct bytes){0};
    }
    struct bytes taken = {r->at, n};
    r->at += n;
    return taken;
}

static uint8_t take_u8(struct reader *r)
{
    struct bytes b = take(r, 1);
    return b.p ? (uint8_t)b.p[0] : 0;
}

static uint16_t take_u16(struct reader *r)
{
    struct bytes b = take(r, 2);
    uint16_t v = 0;
    if (b.p)
        memcpy(&v, b.p, sizeof v);
    return be16toh(v);
}

static uint32_t take_u32(struct reader *r)
{
    struct bytes b = take(r, 4);
    uint32_t v = 0;
    if (b.p)
        memcpy(&v, b.p, sizeof v);
    return be32toh(v);
}

static uint64_t take_u64(struct reader *r)
{
    struct bytes b = take(r, 8);
    uint64_t v = 0;
    if (b.p)
        memcpy(&v, b.p, sizeof v);
    return be64toh(v);
}

/* Up to the NUL, which is taken too. */
static struct bytes take_string(struct reader *r)
{
    const char *nul = memchr(r->at, 0, (size_t)(r->end - r->at));
    struct bytes s = take(r, nul ? (size_t)(nul - r->at) : (size_t)(r->end - r->at) + 1);
    take(r, 1);
    return s;
}

/* Wraps like the server's own arithmetic would: a stamp is shown, never trusted. */
static int64_t take_time_us(struct reader *r)
{
    return (int64_t)(take_u64(r) + (uint64_t)PG_EPOCH_US);
}

static void read_begin(struct reader *r, struct pgoutput_event *e)
{
    e->type = PGOUTPUT_BEGIN;
    e->lsn = take_u64(r);
    e->time_us = take_time_us(r);
    e->xid = take_u32(r);
}

static void read_commit(struct reader *r, struct pgoutput_event *e)
{
    e->type = PGOUTPUT_COMMIT;
    take(r, 1 + 8); /* flags, LSN of the commit record */
    e->lsn = take_u64(r);
    e->time_us = take_time_us(r);
}

static void read_column_count(struct reader *r, struct pgoutput_event *e)
{
    e->n_columns = take_u16(r);
    if (e->n_columns > PGOUTPUT_COLUMNS_MAX) {
        r->bad = true;
        e->n_columns = 0;
    }
}

static void read_relation(struct reader *r, struct pgoutput_event *e)
{
    e->type = PGOUTPUT_RELATION;
    e->relation = take_u32(r);
    e->schema = take_string(r);
    e->table = take_string(r);
    take(r, 1); /* replica identity */
    read_column_count(r, e);
    for (unsigned i = 0; i < e->n_columns; i++) {
        take(r, 1); /* flags */
        e->columns[i] = take_string(r);
        take(r, 4 + 4); /* type, its modifier */
    }
}

static void read_value(struct reader *r, struct pgoutput_event *e, unsigned column)
{
    uint8_t kind = take_u8(r);
    e->binary[column] = kind == 'b';
    if (kind == 'b' || kind == 't')
        e->columns[column] = take(r, take_u32(r));
    else if (kind != 'n') /* 'u', an unchanged TOAST value, is not of an insert */
        r->bad = true;
}

static void read_insert(struct reader *r, struct pgoutput_event *e)
{
    e->type = PGOUTPUT_INSERT;
    e->relation = take_u32(r);
    if (take_u8(r) != 'N')
        r->bad = true;
    read_column_count(r, e);
    for (unsigned i = 0; i < e->n_columns; i++)
        read_value(r, e, i);
}

int pgoutput_decode(struct bytes message, struct pgoutput_event *ret_event)
{
    struct pgoutput_event e = {.type = PGOUTPUT_OTHER};
    struct reader r = {message.p, message.p + message.n, message.n == 0};
    switch (take_u8(&r)) {
    case 'B':
        read_begin(&r, &e);
        break;
    case 'C':
        read_commit(&r, &e);
        break;
    case 'R':
        read_relation(&r, &e);
        break;
    case 'I':
        read_insert(&r, &e);
        break;
    default: /* origin, type, update, delete, truncate, message: not ours */
        break;
    }
    if (r.bad)
        return -EBADMSG;
    *ret_event = e;
    return 0;
}
