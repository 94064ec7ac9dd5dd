#include "read.h"
#include "unit.h"

/* A ring of [40, 60]. */
static struct ring ring;
static struct read_slice slice;

static void begin(void)
{
    struct ring_limits limits = {.messages = 100, .bytes = 1 << 20};
    ring_init(&ring, 40);
    for (uint64_t seq = 40; seq <= 60; seq++) {
        struct pub *p = pub_new(BYTES("t/x"), &(struct publication){.epoch = 1, .seq = seq});
        ring_append(&ring, p, &limits);
        pub_unref(p);
    }
}

static bool forward(uint64_t since, uint64_t until, uint32_t limit, bool partial)
{
    slice = (struct read_slice){0};
    return read_from_ring(&ring,
                          &(struct fan_read){.since = since, .until = until, .limit = limit},
                          partial, &slice);
}

static bool reverse(uint64_t since, uint32_t limit, bool partial)
{
    slice = (struct read_slice){0};
    return read_from_ring(&ring,
                          &(struct fan_read){.since = since, .limit = limit, .reverse = 1},
                          partial, &slice);
}

#define ck_slice(first_, last_, more_)                                                         \
    do {                                                                                       \
        ck_assert_uint_eq(slice.first, first_);                                                \
        ck_assert_uint_eq(slice.last, last_);                                                  \
        ck_assert_uint_eq(slice.n, (first_ > last_ ? first_ - last_ : last_ - first_) + 1);    \
        ck_assert_int_eq(slice.more, more_);                                                   \
    } while (0)

START_TEST(forward_reads_what_the_ring_holds_whole)
{
    begin();
    ck_assert(forward(39, 0, 100, false));
    ck_slice(40, 60, false);
    ck_assert(forward(49, 55, 100, false));
    ck_slice(50, 55, false);
    ck_assert(forward(49, 0, 3, false));
    ck_slice(50, 52, true);
    ck_assert(forward(49, 60, 11, false));
    ck_slice(50, 60, false);
    ring_fini(&ring);
}
END_TEST

START_TEST(forward_below_the_ring_takes_postgresql)
{
    begin();
    ck_assert(!forward(38, 0, 100, false));
    ck_assert(!forward(0, 0, 100, true));
    ring_fini(&ring);
}
END_TEST

START_TEST(forward_above_the_head_takes_postgresql_unless_it_is_away)
{
    begin();
    ck_assert(forward(60, 0, 100, false));
    ck_assert_uint_eq(slice.n, 0);
    ck_assert(!forward(61, 0, 100, false));
    ck_assert(!forward(50, 70, 100, false));
    ck_assert(forward(50, 70, 100, true));
    ck_slice(51, 60, false);
    ck_assert(forward(65, 0, 100, true));
    ck_assert_uint_eq(slice.n, 0);
    ring_fini(&ring);
}
END_TEST

START_TEST(reverse_reads_downwards)
{
    begin();
    ck_assert(reverse(0, 10, false));
    ck_slice(60, 51, true);
    ck_assert(reverse(51, 11, false));
    ck_slice(50, 40, true);
    ck_assert(!reverse(51, 12, false));
    ck_assert(!reverse(70, 5, false));
    ring_fini(&ring);
}
END_TEST

START_TEST(reverse_gives_the_rings_part_while_postgresql_is_away)
{
    begin();
    ck_assert(reverse(0, 100, true));
    ck_slice(60, 40, true);
    ck_assert(!reverse(30, 10, true));
    ring_fini(&ring);
}
END_TEST

START_TEST(reverse_ends_at_the_first_message)
{
    struct ring_limits limits = {.messages = 100, .bytes = 1 << 20};
    ring_init(&ring, 1);
    ck_assert(reverse(0, 10, false));
    ck_assert_uint_eq(slice.n, 0);
    struct pub *p = pub_new(BYTES("t/x"), &(struct publication){.epoch = 1, .seq = 1});
    ring_append(&ring, p, &limits);
    pub_unref(p);
    ck_assert(reverse(0, 10, false));
    ck_slice(1, 1, false);
    ck_assert(reverse(1, 10, false));
    ck_assert_uint_eq(slice.n, 0);
    ring_fini(&ring);
}
END_TEST

START_TEST(limit_0_asks_for_the_position_alone)
{
    begin();
    ck_assert(forward(3, 0, 0, false));
    ck_assert_uint_eq(slice.n, 0);
    ring_fini(&ring);
}
END_TEST

static uint64_t warms(uint64_t since, uint32_t limit, bool reverse, uint32_t messages_max)
{
    return read_warms_since(
        &ring, messages_max, &(struct fan_read){.since = since, .limit = limit, .reverse = reverse});
}

START_TEST(a_ring_is_filled_downwards_in_steps_that_readers_share)
{
    begin();
    ring_fini(&ring);
    ring_init(&ring, 301); /* empty, its head is 300 */
    ck_assert_uint_eq(warms(290, 32, false, 256), 300 - 64);
    ck_assert_uint_eq(warms(240, 32, false, 256), 300 - 64);
    ck_assert_uint_eq(warms(230, 32, false, 256), 300 - 128);
    ck_assert_uint_eq(warms(0, 10, true, 256), 300 - 64);
    ck_assert_uint_eq(warms(0, 100, true, 256), 300 - 128);
    ck_assert_uint_eq(warms(250, 20, true, 256), 300 - 128);
    ck_assert_uint_eq(warms(290, 32, false, 50), 300 - 50);
    ring_fini(&ring);
    ring_init(&ring, 41);
    ck_assert_uint_eq(warms(2, 32, false, 256), 0);
    ring_fini(&ring);
}
END_TEST

START_TEST(what_a_ring_has_no_room_for_does_not_fill_it)
{
    begin(); /* [40, 60] */
    ck_assert_uint_eq(warms(10, 32, false, 100), 0);
    ck_assert_uint_eq(warms(10, 32, false, 49), 39);
    ck_assert_uint_eq(warms(60, 32, false, 100), 39); /* nothing is lacking */
    ring_fini(&ring);
}
END_TEST

UNIT_MAIN("fanout-worker/read", forward_reads_what_the_ring_holds_whole,
          forward_below_the_ring_takes_postgresql,
          forward_above_the_head_takes_postgresql_unless_it_is_away, reverse_reads_downwards,
          reverse_gives_the_rings_part_while_postgresql_is_away,
          reverse_ends_at_the_first_message, limit_0_asks_for_the_position_alone,
          a_ring_is_filled_downwards_in_steps_that_readers_share,
          what_a_ring_has_no_room_for_does_not_fill_it)
