/* Rows and pgoutput frames, made by hand, for the relay's tests. */
#ifndef TESTS_RELAY_FIXTURE_H
#define TESTS_RELAY_FIXTURE_H

#include "message.h"

static inline struct row row_of(unsigned shard, uint64_t id)
{
    return (struct row){
        .id = id,
        .epoch = 1,
        .seq = id,
        .shard = (uint8_t)shard,
        .channel = BYTES("default/news"),
        .tenant = BYTES("default"),
        .data = BYTES("{}"),
    };
}

static inline struct message *message_of(unsigned shard, uint64_t id)
{
    struct row row = row_of(shard, id);
    return message_new(&row);
}

/* Big-endian, n bytes. */
static inline void put_be(struct buf *b, uint64_t v, unsigned n)
{
    while (n--)
        buf_append_char(b, (char)(v >> 8 * n));
}

static inline void put_begin(struct buf *b, int64_t committed_us)
{
    buf_clear(b);
    buf_append_char(b, 'B');
    put_be(b, 0x1000, 8);
    put_be(b, (uint64_t)(committed_us - 946684800000000LL), 8);
    put_be(b, 7, 4);
}

static inline void put_commit(struct buf *b, uint64_t end_lsn)
{
    buf_clear(b);
    buf_append_char(b, 'C');
    put_be(b, 0, 1);
    put_be(b, end_lsn - 8, 8);
    put_be(b, end_lsn, 8);
    put_be(b, 0, 8);
}

static inline void put_relation(struct buf *b, uint32_t oid, const char *schema,
                                const char *table, const char *const *names, unsigned n)
{
    buf_clear(b);
    buf_append_char(b, 'R');
    put_be(b, oid, 4);
    buf_append(b, schema, strlen(schema) + 1);
    buf_append(b, table, strlen(table) + 1);
    buf_append_char(b, 'd');
    put_be(b, n, 2);
    for (unsigned i = 0; i < n; i++) {
        put_be(b, 0, 1);
        buf_append(b, names[i], strlen(names[i]) + 1);
        put_be(b, 25, 4);
        put_be(b, 0xffffffff, 4);
    }
}

static inline void put_insert(struct buf *b, uint32_t oid, unsigned n)
{
    buf_clear(b);
    buf_append_char(b, 'I');
    put_be(b, oid, 4);
    buf_append_char(b, 'N');
    put_be(b, n, 2);
}

static inline void put_null(struct buf *b)
{
    buf_append_char(b, 'n');
}

static inline void put_number(struct buf *b, int64_t v, unsigned n)
{
    buf_append_char(b, 'b');
    put_be(b, n, 4);
    put_be(b, (uint64_t)v, n);
}

static inline void put_bytes(struct buf *b, struct bytes v)
{
    buf_append_char(b, 'b');
    put_be(b, v.n, 4);
    buf_append_bytes(b, v);
}

#endif
