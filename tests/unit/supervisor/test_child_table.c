#include "child_table.h"

#include "unit.h"

#include <stdio.h>

/* Written by hand, not taken from the table: one line per state, the columns in the order of enum child_event.
 * A cell is ACTION>NEXT; a dot is NONE and stays. */
static const char *const golden =
    "DOWN      SPAWN>STARTING  NEVER>DOWN  NEVER>DOWN  NEVER>DOWN  NEVER>DOWN  .  .  NEVER>DOWN\n"
    "STARTING  .  NONE>UP  .  RETRY>BACKOFF  FORGIVE>STARTING  LET_GO>DRAINING  KILL>DRAINING  KILL>ENDING\n"
    "UP        .  .  NONE>WAITING  RETRY>BACKOFF  FORGIVE>UP  LET_GO>DRAINING  KILL>DRAINING  KILL>ENDING\n"
    "WAITING   .  NONE>UP  .  RETRY>BACKOFF  FORGIVE>WAITING  LET_GO>DRAINING  KILL>DRAINING  KILL>ENDING\n"
    "DRAINING  NONE>REPLACING  .  .  REST>DOWN  KILL>DRAINING  .  KILL>DRAINING  .\n"
    "REPLACING .  .  .  SPAWN>STARTING  KILL>REPLACING  NONE>DRAINING  KILL>DRAINING  .\n"
    "ENDING    .  .  .  RETRY>BACKOFF  .  NONE>DRAINING  NONE>DRAINING  .\n"
    "BACKOFF   .  NEVER>BACKOFF  NEVER>BACKOFF  NEVER>BACKOFF  SPAWN>STARTING  REST>DOWN  REST>DOWN  NEVER>BACKOFF\n";

#define NAME(name, ...) #name,
static const char *const states[] = {CHILD_STATES(NAME)};

static void cell_text(enum child_state state, enum child_event event, char *ret, size_t size)
{
    struct child_step step = child_step(state, event);
    if (step.action == CHILD_DO_NONE && step.next == state)
        snprintf(ret, size, ".");
    else
        snprintf(ret, size, "%s>%s", child_action_name(step.action), states[step.next]);
}

START_TEST(every_cell_of_the_table_is_as_written_here)
{
    const char *at = golden;
    char word[64], have[64];
    int n;
    for (int state = 0; state < CHILD_STATE_COUNT; state++) {
        ck_assert_int_eq(sscanf(at, "%63s%n", word, &n), 1);
        at += n;
        ck_assert_str_eq(word, states[state]);
        for (int event = 0; event < CHILD_EVENT_COUNT; event++) {
            ck_assert_int_eq(sscanf(at, "%63s%n", word, &n), 1);
            at += n;
            cell_text((enum child_state)state, (enum child_event)event, have, sizeof have);
            ck_assert_msg(strcmp(have, word) == 0, "%s on %s: have %s, want %s", states[state],
                          child_event_name((enum child_event)event), have, word);
        }
    }
}
END_TEST

static bool is_never(int state, int event)
{
    return child_step((enum child_state)state, (enum child_event)event).action == CHILD_DO_NEVER;
}

START_TEST(what_can_not_happen_is_what_needs_a_process_and_nothing_else)
{
    for (int state = 0; state < CHILD_STATE_COUNT; state++) {
        bool has = child_state_has_process((enum child_state)state);
        ck_assert_int_eq(is_never(state, CHILD_ON_EXITED), !has);
        ck_assert_int_eq(is_never(state, CHILD_ON_READY), !has);
        ck_assert_int_eq(is_never(state, CHILD_ON_NOT_READY), !has);
        ck_assert_int_eq(is_never(state, CHILD_ON_FAULT), !has);
        ck_assert(!is_never(state, CHILD_ON_START));
        ck_assert(!is_never(state, CHILD_ON_DRAIN) && !is_never(state, CHILD_ON_STOP));
    }
}
END_TEST

START_TEST(a_process_is_only_made_where_there_is_none_and_only_killed_where_there_is_one)
{
    for (int state = 0; state < CHILD_STATE_COUNT; state++)
        for (int event = 0; event < CHILD_EVENT_COUNT; event++) {
            struct child_step step = child_step((enum child_state)state, (enum child_event)event);
            bool gone = event == CHILD_ON_EXITED || !child_state_has_process((enum child_state)state);
            if (step.action == CHILD_DO_SPAWN)
                ck_assert(gone && step.next == CHILD_STARTING);
            if (step.action == CHILD_DO_KILL || step.action == CHILD_DO_LET_GO)
                ck_assert(!gone && child_state_has_process(step.next));
            if (step.action != CHILD_DO_NEVER && step.action != CHILD_DO_SPAWN)
                ck_assert_int_eq(child_state_has_process(step.next), !gone);
        }
}
END_TEST

START_TEST(from_every_state_stop_and_the_end_of_the_process_lead_to_down)
{
    for (int state = 0; state < CHILD_STATE_COUNT; state++) {
        enum child_state at = child_step((enum child_state)state, CHILD_ON_STOP).next;
        if (child_state_has_process(at))
            at = child_step(at, CHILD_ON_EXITED).next;
        ck_assert_int_eq(at, CHILD_DOWN);
    }
}
END_TEST

START_TEST(a_death_that_nobody_asked_for_waits_and_one_that_was_asked_for_does_not)
{
    ck_assert_int_eq(child_step(CHILD_UP, CHILD_ON_EXITED).action, CHILD_DO_RETRY);
    ck_assert_int_eq(child_step(CHILD_ENDING, CHILD_ON_EXITED).action, CHILD_DO_RETRY);
    ck_assert_int_eq(child_step(CHILD_REPLACING, CHILD_ON_EXITED).action, CHILD_DO_SPAWN);
    ck_assert_int_eq(child_step(CHILD_DRAINING, CHILD_ON_EXITED).action, CHILD_DO_REST);
}
END_TEST

UNIT_MAIN("supervisor/child_table", every_cell_of_the_table_is_as_written_here,
          what_can_not_happen_is_what_needs_a_process_and_nothing_else,
          a_process_is_only_made_where_there_is_none_and_only_killed_where_there_is_one,
          from_every_state_stop_and_the_end_of_the_process_lead_to_down,
          a_death_that_nobody_asked_for_waits_and_one_that_was_asked_for_does_not)
