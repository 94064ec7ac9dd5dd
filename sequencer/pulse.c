#include "pulse.h"

#include "core/clock.h"
#include "pg/pg.h"

#define UNANSWERED_MAX 16 /* questions on their way: a round trip of one and a half silences */

void pulse_turn(struct pulse *p, int64_t now_ns)
{
    if (now_ns - p->tick_ns > p->silence_ns / 2) {
        p->felt_ns = now_ns;
        p->steady_ns = 0;
    }
    p->tick_ns = now_ns;
}

void pulse_feel(struct pulse *p, int64_t now_ns)
{
    if (!p->steady_ns || now_ns - p->felt_ns > p->silence_ns / 2)
        p->steady_ns = now_ns;
    p->felt_ns = now_ns;
}

bool pulse_is_lost(const struct pulse *p, int64_t now_ns)
{
    return p->connected && now_ns - p->felt_ns >= p->silence_ns;
}

bool pulse_is_steady(const struct pulse *p, int64_t now_ns)
{
    return p->steady_ns && now_ns - p->felt_ns <= p->silence_ns / 2 &&
           p->felt_ns - p->steady_ns >= p->silence_ns / 3;
}

static void on_answer(void *ctx, enum pg_status status, const struct pg_result *r)
{
    if (status != PG_LOST)
        pulse_feel(ctx, clock_mono_ns());
}

void pulse_tick(struct pulse *p, int64_t now_ns)
{
    pulse_turn(p, now_ns);
    if (p->connected && pg_in_flight(p->connection) < UNANSWERED_MAX)
        pg_query(p->connection, "SELECT 1", NULL, on_answer, p);
}

static void on_up(void *owner, struct pg *connection)
{
    struct pulse *p = owner;
    p->connected = true;
    p->felt_ns = clock_mono_ns();
    p->steady_ns = 0;
}

static void on_down(void *owner, struct pg *connection, const char *why)
{
    struct pulse *p = owner;
    p->connected = false;
    p->steady_ns = 0;
}

static const struct pg_handlers doors = {on_up, on_down, NULL};

void pulse_start(struct pulse *p, struct ev_loop *loop, const char *conninfo, const char *name,
                 int64_t silence_ns)
{
    int64_t now_ns = clock_mono_ns();
    *p = (struct pulse){.silence_ns = silence_ns, .felt_ns = now_ns, .tick_ns = now_ns};
    p->connection = pg_new(loop, conninfo, name, NULL, &doors, p);
}

void pulse_stop(struct pulse *p)
{
    if (p->connection)
        pg_free(p->connection);
    p->connection = NULL;
}

void pulse_reset(struct pulse *p)
{
    p->connected = false;
    pg_reset(p->connection);
}
