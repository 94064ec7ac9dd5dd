#include "turns.h"

#include "connection.h"
#include "unit.h"

#define N (2 * TURN_OPENS + 3)

static struct connection all[N], *opened[2 * N];
static size_t n_opened;
static struct turns turns;

static void open_one(struct connection *c)
{
    opened[n_opened++] = c;
}

static void begin(void)
{
    n_opened = 0;
    turns_start(&turns, ev_default_loop(0), open_one);
    for (size_t i = 0; i < N; i++) {
        list_init(&all[i].turn);
        turns_add(&turns, &all[i]);
    }
}

static void turn(void)
{
    ev_run(turns.loop, EVRUN_NOWAIT);
}

START_TEST(few_are_opened_in_a_turn_and_all_in_their_order)
{
    begin();
    for (size_t want = TURN_OPENS; want < N + TURN_OPENS; want += TURN_OPENS) {
        turn();
        ck_assert_uint_eq(n_opened, want < N ? want : N);
    }
    turn();
    ck_assert_uint_eq(n_opened, N);
    for (size_t i = 0; i < N; i++)
        ck_assert_ptr_eq(opened[i], &all[i]);
    turns_stop(&turns);
}
END_TEST

START_TEST(the_loop_does_not_wait_while_somebody_is_due)
{
    begin();
    for (int i = 0; n_opened < 2 * TURN_OPENS; i++) {
        ck_assert_int_lt(i, N);
        ev_run(turns.loop, EVRUN_ONCE); /* it would wait for ever */
    }
    turns_stop(&turns);
}
END_TEST

START_TEST(who_comes_again_stands_at_the_end)
{
    begin();
    turn();
    turns_add(&turns, &all[0]);
    for (int i = 0; i < 4; i++)
        turn();
    ck_assert_uint_eq(n_opened, N + 1);
    ck_assert_ptr_eq(opened[N], &all[0]);
    turns_stop(&turns);
}
END_TEST

UNIT_MAIN("bench/turns", few_are_opened_in_a_turn_and_all_in_their_order, the_loop_does_not_wait_while_somebody_is_due,
          who_comes_again_stands_at_the_end)
