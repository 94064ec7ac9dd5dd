#include "core/fair_queue.h"

#include "unit.h"

struct job {
    struct fair_place place;
    char name;
};

static struct fair_queue q;
static struct job jobs[26];

static void join(const char *names, struct bytes key)
{
    for (; *names; names++) {
        struct job *j = &jobs[*names - 'a'];
        j->name = *names;
        fair_queue_join(&q, key, &j->place);
    }
}

static char name_of(const struct fair_place *p)
{
    return p ? container_of(p, struct job, place)->name : '-';
}

static void ck_order(const char *names)
{
    for (; *names; names++)
        ck_assert_int_eq(name_of(fair_queue_next(&q)), *names);
    ck_assert_int_eq(name_of(fair_queue_next(&q)), '-');
    ck_assert_uint_eq(q.n, 0);
    fair_queue_fini(&q);
}

START_TEST(keys_take_turns_and_each_is_served_in_order)
{
    fair_queue_init(&q);
    join("abcd", BYTES("whale"));
    join("xy", BYTES("quiet"));
    join("p", BYTES(""));
    ck_order("axpbycd");
}
END_TEST

START_TEST(who_leaves_is_passed_over)
{
    fair_queue_init(&q);
    join("ab", BYTES("whale"));
    join("xy", BYTES("quiet"));
    fair_queue_leave(&q, &jobs['x' - 'a'].place);
    fair_queue_leave(&q, &jobs['x' - 'a'].place);
    fair_queue_leave(&q, &jobs['a' - 'a'].place);
    ck_assert_uint_eq(q.n, 2);
    ck_order("by");
}
END_TEST

START_TEST(whoever_has_most_gives_way_to_others_and_not_to_itself)
{
    fair_queue_init(&q);
    ck_assert_ptr_null(fair_queue_gives_way(&q, BYTES("quiet")));
    join("abc", BYTES("whale"));
    ck_assert_int_eq(name_of(fair_queue_gives_way(&q, BYTES("quiet"))), 'c');
    ck_assert_int_eq(name_of(fair_queue_gives_way(&q, BYTES("whale"))), '-');
    join("x", BYTES("quiet"));
    ck_assert_int_eq(name_of(fair_queue_gives_way(&q, BYTES("quiet"))), 'c');
    join("y", BYTES("quiet"));
    ck_assert_int_eq(name_of(fair_queue_gives_way(&q, BYTES("quiet"))), '-'); /* it would have as many */
    ck_order("axbyc");
}
END_TEST

UNIT_MAIN("core/fair_queue", keys_take_turns_and_each_is_served_in_order, who_leaves_is_passed_over,
          whoever_has_most_gives_way_to_others_and_not_to_itself)
