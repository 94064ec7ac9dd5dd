/* A real server for the tests that need one: conninfo in CELLCAST_TEST_POSTGRES, without it
 * they are skipped. */
#ifndef TEST_PG_SERVER_H
#define TEST_PG_SERVER_H

#include <ev.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define SKIPPED 77 /* meson's */

static inline const char *server_conninfo(void)
{
    return getenv("CELLCAST_TEST_POSTGRES");
}

static inline void server_on_time(struct ev_loop *loop, ev_timer *w, int events)
{
    ev_break(loop, EVBREAK_ONE);
}

/* Turns the loop until *flag or so many seconds are over. -> *flag */
static inline bool server_wait(struct ev_loop *loop, const bool *flag, double seconds)
{
    ev_timer timer;
    ev_tstamp end = ev_time() + seconds;
    while (!*flag && ev_time() < end) {
        ev_timer_init(&timer, server_on_time, 0.01, 0);
        ev_timer_start(loop, &timer);
        ev_run(loop, EVRUN_ONCE);
        ev_timer_stop(loop, &timer);
    }
    return *flag;
}

/* Before main: a file that includes this one is skipped as a whole. */
__attribute__((constructor)) static void skip_without_server(void)
{
    if (!server_conninfo())
        _exit(SKIPPED);
}

#endif
