/* Random interleavings of records (late, repeated, lost), subscribes, PostgreSQL's answers
 * (late, of lagging snapshots), full takers, changes of the map, against the model of
 * world.c: whatever happens, a cursor sees ascending seqs without a hole and without a
 * repeat, ends at the head, and is told 112 only when something is really gone. */
#include "unit.h"
#include "world.h"

#include "core/clock.h"
#include "run/log.h"

#include <stdio.h>

#define RUNS 40
#define STEPS 3000
#define CHANNELS 4 /* few, so that much happens on each */

static const struct routes_limits limits = {
    .ring = {.messages = 8, .bytes = 4000},
    .cache_bytes = 8000,
    .sweep_ns = 10 * NS_PER_S,
};

enum { LOSSES = 1, GENERATIONS = 2, RETENTION = 4, MAPS = 8, WARMTH = 16, REMOVALS = 32, PASSERS = 64 };

static void relay(struct world *w, int channel, int faults)
{
    bool removes = (faults & REMOVALS) && world_dice(w, 30) == 0;
    uint64_t seq = removes ? world_remove(w, channel) : world_commit(w, channel), epoch = world_log(w, channel)->epoch;
    if ((faults & LOSSES) && world_dice(w, 20) == 0)
        return;
    world_produce(w, channel, epoch, seq);
    if (world_dice(w, 25))
        return;
    for (uint64_t again = seq > 5 ? seq - 5 : 1; again <= seq;
         again++) /* a relay that was restarted */
        world_produce(w, channel, epoch, again);
}

static void subscribe(struct world *w, int taker, int channel)
{
    struct world_view *v = &w->takers[taker].views[channel];
    const struct world_log *log = world_log(w, channel);
    uint32_t how = world_dice(w, 10);
    if (how < 3)
        world_subscribe(w, taker, channel, true, 0, 0);
    else if (how < 6 && v->answered && v->seq != UINT64_MAX)
        world_subscribe(w, taker, channel, false, v->epoch, v->seq);
    else if (how < 9)
        world_subscribe(w, taker, channel, false, log->epoch,
                        world_dice(w, (uint32_t)log->head + 1));
    else
        world_subscribe(w, taker, channel, false, log->epoch + world_dice(w, 2),
                        log->head + world_dice(w, 3));
}

static void faulty(struct world *w, int faults)
{
    int channel = (int)world_dice(w, CHANNELS);
    struct world_log *log = world_log(w, channel);
    if ((faults & GENERATIONS) && world_dice(w, 4) == 0)
        world_epoch(w, channel);
    if ((faults & RETENTION) && world_dice(w, 2) == 0)
        log->gone = world_dice(w, (uint32_t)log->head + 1) > log->gone
                        ? log->gone + world_dice(w, 20)
                        : log->gone;
    if (log->gone > log->head)
        log->gone = log->head;
    if ((faults & MAPS) && world_dice(w, 2) == 0) {
        world_own(w, false);
        w->n_questions = 0;
        world_own(w, true);
    }
}

static void step(struct world *w, int faults)
{
    int channel = (int)world_dice(w, CHANNELS), taker = (int)world_dice(w, WORLD_TAKERS);
    switch (world_dice(w, 12)) {
    case 0 ... 2:
        relay(w, channel, faults);
        break;
    case 3 ... 5:
        for (uint32_t n = world_dice(w, 6); n > 0; n--)
            world_consume(w, channel);
        break;
    case 6:
        if ((faults & PASSERS) && world_dice(w, 10) == 0)
            world_subscribe_passing(w, taker, channel);
        else if (world_dice(w, 3) == 0)
            subscribe(w, taker, channel);
        else if (world_dice(w, 6) == 0)
            world_unsubscribe(w, taker, channel);
        break;
    case 7 ... 8:
        if ((faults & WARMTH) && world_dice(w, 4) == 0)
            world_warm(w, channel);
        if (w->n_questions)
            world_answer(w, world_dice(w, (uint32_t)w->n_questions));
        break;
    case 9:
        world_drain(w, taker);
        break;
    case 10:
        world_pass(w, world_dice(w, 60));
        break;
    default:
        if (world_dice(w, 20) == 0)
            faulty(w, faults);
        else
            routes_turn(&w->routes);
    }
}

static void play(uint64_t seed, int faults)
{
    struct world *w = malloc(sizeof *w);
    log_init("test",
             LOG_LEVEL_ERROR + 1); /* thousands of holes are found here, as they should be */
    world_init(w, seed, &limits);
    w->may_lose = faults & (GENERATIONS | RETENTION | REMOVALS);
    w->lag_ns = 20 * NS_PER_MS;
    world_own(w, true);
    for (int i = 0; i < STEPS; i++)
        step(w, faults);
    for (int i = 0; i < CHANNELS; i++)
        while (world_consume(w, i))
            ;
    world_settle(w);
    world_check_complete(w);
    if (!w->may_lose)
        ck_assert_uint_eq(w->metrics.holes_lost_total, 0);
    ck_assert_uint_eq(w->metrics.rowless_total, 0);
    ck_assert_uint_gt(w->metrics.refills_total, 0);
    world_fini(w);
    ck_assert_int_eq(w->metrics.channels, 0);
    ck_assert_int_eq(w->metrics.interests, 0);
    ck_assert_int_eq(w->metrics.interests_behind, 0);
    ck_assert_int_eq(w->metrics.interests_waiting, 0);
    free(w);
}

static void play_all(int faults)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++)
        play(seed, faults);
}

START_TEST(a_late_and_repeating_kafka_costs_no_order)
{
    play_all(0);
}
END_TEST

START_TEST(what_kafka_loses_comes_from_postgresql)
{
    play_all(LOSSES);
}
END_TEST

START_TEST(a_map_that_changes_costs_nothing_but_a_resume)
{
    play_all(LOSSES | MAPS);
}
END_TEST

START_TEST(what_is_gone_is_announced)
{
    play_all(LOSSES | RETENTION | GENERATIONS | MAPS);
}
END_TEST

START_TEST(history_reads_fill_rings_under_cursors)
{
    play_all(LOSSES | WARMTH);
}
END_TEST

START_TEST(what_is_removed_is_announced)
{
    play_all(LOSSES | WARMTH | REMOVALS | MAPS);
}
END_TEST

START_TEST(who_has_no_position_beside_who_has_one)
{
    play_all(LOSSES | WARMTH | RETENTION | GENERATIONS | MAPS | PASSERS);
}
END_TEST

UNIT_MAIN("fanout-worker/routes_random", a_late_and_repeating_kafka_costs_no_order,
          what_kafka_loses_comes_from_postgresql, a_map_that_changes_costs_nothing_but_a_resume,
          what_is_gone_is_announced, history_reads_fill_rings_under_cursors, what_is_removed_is_announced, who_has_no_position_beside_who_has_one)
