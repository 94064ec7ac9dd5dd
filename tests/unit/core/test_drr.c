#include "core/drr.h"

#include "unit.h"

#include <stdlib.h>

#define QUANTUM 1000
#define MOST 3000 /* of one piece of work */
#define FLOWS 6

/* A flow, and work that waits for it: pieces of random cost. */
struct queue {
    struct drr_flow flow;
    int waiting;
    double given; /* so far, divided by its weight */
    int pieces;
};

static struct drr d;
static struct queue queues[FLOWS];
static unsigned seed;

static int up_to(int most)
{
    return rand_r(&seed) % most + 1;
}

static void start(int32_t quantum)
{
    seed = 1;
    drr_init(&d, quantum);
    for (int i = 0; i < FLOWS; i++) {
        queues[i] = (struct queue){0};
        drr_flow_init(&queues[i].flow);
    }
}

static void add(struct queue *q, int pieces)
{
    q->waiting += pieces;
    drr_join(&d, &q->flow);
}

static double weight(const struct queue *q)
{
    return (double)q->flow.weight / DRR_WEIGHT;
}

static struct queue *serve(int cost)
{
    struct drr_flow *f = drr_next(&d);
    if (!f)
        return NULL;
    struct queue *q = container_of(f, struct queue, flow);
    drr_pay(f, (uint64_t)cost);
    q->given += cost / weight(q);
    q->pieces++;
    if (--q->waiting == 0)
        drr_leave(f);
    return q;
}

START_TEST(nobody_has_a_turn_while_nobody_has_work)
{
    start(QUANTUM);
    ck_assert_ptr_null(drr_next(&d));
    add(&queues[0], 1);
    ck_assert_ptr_eq(serve(10), &queues[0]);
    ck_assert_ptr_null(serve(10));
    drr_leave(&queues[0].flow);
    ck_assert(drr_is_empty(&d));
}
END_TEST

START_TEST(equal_weights_take_turns_of_a_quantum)
{
    start(QUANTUM);
    add(&queues[0], 100);
    add(&queues[1], 100);
    for (int turn = 0; turn < 10; turn++)
        for (int piece = 0; piece < 10; piece++)
            ck_assert_ptr_eq(serve(QUANTUM / 10), &queues[turn % 2]);
}
END_TEST

/* The widest difference between two that always have work, over any time: what was given to one less what was given to
 * the other, highest less lowest so far. */
struct spread {
    double low, high;
};

static void widen(struct spread *s, double now)
{
    s->low = now < s->low ? now : s->low;
    s->high = now > s->high ? now : s->high;
}

/* arrive: what comes for the others before each piece. */
static void prove_bound(int weight_a, int weight_b, void (*arrive)(int step))
{
    struct spread spread = {0};
    struct queue *a = &queues[0], *b = &queues[1];
    start(QUANTUM);
    drr_weigh(&a->flow, weight_a);
    drr_weigh(&b->flow, weight_b);
    double bound = QUANTUM + MOST / weight(a) + MOST / weight(b);
    add(a, 1 << 30);
    add(b, 1 << 30);
    for (int step = 0; step < 20000; step++) {
        arrive(step);
        serve(up_to(MOST));
        widen(&spread, a->given - b->given);
        ck_assert_double_le(spread.high - spread.low, bound);
    }
    ck_assert_int_gt(a->pieces, 100);
    ck_assert_int_gt(b->pieces, 100);
}

static void nobody_else(int step)
{
}

static void a_flood_of_others(int step)
{
    if (step == 0)
        for (int i = 2; i < FLOWS; i++)
            add(&queues[i], 1 << 30);
}

static void one_piece_at_a_time(int step) /* joins and leaves with each */
{
    if (queues[2].waiting == 0)
        add(&queues[2], 1);
}

static void bursts(int step)
{
    if (step % 97 == 0)
        add(&queues[2 + step / 97 % (FLOWS - 2)], 50);
}

static void at_random(int step)
{
    int which = up_to(FLOWS) - 1;
    if (which >= 2 && up_to(3) == 1)
        add(&queues[which], up_to(10));
    if (which >= 2 && up_to(50) == 1 && queues[which].waiting == 0)
        drr_weigh(&queues[which].flow, up_to(DRR_WEIGHT_MAX));
}

START_TEST(what_two_are_given_differs_by_a_quantum_and_their_largest_pieces_whatever_the_others_do)
{
    void (*const patterns[])(int) = {nobody_else, a_flood_of_others, one_piece_at_a_time, bursts, at_random};
    const int weights[][2] = {{100, 100}, {100, 300}, {25, 100}, {1000, 10}};
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++)
        for (size_t w = 0; w < sizeof weights / sizeof *weights; w++)
            prove_bound(weights[w][0], weights[w][1], patterns[p]);
}
END_TEST

START_TEST(who_joins_waits_for_one_turn_of_each_of_the_others_at_most)
{
    start(QUANTUM);
    for (int i = 1; i < FLOWS; i++)
        add(&queues[i], 1 << 30);
    for (int again = 0; again < 500; again++) {
        for (int n = up_to(40); n > 0; n--)
            serve(up_to(MOST));
        int waited = 0, cost = 0;
        queues[0].flow.deficit = 0; /* it owes nothing */
        add(&queues[0], 1);
        while (serve(cost = up_to(MOST)) != &queues[0])
            waited += cost;
        ck_assert_int_le(waited, (FLOWS - 1) * (QUANTUM + MOST));
    }
}
END_TEST

START_TEST(who_leaves_takes_its_debt_along_and_saves_nothing_up)
{
    start(QUANTUM);
    add(&queues[0], 1);
    serve(10);
    ck_assert_int_eq(queues[0].flow.deficit, 0);
    add(&queues[0], 1);
    serve(MOST);
    ck_assert_int_eq(queues[0].flow.deficit, QUANTUM - MOST);
    add(&queues[0], 1);
    add(&queues[1], 100);
    for (int i = 0; i < 2 * QUANTUM / 100; i++) /* while the other one pays its debt off */
        ck_assert_ptr_eq(serve(100), &queues[1]);
}
END_TEST

START_TEST(a_flow_may_stand_for_others_that_together_have_its_turn)
{
    struct drr inner;
    struct drr_flow lane, *f;
    double given[FLOWS] = {0};
    start(QUANTUM);
    drr_init(&inner, QUANTUM);
    drr_flow_init(&lane);
    drr_join(&d, &lane);
    drr_join(&d, &queues[0].flow);
    for (int i = 1; i < FLOWS; i++)
        drr_join(&inner, &queues[i].flow);
    for (int step = 0; step < 10000; step++) {
        int cost = up_to(100);
        if ((f = drr_next(&d)) == &lane) {
            f = drr_next(&inner);
            drr_pay(&lane, (uint64_t)cost);
        }
        drr_pay(f, (uint64_t)cost);
        given[container_of(f, struct queue, flow) - queues] += cost;
    }
    for (int i = 1; i < FLOWS; i++)
        ck_assert_double_eq_tol(given[0] / given[i], FLOWS - 1, 0.5);
}
END_TEST

START_TEST(without_a_quantum_the_first_goes_on_until_it_leaves)
{
    start(DRR_IN_ORDER);
    add(&queues[1], 100);
    add(&queues[0], 1);
    for (int i = 0; i < 100; i++)
        ck_assert_ptr_eq(serve(MOST), &queues[1]);
    ck_assert_ptr_eq(serve(MOST), &queues[0]);
}
END_TEST

START_TEST(no_payment_and_no_weight_goes_beyond_its_bounds)
{
    start(QUANTUM);
    drr_weigh(&queues[0].flow, -5);
    ck_assert_uint_eq(queues[0].flow.weight, 1);
    drr_weigh(&queues[0].flow, 1 << 30);
    ck_assert_uint_eq(queues[0].flow.weight, DRR_WEIGHT_MAX);
    drr_pay(&queues[0].flow, UINT64_MAX);
    drr_pay(&queues[0].flow, UINT64_MAX);
    ck_assert_int_eq(queues[0].flow.deficit, -DRR_DEBT_MAX);
}
END_TEST

UNIT_MAIN("core/drr", nobody_has_a_turn_while_nobody_has_work, equal_weights_take_turns_of_a_quantum,
          what_two_are_given_differs_by_a_quantum_and_their_largest_pieces_whatever_the_others_do,
          who_joins_waits_for_one_turn_of_each_of_the_others_at_most, who_leaves_takes_its_debt_along_and_saves_nothing_up,
          a_flow_may_stand_for_others_that_together_have_its_turn, without_a_quantum_the_first_goes_on_until_it_leaves,
          no_payment_and_no_weight_goes_beyond_its_bounds)
