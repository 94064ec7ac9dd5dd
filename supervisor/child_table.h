/* What becomes of a child: state × event → action, next state. Pure: child.c does what an action says.
 *
 *     DOWN ──START──▶ STARTING ──READY──▶ UP ◀──READY/NOT_READY──▶ WAITING
 *      ▲                 ▲  │ EXITED                │ FAULT
 *      │ EXITED          │  ▼                       ▼
 *   DRAINING ◀─DRAIN─  BACKOFF ◀────EXITED────── ENDING
 *      └──START──▶ REPLACING ──EXITED──▶ STARTING
 */
#ifndef SUPERVISOR_CHILD_TABLE_H
#define SUPERVISOR_CHILD_TABLE_H

#include <stdbool.h>

/* CHILD_STATE(NAME, text, has a process, what it means) */
#define CHILD_STATES(S)                                                                            \
    S(DOWN, "down", false, "no process, and none is wanted")                                       \
    S(STARTING, "starting", true, "process there, never ready yet")                                \
    S(UP, "up", true, "says that it is ready")                                                     \
    S(WAITING, "waiting", true, "was ready, is not now: ctl_status.why tells")                     \
    S(DRAINING, "draining", true, "on its way out, nobody follows")                                \
    S(REPLACING, "replacing", true, "on its way out, but wanted again: a new process follows at once")               \
    S(ENDING, "ending", true, "killed for a fault of its own, a new process follows")              \
    S(BACKOFF, "backoff", false, "died; started again when the timer fires")

/* CHILD_EVENT(NAME, what happened) */
#define CHILD_EVENTS(E)                                                                            \
    E(START, "the slot is wanted")                                                                 \
    E(READY, "ctl_status: ready")                                                                  \
    E(NOT_READY, "ctl_status: not ready")                                                          \
    E(EXITED, "the process is gone (also: it could not be started)")                               \
    E(TIMER, "what the last action armed: settling, drain deadline or backoff")                    \
    E(DRAIN, "the slot is wanted no more, or the cell stops")                                      \
    E(STOP, "at once")                                                                             \
    E(FAULT, "silent, or speaks nonsense; watch.h decides that")

/* CHILD_ACTION(NAME, what child.c does) */
#define CHILD_ACTIONS(A)                                                                           \
    A(NONE, "nothing")                                                                             \
    A(SPAWN, "fork and exec; arm the settling timer")                                              \
    A(RETRY, "count a restart; arm the backoff timer")                                             \
    A(FORGIVE, "it has run long enough: the backoff begins anew")                                  \
    A(LET_GO, "send ctl_drain; arm the drain deadline")                                            \
    A(KILL, "SIGKILL")                                                                             \
    A(REST, "stop the timer")                                                                      \
    A(NEVER, "can't happen: our mistake")

#define CHILD_STATE_ENUM(name, ...) CHILD_##name,
#define CHILD_EVENT_ENUM(name, help) CHILD_ON_##name,
#define CHILD_ACTION_ENUM(name, help) CHILD_DO_##name,
enum child_state { CHILD_STATES(CHILD_STATE_ENUM) CHILD_STATE_COUNT };
enum child_event { CHILD_EVENTS(CHILD_EVENT_ENUM) CHILD_EVENT_COUNT };
enum child_action { CHILD_ACTIONS(CHILD_ACTION_ENUM) CHILD_ACTION_COUNT };

struct child_step {
    enum child_action action;
    enum child_state next;
};

struct child_step child_step(enum child_state state, enum child_event event);
const char *child_state_name(enum child_state state);
bool child_state_has_process(enum child_state state);
const char *child_event_name(enum child_event event);
const char *child_action_name(enum child_action action);

#endif
