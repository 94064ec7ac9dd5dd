/* The Kafka record against tests/golden/relay/record.hex. */
#include "message.h"

#include "fixture.h"
#include "unit.h"

#include "wire/channel.h"
#include "wire/messages.h"

#include <ctype.h>
#include <stdio.h>

/* The bytes of one paragraph of hex, numbered from 0; what stands behind # is for the reader.
 */
static void read_paragraph(unsigned wanted, struct buf *into)
{
    char line[512];
    unsigned paragraph = 0;
    bool within = false;
    FILE *f = fopen(GOLDEN "/record.hex", "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "#\n")] = 0;
        char *at = line, *end;
        bool any = false;
        for (unsigned long v = strtoul(at, &end, 16); end != at; v = strtoul(at, &end, 16)) {
            if (paragraph == wanted)
                buf_append_char(into, (char)v);
            at = end;
            any = true;
        }
        ck_assert_msg(strspn(at, " ") == strlen(at), "not hex: %s", at);
        if (within && !any)
            paragraph++;
        within = any;
    }
    fclose(f);
}

static struct message *golden_message(void)
{
    struct row row = {
        .id = 250000000000000001,
        .epoch = 1763900000,
        .seq = 42,
        .time_ms = 1795437296789,
        .shard = 35,
        .channel = BYTES("default/news"),
        .tenant = BYTES("default"),
        .data = BYTES("{\"text\":\"gr\303\274\303\237e\"}"),
        .tags = BYTES("{\"a\":\"b\"}"),
        .after = BYTES("default/news@41"),
    };
    struct message *m = message_new(&row);
    m->committed_us = 1795437296791000;
    return m;
}

static void compare(bool stub, unsigned paragraph)
{
    struct buf have, want;
    struct message *m = golden_message();
    buf_init(&have);
    buf_init(&want);
    read_paragraph(paragraph, &want);
    ck_assert_uint_gt(want.n, 0);
    message_encode(m, stub, 1795437296791900, &have);
    ck_assert_uint_eq(have.n, want.n);
    ck_assert_mem_eq(have.p, want.p, want.n);
    message_free(m);
    buf_fini(&have);
    buf_fini(&want);
}

START_TEST(a_record_is_the_golden_one)
{
    compare(false, 0);
}
END_TEST

START_TEST(a_stub_is_the_record_without_its_payload)
{
    compare(true, 1);
}
END_TEST

START_TEST(key_and_partition_are_the_golden_ones)
{
    struct channel_place place = channel_place(BYTES("default/news"));
    ck_assert_uint_eq(place.shard, 35);
    ck_assert_uint_eq(place.partition_hash % 16, 8);
}
END_TEST

START_TEST(a_worker_reads_it_back)
{
    struct buf value;
    struct record record;
    struct publication p;
    struct message *m = golden_message();
    buf_init(&value);
    message_encode(m, false, 1, &value);
    ck_assert_int_eq(wire_get_record(buf_bytes(&value), &record), 0);
    ck_assert_uint_eq(record.kind, RECORD_MESSAGE);
    ck_assert_int_eq(wire_get_publication(record.publication, &p), 0);
    ck_assert_uint_eq(p.seq, 42);
    ck_assert_bytes(p.after, "default/news@41");
    ck_assert_uint_eq(p.relayed_us, 1);
    message_free(m);
    buf_fini(&value);
}
END_TEST

START_TEST(a_message_keeps_a_copy_of_its_row)
{
    char channel[] = "a/b", data[] = "\0\1\2";
    struct row row = row_of(1, 1);
    row.channel = bytes_of(channel, 3);
    row.data = bytes_of(data, 3);
    struct message *m = message_new(&row);
    memset(channel, 'x', 3);
    memset(data, 'x', 3);
    ck_assert_bytes(m->row.channel, "a/b");
    ck_assert_mem_eq(m->row.data.p, "\0\1\2", 3);
    ck_assert_uint_ge(m->bytes, sizeof *m + 6);
    message_free(m);
}
END_TEST

START_TEST(a_route_is_one_delivery_per_cell)
{
    struct message *m = message_of(1, 1), *nowhere = message_of(1, 2);
    message_route(m, 1ull << 63 | 5, 0);
    ck_assert_uint_eq(m->n_deliveries, 3);
    ck_assert_uint_eq(m->unacked, 3);
    ck_assert_uint_eq(m->deliveries[0].cell, 0);
    ck_assert_uint_eq(m->deliveries[1].cell, 2);
    ck_assert_uint_eq(m->deliveries[2].cell, 63);
    message_route(nowhere, 0, 0);
    ck_assert_uint_eq(nowhere->n_deliveries, 0);
    message_free(m);
    message_free(nowhere);
    message_free(NULL);
}
END_TEST

UNIT_MAIN("message", a_record_is_the_golden_one, a_stub_is_the_record_without_its_payload,
          key_and_partition_are_the_golden_ones, a_worker_reads_it_back,
          a_message_keeps_a_copy_of_its_row, a_route_is_one_delivery_per_cell)
