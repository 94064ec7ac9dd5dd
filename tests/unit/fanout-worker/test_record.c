#include "record.h"
#include "unit.h"
#include "wire/channel.h"

#include <errno.h>

static struct publication sent = {
    .epoch = 3, .seq = 9, .id = 77, .time_ms = 5, .data = {"{}", 2}};
static enum record_kind kind;
static struct publication got;

static int decode(const char *channel, uint8_t version, uint8_t as, const struct publication *p,
                  size_t cut)
{
    struct buf inner = {0}, value = {0};
    wire_put_publication(&inner, p);
    wire_put_record(
        &value,
        &(struct record){.version = version, .kind = as, .publication = buf_bytes(&inner)});
    int answer =
        record_decode(bytes_str(channel), bytes_of(value.p, value.n - cut), &kind, &got);
    buf_fini(&inner);
    buf_fini(&value);
    return answer;
}

static int with(void (*change)(struct publication *p), uint8_t as)
{
    struct publication p = sent;
    change(&p);
    return decode("t/x", WIRE_VERSION, as, &p, 0);
}

START_TEST(takes_what_the_relay_writes)
{
    ck_assert_int_eq(decode("default/chat:a/b", WIRE_VERSION, RECORD_MESSAGE, &sent, 0), 0);
    ck_assert_int_eq(kind, RECORD_MESSAGE);
    ck_assert_uint_eq(got.seq, 9);
    ck_assert_int_eq(decode("default/x", WIRE_VERSION, RECORD_STUB, &sent, 0), 0);
    ck_assert_int_eq(kind, RECORD_STUB);
}
END_TEST

START_TEST(refuses_other_versions_and_kinds)
{
    ck_assert_int_eq(decode("t/x", WIRE_VERSION + 1, RECORD_MESSAGE, &sent, 0), -EBADMSG);
    ck_assert_int_eq(decode("t/x", WIRE_VERSION, 0, &sent, 0), -EBADMSG);
    ck_assert_int_eq(decode("t/x", WIRE_VERSION, 4, &sent, 0), -EBADMSG);
}
END_TEST

START_TEST(refuses_every_value_that_is_cut_short)
{
    struct buf inner = {0};
    wire_put_publication(&inner, &sent);
    for (size_t cut = 1; cut <= inner.n + 6; cut++)
        ck_assert_int_eq(decode("t/x", WIRE_VERSION, RECORD_MESSAGE, &sent, cut), -EBADMSG);
    buf_fini(&inner);
}
END_TEST

START_TEST(refuses_keys_that_are_no_channels)
{
    const char *bad[] = {"", "x", "/x", "t/", "T/x", "t/a b", "t/a\nb"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(decode(bad[i], WIRE_VERSION, RECORD_MESSAGE, &sent, 0), -EBADMSG);
}
END_TEST

static void no_epoch(struct publication *p)
{
    p->epoch = 0;
}
static void no_seq(struct publication *p)
{
    p->seq = 0;
}
static void huge_seq(struct publication *p)
{
    p->seq = INT64_MAX;
}
static void huge_epoch(struct publication *p)
{
    p->epoch = UINT64_MAX;
}
static void odd_format(struct publication *p)
{
    p->format = FORMAT_MOST + 1;
}
static void huge_data(struct publication *p)
{
    static char data[DATA_MAX + 1];
    p->data = bytes_of(data, sizeof data);
}

START_TEST(refuses_numbers_that_nobody_assigns)
{
    ck_assert_int_eq(with(no_epoch, RECORD_MESSAGE), -EBADMSG);
    ck_assert_int_eq(with(no_seq, RECORD_MESSAGE), -EBADMSG);
    ck_assert_int_eq(with(huge_seq, RECORD_MESSAGE), -EBADMSG);
    ck_assert_int_eq(with(huge_epoch, RECORD_MESSAGE), -EBADMSG);
    ck_assert_int_eq(with(odd_format, RECORD_MESSAGE), -EBADMSG);
    ck_assert_int_eq(with(huge_data, RECORD_MESSAGE), -EBADMSG);
}
END_TEST

START_TEST(only_an_ephemeral_one_has_no_seq)
{
    ck_assert_int_eq(with(no_seq, RECORD_EPHEMERAL), 0);
    ck_assert_int_eq(decode("t/x", WIRE_VERSION, RECORD_EPHEMERAL, &sent, 0), -EBADMSG);
}
END_TEST

static int decode_news(const char *channel, uint8_t as, uint8_t what, size_t cut, struct presence_news *ret)
{
    struct buf inner = {0}, value = {0};
    wire_put_presence_news(&inner, &(struct presence_news){.what = what, .client = BYTES("c1"), .info = BYTES("{}")});
    wire_put_record(&value, &(struct record){.version = WIRE_VERSION, .kind = as, .publication = buf_bytes(&inner)});
    int error = record_news(bytes_str(channel), bytes_of(value.p, value.n - cut), ret);
    buf_fini(&inner);
    buf_fini(&value);
    return error;
}

START_TEST(takes_what_another_cell_says_of_members)
{
    struct presence_news m;
    ck_assert_int_eq(decode_news("t/x", RECORD_PRESENCE, NEWS_LEFT, 0, &m), 0);
    ck_assert_uint_eq(m.what, NEWS_LEFT);
    ck_assert_int_eq(decode_news("t/x", RECORD_MESSAGE, NEWS_LEFT, 0, &m), -EBADMSG);
    ck_assert_int_eq(decode_news("x", RECORD_PRESENCE, NEWS_LEFT, 0, &m), -EBADMSG);
    ck_assert_int_eq(decode_news("t/x", RECORD_PRESENCE, 0, 0, &m), -EBADMSG);
    ck_assert_int_eq(decode_news("t/x", RECORD_PRESENCE, NEWS_MISSED + 1, 0, &m), -EBADMSG);
    ck_assert_int_eq(decode_news("t/x", RECORD_PRESENCE, NEWS_LEFT, 1, &m), -EBADMSG);
}
END_TEST

UNIT_MAIN("fanout-worker/record", takes_what_another_cell_says_of_members, takes_what_the_relay_writes, refuses_other_versions_and_kinds,
          refuses_every_value_that_is_cut_short, refuses_keys_that_are_no_channels,
          refuses_numbers_that_nobody_assigns, only_an_ephemeral_one_has_no_seq)
