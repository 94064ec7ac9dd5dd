#include "child_table.h"

#include <assert.h>

#define ROW(state) [CHILD_##state]
#define ON(event, action, next) [CHILD_ON_##event] = {CHILD_DO_##action, CHILD_##next}

/* No row may lack a column: a missing one would read as {NONE, DOWN}. The unit test walks every cell.
 *
 * Reports that still lay in the link when the process was killed are no events: READY of ENDING is harmless.
 * FAULT of a child on its way out is too: its deadline is running. */
static const struct child_step table[CHILD_STATE_COUNT][CHILD_EVENT_COUNT] = {
    ROW(DOWN) = {ON(START, SPAWN, STARTING), ON(READY, NEVER, DOWN), ON(NOT_READY, NEVER, DOWN),
                 ON(EXITED, NEVER, DOWN), ON(TIMER, NEVER, DOWN),
                 ON(DRAIN, NONE, DOWN), ON(STOP, NONE, DOWN), ON(FAULT, NEVER, DOWN)},
    ROW(STARTING) = {ON(START, NONE, STARTING), ON(READY, NONE, UP), ON(NOT_READY, NONE, STARTING),
                     ON(EXITED, RETRY, BACKOFF), ON(TIMER, FORGIVE, STARTING),
                     ON(DRAIN, LET_GO, DRAINING),
                     ON(STOP, KILL, DRAINING), ON(FAULT, KILL, ENDING)},
    ROW(UP) = {ON(START, NONE, UP), ON(READY, NONE, UP), ON(NOT_READY, NONE, WAITING),
               ON(EXITED, RETRY, BACKOFF), ON(TIMER, FORGIVE, UP),
               ON(DRAIN, LET_GO, DRAINING), ON(STOP, KILL, DRAINING), ON(FAULT, KILL, ENDING)},
    ROW(WAITING) = {ON(START, NONE, WAITING), ON(READY, NONE, UP), ON(NOT_READY, NONE, WAITING),
                    ON(EXITED, RETRY, BACKOFF), ON(TIMER, FORGIVE, WAITING),
                    ON(DRAIN, LET_GO, DRAINING),
                    ON(STOP, KILL, DRAINING), ON(FAULT, KILL, ENDING)},
    ROW(DRAINING) = {ON(START, NONE, REPLACING), ON(READY, NONE, DRAINING),
                     ON(NOT_READY, NONE, DRAINING), ON(EXITED, REST, DOWN),
                     ON(TIMER, KILL, DRAINING),
                     ON(DRAIN, NONE, DRAINING), ON(STOP, KILL, DRAINING),
                     ON(FAULT, NONE, DRAINING)},
    ROW(REPLACING) = {ON(START, NONE, REPLACING), ON(READY, NONE, REPLACING),
                      ON(NOT_READY, NONE, REPLACING), ON(EXITED, SPAWN, STARTING),
                      ON(TIMER, KILL, REPLACING),
                      ON(DRAIN, NONE, DRAINING), ON(STOP, KILL, DRAINING),
                      ON(FAULT, NONE, REPLACING)},
    ROW(ENDING) = {ON(START, NONE, ENDING), ON(READY, NONE, ENDING), ON(NOT_READY, NONE, ENDING),
                   ON(EXITED, RETRY, BACKOFF), ON(TIMER, NONE, ENDING),
                   ON(DRAIN, NONE, DRAINING), ON(STOP, NONE, DRAINING), ON(FAULT, NONE, ENDING)},
    ROW(BACKOFF) = {ON(START, NONE, BACKOFF), ON(READY, NEVER, BACKOFF),
                    ON(NOT_READY, NEVER, BACKOFF), ON(EXITED, NEVER, BACKOFF),
                    ON(TIMER, SPAWN, STARTING), ON(DRAIN, REST, DOWN),
                    ON(STOP, REST, DOWN), ON(FAULT, NEVER, BACKOFF)},
};

struct child_step child_step(enum child_state state, enum child_event event)
{
    assert(state < CHILD_STATE_COUNT && event < CHILD_EVENT_COUNT);
    return table[state][event];
}

#define CHILD_STATE_TEXT(name, text, ...) text,
#define CHILD_STATE_PROCESS(name, text, process, help) process,
#define CHILD_NAME(name, help) #name,

const char *child_state_name(enum child_state state)
{
    static const char *const names[] = {CHILD_STATES(CHILD_STATE_TEXT)};
    return names[state];
}

bool child_state_has_process(enum child_state state)
{
    static const bool has[] = {CHILD_STATES(CHILD_STATE_PROCESS)};
    return has[state];
}

const char *child_event_name(enum child_event event)
{
    static const char *const names[] = {CHILD_EVENTS(CHILD_NAME)};
    return names[event];
}

const char *child_action_name(enum child_action action)
{
    static const char *const names[] = {CHILD_ACTIONS(CHILD_NAME)};
    return names[action];
}
