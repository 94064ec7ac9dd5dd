#include "id_clock.h"

#include "leader.h"
#include "unit.h"
#include "wire/id.h"

#define NOW (ID_EPOCH_MS + 60000000000LL)
#define STEP (5 * 60 * 1000)
#define HOUR 3600000LL
#define DAY (24 * HOUR)

static struct id_clock clock_of(int64_t database_ms, int64_t mono_ms)
{
    struct id_clock c;
    id_clock_init(&c, STEP);
    id_clock_read(&c, database_ms, mono_ms, mono_ms);
    return c;
}

START_TEST(goes_on_by_itself_between_two_readings)
{
    struct id_clock c;
    id_clock_init(&c, STEP);
    ck_assert_uint_eq(id_clock_now(&c, 1000), 0);
    id_clock_read(&c, NOW, 1000, 1000);
    ck_assert_uint_eq(id_clock_now(&c, 1000), NOW);
    ck_assert_uint_eq(id_clock_now(&c, 1250), NOW + 250);
    ck_assert_uint_eq(c.jumps, 0);
}
END_TEST

START_TEST(follows_backwards_at_once)
{
    struct id_clock c = clock_of(NOW, 0);
    id_clock_read(&c, NOW - HOUR + 1000, 1000, 1000);
    ck_assert_uint_eq(id_clock_now(&c, 1000), NOW - HOUR + 1000);
    ck_assert_int_eq(id_clock_held_back(&c), 0);
    ck_assert_uint_eq(c.jumps, 1);
}
END_TEST

START_TEST(follows_small_steps_forwards_at_once)
{
    struct id_clock c = clock_of(NOW, 0);
    id_clock_read(&c, NOW + 1000 + STEP, 1000, 1000);
    ck_assert_uint_eq(id_clock_now(&c, 1000), NOW + 1000 + STEP);
    ck_assert_int_eq(id_clock_held_back(&c), 0);
}
END_TEST

START_TEST(a_day_ahead_for_ten_minutes_leaves_it_a_quarter_of_an_hour_ahead_at_most)
{
    struct id_clock c = clock_of(NOW, 0);
    int64_t mono_ms = 0;
    for (int i = 0; i < 10 * 60 * 10; i++) {
        mono_ms += 100;
        id_clock_read(&c, NOW + mono_ms + DAY, mono_ms, mono_ms);
    }
    int64_t ahead_ms = (int64_t)id_clock_now(&c, mono_ms) - (NOW + mono_ms);
    ck_assert_int_gt(ahead_ms, STEP);
    ck_assert_int_le(ahead_ms, STEP + 10 * 60 * 1000);
    ck_assert_int_eq(id_clock_held_back(&c), DAY - ahead_ms);
    ck_assert_uint_eq(c.jumps, 1);
    id_clock_read(&c, NOW + mono_ms, mono_ms, mono_ms);
    ck_assert_uint_eq(id_clock_now(&c, mono_ms), NOW + mono_ms);
}
END_TEST

START_TEST(says_what_it_said_before_it_went_ahead)
{
    struct id_clock c = clock_of(NOW, 0);
    const int64_t ten_ms = 10 * 60 * 1000;
    ck_assert_uint_eq(id_clock_was(&c, 60000, 60000), NOW);
    for (int64_t mono_ms = 100; mono_ms <= ten_ms; mono_ms += 100)
        id_clock_read(&c, NOW + mono_ms + DAY, mono_ms, mono_ms);
    ck_assert_uint_gt(id_clock_now(&c, ten_ms), (uint64_t)(NOW + ten_ms + STEP));
    ck_assert_uint_eq(id_clock_was(&c, ten_ms, ten_ms), NOW);
    ck_assert_uint_ge(id_clock_was(&c, ten_ms, 60000), (uint64_t)(NOW + ten_ms + STEP));
    id_clock_read(&c, NOW + DAY, DAY, DAY);
    ck_assert_uint_eq(id_clock_was(&c, DAY, 60000), (uint64_t)(NOW + DAY - 60000));
}
END_TEST

START_TEST(a_step_after_a_quiet_day_is_followed_no_further_than_any_other)
{
    struct id_clock c = clock_of(NOW, 0);
    id_clock_read(&c, NOW + 2 * DAY, DAY, DAY);
    ck_assert_uint_eq(id_clock_now(&c, DAY), NOW + DAY + STEP);
    ck_assert_int_eq(id_clock_held_back(&c), DAY - STEP);
}
END_TEST

START_TEST(a_clock_that_was_behind_and_is_put_right_is_caught_up_with)
{
    struct id_clock c = clock_of(NOW, 0);
    int64_t mono_ms = 0;
    while (mono_ms < DAY) {
        mono_ms += 10000;
        id_clock_read(&c, NOW + mono_ms + DAY, mono_ms, mono_ms);
    }
    ck_assert_int_eq(id_clock_held_back(&c), 0);
    ck_assert_uint_eq(id_clock_now(&c, mono_ms), NOW + mono_ms + DAY);
}
END_TEST

START_TEST(an_answer_that_took_long_says_little)
{
    struct id_clock c = clock_of(NOW, 0);
    id_clock_read(&c, NOW + 100, 100, 10100); /* a commit that waited ten seconds */
    ck_assert_uint_eq(id_clock_now(&c, 10100), NOW + 10100);
    id_clock_read(&c, NOW + 10200, 10200, 10201);
    ck_assert_uint_eq(id_clock_now(&c, 10201), NOW + 10201);
    ck_assert_uint_eq(c.jumps, 0);
    id_clock_read(&c, NOW - HOUR, 11000, 20000);
    ck_assert_uint_eq(id_clock_now(&c, 20000), NOW - HOUR + 9000);
    ck_assert_uint_eq(c.jumps, 1);
}
END_TEST

START_TEST(another_server_is_believed_anew)
{
    struct id_clock c = clock_of(NOW, 0);
    id_clock_forget(&c);
    id_clock_read(&c, NOW + DAY, 10, 10);
    ck_assert_uint_eq(id_clock_now(&c, 10), NOW + DAY);
}
END_TEST

START_TEST(an_id_that_nobody_can_have_been_shown_is_not_believed)
{
    struct id_clock c = clock_of(NOW, 0);
    ck_assert(id_clock_believes(&c, 0, 0));
    ck_assert(id_clock_believes(&c, id_floor(NOW + STEP), 0));
    ck_assert(!id_clock_believes(&c, id_floor(NOW + STEP + 1), 0));
    ck_assert(!id_clock_believes(&c, (1ULL << 62) - 1, 0));
    id_clock_saw(&c, id_floor(NOW + DAY)); /* a shard is ahead: then its ids are shown to people */
    ck_assert(id_clock_believes(&c, id_floor(NOW + DAY) | 7, 0));
    ck_assert(!id_clock_believes(&c, id_floor(NOW + DAY + HOUR), 0));
    ck_assert(id_clock_believes(&c, id_floor(NOW + DAY + 1500), 0)); /* read once a second, and late */
}
END_TEST

/* What came of believing one does not let the next one go further. */
START_TEST(what_the_process_gave_itself_is_believed_and_nothing_above_it)
{
    struct id_clock c = clock_of(NOW, 0);
    uint64_t id = id_floor(NOW + DAY) | 7;
    ck_assert(!id_clock_believes(&c, id, 0));
    id_clock_gave(&c, id);
    id_clock_gave(&c, id_floor(NOW + HOUR));
    ck_assert(id_clock_believes(&c, id, 0));
    ck_assert(!id_clock_believes(&c, id + 1, 0));
}
END_TEST

/* Publishers on all shards, each shown what it has been answered and what others wrote, while the
 * database's clock jumps back an hour and forward a day, and shards are led by processes whose
 * clocks disagree by minutes. */
START_TEST(ids_are_unique_ascending_and_above_all_that_was_shown_whatever_the_clocks_do)
{
    static uint64_t last[SHARDS];
    struct id_clock clocks[2];
    uint64_t shown = 0, random = 88172645463325252ULL;
    unsigned wrong = 0;
    int64_t error_ms[2] = {0, 3 * 60 * 1000};
    memset(last, 0, sizeof last);
    for (int i = 0; i < 2; i++)
        id_clock_init(&clocks[i], STEP);
    for (int64_t n = 0, mono_ms = 0; n < 300000; n++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        unsigned shard = random % SHARDS, process = shard < 32;
        mono_ms += random >> 40 & 1;
        if (n == 100000)
            error_ms[0] -= HOUR;
        if (n == 200000)
            error_ms[process] += DAY;
        id_clock_read(&clocks[process], NOW + mono_ms + error_ms[process], mono_ms, mono_ms);
        bool has_seen = random >> 50 & 1;
        uint64_t id = id_next(id_clock_now(&clocks[process], mono_ms), shard, last[shard],
                              has_seen ? shown : 0);
        wrong += id <= last[shard] || id_shard(id) != shard || (has_seen && id <= shown);
        last[shard] = id;
        shown = has_seen && id > shown ? id : shown;
    }
    ck_assert_uint_eq(wrong, 0); /* of one shard they ascend, of two they differ in its bits: unique */
    ck_assert_uint_lt(id_ms(shown), NOW + HOUR);
}
END_TEST

UNIT_MAIN("sequencer/id_clock", goes_on_by_itself_between_two_readings, follows_backwards_at_once,
          follows_small_steps_forwards_at_once,
          says_what_it_said_before_it_went_ahead,
          a_day_ahead_for_ten_minutes_leaves_it_a_quarter_of_an_hour_ahead_at_most,
          a_step_after_a_quiet_day_is_followed_no_further_than_any_other,
          a_clock_that_was_behind_and_is_put_right_is_caught_up_with, another_server_is_believed_anew,
          an_answer_that_took_long_says_little,
          an_id_that_nobody_can_have_been_shown_is_not_believed,
          what_the_process_gave_itself_is_believed_and_nothing_above_it,
          ids_are_unique_ascending_and_above_all_that_was_shown_whatever_the_clocks_do)
