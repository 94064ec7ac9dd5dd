#include "pulse.h"

#include "core/clock.h"
#include "unit.h"

#define SILENCE (1500 * NS_PER_MS)
#define BEAT (SILENCE / 10)
#define START (1000 * NS_PER_S)

/* One that has been connected at START and answered at each beat up to now_ns. */
static struct pulse answered_until(int64_t now_ns)
{
    struct pulse p = {
        .connected = true, .silence_ns = SILENCE, .felt_ns = START, .tick_ns = START};
    for (int64_t at = START; at <= now_ns; at += BEAT) {
        pulse_turn(&p, at);
        pulse_feel(&p, at);
    }
    return p;
}

static void unanswered_until(struct pulse *p, int64_t now_ns)
{
    for (int64_t at = p->tick_ns + BEAT; at <= now_ns; at += BEAT)
        pulse_turn(p, at);
}

START_TEST(is_steady_after_a_third_of_the_silence_in_answers)
{
    struct pulse p = answered_until(START + 3 * BEAT);
    ck_assert(!pulse_is_steady(&p, START + 3 * BEAT));
    p = answered_until(START + 4 * BEAT);
    ck_assert(pulse_is_steady(&p, START + 4 * BEAT));
}
END_TEST

START_TEST(is_lost_after_a_silence_and_steady_for_half_of_it_at_most)
{
    int64_t last = START + 20 * BEAT;
    struct pulse p = answered_until(last);
    unanswered_until(&p, last + 9 * BEAT);
    ck_assert(pulse_is_steady(&p, last + 5 * BEAT));
    ck_assert(!pulse_is_steady(&p, last + 6 * BEAT));
    ck_assert(!pulse_is_lost(&p, last + 9 * BEAT));
    ck_assert(pulse_is_lost(&p, last + 10 * BEAT));
}
END_TEST

START_TEST(whoever_was_in_the_same_stall_is_lost_only_when_nobody_is_steady)
{
    int64_t last = START + 20 * BEAT, end = last + 60 * BEAT;
    struct pulse p = answered_until(last);
    unanswered_until(&p, end);
    ck_assert(pulse_is_lost(&p, end) && !pulse_is_steady(&p, end));
    for (int i = 0; i < 16; i++)
        pulse_feel(&p, end); /* all that was asked in the stall is answered at once */
    ck_assert(!pulse_is_lost(&p, end) && !pulse_is_steady(&p, end + BEAT));
    pulse_feel(&p, end + 4 * BEAT);
    ck_assert(pulse_is_steady(&p, end + 4 * BEAT));
}
END_TEST

START_TEST(a_single_answer_between_two_stalls_is_not_steady)
{
    int64_t last = START + 20 * BEAT, gap = last + 20 * BEAT;
    struct pulse p = answered_until(last);
    unanswered_until(&p, gap);
    for (int i = 0; i < 16; i++)
        pulse_feel(&p, gap);
    for (int64_t at = gap; at <= gap + 20 * BEAT; at += BEAT) {
        pulse_turn(&p, at);
        ck_assert(!pulse_is_steady(&p, at));
    }
    ck_assert(pulse_is_lost(&p, gap + 20 * BEAT));
}
END_TEST

START_TEST(after_a_pause_of_its_own_it_waits_anew)
{
    int64_t last = START + 20 * BEAT, woken = last + 100 * BEAT;
    struct pulse p = answered_until(last);
    pulse_turn(&p, woken);
    ck_assert(!pulse_is_lost(&p, woken) && !pulse_is_steady(&p, woken));
    unanswered_until(&p, woken + 10 * BEAT);
    ck_assert(pulse_is_lost(&p, woken + 10 * BEAT));
}
END_TEST

START_TEST(without_a_connection_it_says_nothing)
{
    struct pulse p = {.silence_ns = SILENCE};
    pulse_turn(&p, START);
    ck_assert(!pulse_is_lost(&p, START + 100 * SILENCE) && !pulse_is_steady(&p, START));
}
END_TEST

UNIT_MAIN("sequencer/pulse", is_steady_after_a_third_of_the_silence_in_answers,
          is_lost_after_a_silence_and_steady_for_half_of_it_at_most,
          whoever_was_in_the_same_stall_is_lost_only_when_nobody_is_steady,
          a_single_answer_between_two_stalls_is_not_steady, after_a_pause_of_its_own_it_waits_anew,
          without_a_connection_it_says_nothing)
