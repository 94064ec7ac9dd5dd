#include "ring.h"
#include "unit.h"

static const struct ring_limits limits = {.messages = 8, .bytes = 1 << 20};

static struct pub *pub(uint64_t seq, size_t bytes)
{
    char *data = calloc(1, bytes + 1);
    struct pub *p =
        pub_new(BYTES("default/news"),
                &(struct publication){.epoch = 1, .seq = seq, .data = bytes_of(data, bytes)});
    free(data);
    return p;
}

static int append(struct ring *r, uint64_t seq, size_t bytes, const struct ring_limits *l)
{
    struct pub *p = pub(seq, bytes);
    int answer = ring_append(r, p, l);
    pub_unref(p);
    return answer;
}

static int prepend(struct ring *r, uint64_t seq)
{
    struct pub *p = pub(seq, 1);
    int answer = ring_prepend(r, p, &limits);
    pub_unref(p);
    return answer;
}

START_TEST(takes_what_comes_next_and_names_what_does_not)
{
    struct ring r;
    ring_init(&r, 5);
    ck_assert_uint_eq(ring_head(&r), 4);
    ck_assert_int_eq(append(&r, 4, 1, &limits), RING_REPEATED);
    ck_assert_int_eq(append(&r, 6, 1, &limits), RING_GAP);
    ck_assert(ring_is_empty(&r));
    ck_assert_int_eq(append(&r, 5, 1, &limits), 0);
    ck_assert_int_eq(append(&r, 5, 1, &limits), RING_REPEATED);
    ck_assert_int_eq(append(&r, 6, 1, &limits), 0);
    ck_assert_uint_eq(ring_head(&r), 6);
    ring_fini(&r);
}
END_TEST

START_TEST(finds_exactly_what_it_holds)
{
    struct ring r;
    ring_init(&r, 1);
    for (uint64_t seq = 1; seq <= 20; seq++)
        ck_assert_int_eq(append(&r, seq, 10, &limits), 0);
    ck_assert_uint_eq(r.first, 13);
    ck_assert_ptr_null(ring_find(&r, 12));
    ck_assert_ptr_null(ring_find(&r, 21));
    for (uint64_t seq = 13; seq <= 20; seq++)
        ck_assert_uint_eq(ring_find(&r, seq)->seq, seq);
    ring_fini(&r);
}
END_TEST

START_TEST(drops_the_oldest_when_bytes_run_out_but_keeps_the_newest)
{
    struct ring r;
    struct ring_limits small = {.messages = 100, .bytes = 1000};
    ring_init(&r, 1);
    append(&r, 1, 300, &small);
    append(&r, 2, 300, &small);
    append(&r, 3, 300, &small);
    ck_assert_uint_eq(r.first, 2);
    ck_assert_uint_le(r.bytes, 1000);
    append(&r, 4, 5000, &small);
    ck_assert_uint_eq(r.first, 4);
    ck_assert_ptr_nonnull(ring_find(&r, 4));
    append(&r, 5, 10, &small);
    ck_assert_uint_eq(r.first, 5);
    ring_fini(&r);
    ck_assert_uint_eq(r.bytes, 0);
}
END_TEST

START_TEST(keeps_what_fits_to_the_last_byte)
{
    struct ring r;
    struct pub *p = pub(1, 300);
    struct ring_limits two = {.messages = 100, .bytes = 2 * pub_bytes(p)};
    ring_init(&r, 1);
    append(&r, 1, 300, &two);
    append(&r, 2, 300, &two);
    ck_assert_uint_eq(r.first, 1);
    append(&r, 3, 300, &two);
    ck_assert_uint_eq(r.first, 2);
    ring_fini(&r);
    pub_unref(p);
}
END_TEST

START_TEST(keeps_its_position_when_it_is_emptied)
{
    struct ring r;
    ring_init(&r, 1);
    append(&r, 1, 10, &limits);
    append(&r, 2, 10, &limits);
    ring_restart(&r, r.next);
    ck_assert(ring_is_empty(&r));
    ck_assert_uint_eq(ring_head(&r), 2);
    ck_assert_uint_eq(r.bytes, 0);
    ck_assert_int_eq(append(&r, 2, 10, &limits), RING_REPEATED);
    ck_assert_int_eq(append(&r, 3, 10, &limits), 0);
    ring_fini(&r);
}
END_TEST

START_TEST(takes_what_lies_below_while_there_is_room)
{
    struct ring r;
    ring_init(&r, 11);
    for (uint64_t seq = 10; seq > 2; seq--) {
        ck_assert_int_eq(prepend(&r, seq - 1), RING_GAP);
        ck_assert_int_eq(prepend(&r, seq), 0);
    }
    ck_assert_int_eq(prepend(&r, 2), RING_FULL);
    for (uint64_t seq = 3; seq <= 10; seq++)
        ck_assert_uint_eq(ring_find(&r, seq)->seq, seq);
    ck_assert_int_eq(append(&r, 11, 1, &limits), 0); /* the oldest goes, as ever */
    ck_assert_ptr_null(ring_find(&r, 3));
    ck_assert_uint_eq(ring_find(&r, 11)->seq, 11);
    ring_fini(&r);
}
END_TEST

START_TEST(a_removal_drops_all_below_and_lets_nothing_get_there)
{
    struct ring r;
    struct pub *p = pub_new(BYTES("default/news"),
                            &(struct publication){.epoch = 1, .seq = 8, .format = FORMAT_REMOVAL, .data = BYTES("null")});
    ring_init(&r, 5);
    for (uint64_t seq = 5; seq < 8; seq++)
        append(&r, seq, 1, &limits);
    ck_assert(!ring_begins_history(&r));
    ck_assert(ring_would_drop(&r, p, &limits));
    ck_assert_int_eq(ring_append(&r, p, &limits), 0);
    ck_assert_uint_eq(r.first, 8);
    ck_assert(ring_begins_history(&r));
    ck_assert_int_eq(prepend(&r, 7), RING_FULL);
    append(&r, 9, 1, &limits);
    ck_assert_uint_eq(ring_head(&r), 9);
    ck_assert(ring_begins_history(&r));
    pub_unref(p);
    ring_fini(&r);
}
END_TEST

START_TEST(shares_publications_by_reference)
{
    struct ring r;
    struct pub *p = pub(1, 10);
    ring_init(&r, 1);
    ring_append(&r, p, &limits);
    ck_assert_uint_eq(p->refs, 2);
    ring_fini(&r);
    ck_assert_uint_eq(p->refs, 1);
    pub_unref(p);
}
END_TEST

START_TEST(a_body_is_a_fan_publication_that_ends_with_the_stamp)
{
    struct publication in = {.epoch = 3,
                             .seq = 9,
                             .id = 77,
                             .time_ms = 5,
                             .data = BYTES("{\"a\":1.0}"),
                             .tags = BYTES("{}"),
                             .after = BYTES("default/x@1"),
                             .committed_us = 1,
                             .relayed_us = 2,
                             .consumed_us = 3,
                             .sent_us = 4};
    struct pub *p = pub_new(BYTES("default/news"), &in);
    struct fan_publication body;
    struct publication out, inner;
    memset(p->body + p->n - PUB_STAMP, 1, PUB_STAMP);
    ck_assert_int_eq(wire_get_fan_publication(pub_body(p), &body), 0);
    ck_assert_int_eq(wire_get_publication(body.publication, &out), 0);
    ck_assert_int_eq(wire_get_publication(pub_inner(p), &inner), 0);
    ck_assert(bytes_is(body.channel, "default/news"));
    ck_assert(bytes_equal(out.data, in.data) && bytes_equal(inner.data, in.data));
    ck_assert_uint_eq(out.consumed_us, 3);
    ck_assert_uint_eq(out.sent_us, 0x0101010101010101u);
    pub_unref(p);
}
END_TEST

UNIT_MAIN("fanout-worker/ring", takes_what_comes_next_and_names_what_does_not,
          finds_exactly_what_it_holds, drops_the_oldest_when_bytes_run_out_but_keeps_the_newest,
          keeps_what_fits_to_the_last_byte,
          keeps_its_position_when_it_is_emptied, takes_what_lies_below_while_there_is_room, a_removal_drops_all_below_and_lets_nothing_get_there, shares_publications_by_reference,
          a_body_is_a_fan_publication_that_ends_with_the_stamp)
