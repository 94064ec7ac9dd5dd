#include "conductor.h"

#include "dialect.h"
#include "publisher.h"
#include "swarm.h"
#include "verdict.h"

#include "core/clock.h"
#include "run/process.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_S 0.02
#define SETTLE_NS (300 * NS_PER_MS) /* between the last subscription and the first message */
#define GRACE_NS (200 * NS_PER_MS)  /* after the last delivery, for a repeat that comes late */
#define RESERVED_FILES 64           /* of a process, for all but its connections */

struct conductor {
    const struct bench_options *options;
    const struct cpu_groups *groups;
    struct board *board;
    struct process process;
    ev_timer tick;
    pid_t *children; /* board.n_swarms of subscribers, then the publishers */
    size_t n_children;
    int64_t started_ns, joined_ns, begun_ns; /* CLOCK_MONOTONIC; 0: not yet */
    int64_t quiet_ns;              /* since when nothing more is delivered, or published */
    uint64_t delivered, published; /* at that time */
    int64_t complete_ns;           /* when nothing was missing any more; 0: not yet */
    struct effort before;
    const char *ended_by;
    bool failed_to_join;
};

/* ---- looking */

static void sample(const struct conductor *c, struct effort *ret)
{
    struct effort e = {.each = ret->each};
    for (size_t i = 0; i < c->board->n_swarms; i++)
        e.subscribers += e.each[i] = cpu_seconds(c->children[i]);
    for (size_t i = c->board->n_swarms; i < c->n_children; i++)
        e.publishers += cpu_seconds(c->children[i]);
    for (size_t i = 0; i < c->groups->n; i++)
        e.group[i] = cpu_group_seconds(&c->groups->group[i]);
    cpu_machine(&e.machine_busy, &e.machine_idle);
    *ret = e;
}

static void subtract(struct effort *e, const struct effort *before, size_t swarms)
{
    e->subscribers -= before->subscribers;
    e->publishers -= before->publishers;
    e->machine_busy -= before->machine_busy;
    e->machine_idle -= before->machine_idle;
    for (size_t i = 0; i < CPU_GROUPS_MAX; i++)
        e->group[i] -= before->group[i];
    for (size_t i = 0; i < swarms; i++)
        if (e->each[i] - before->each[i] > e->busiest)
            e->busiest = e->each[i] - before->each[i];
}

static uint64_t count_published(const struct board *b)
{
    uint64_t n = 0;
    for (size_t i = 0; i < b->n_publishers; i++)
        n += b->publishers[i].sent;
    return n;
}

/* ---- phases */

static void end(struct conductor *c, const char *by)
{
    c->ended_by = by;
    ev_break(c->process.loop, EVBREAK_ALL);
}

static void say_joined(const struct conductor *c, const struct report *sum)
{
    printf("{\"event\":\"%s\",\"subscribed\":%llu,\"asked\":%lld,\"seconds\":%.2f}\n",
           c->failed_to_join ? "not_all_subscribed" : "subscribed",
           (unsigned long long)sum->subscribed_now, (long long)c->options->connections,
           (double)(c->joined_ns - c->started_ns) / NS_PER_S);
    fflush(stdout);
}

static void while_joining(struct conductor *c, const struct report *sum, int64_t now)
{
    const struct bench_options *o = c->options;
    int64_t ramp_ns = o->connections * NS_PER_S / o->connect_rate;
    bool all = sum->subscribed_now == (uint64_t)o->connections;
    c->failed_to_join =
        !all && now - c->started_ns > ramp_ns + o->subscribe_timeout * NS_PER_MS;
    if (!all && !c->failed_to_join)
        return;
    c->joined_ns = now;
    sample(c, &c->before);
    say_joined(c, sum);
}

static void begin(struct conductor *c, int64_t now)
{
    c->begun_ns = c->quiet_ns = now;
    c->board->begun_ns = now;
    c->board->phase = PHASE_PUBLISH;
}

/* Everything that is to come has come, and everybody that was cut is back. */
static bool is_complete(const struct conductor *c, const struct report *sum)
{
    static struct tally tally;
    uint64_t most =
        (uint64_t)(c->options->connections * c->options->subscriptions) * c->board->messages;
    bool worth_counting = sum->delivered >= most / (uint64_t)c->options->channels;
    if (!worth_counting || sum->subscribed_now != (uint64_t)c->options->connections)
        return false;
    verdict_tally(c->options, c->board, &tally);
    return tally.missing == 0;
}

static void while_publishing(struct conductor *c, const struct report *sum, int64_t now)
{
    const struct bench_options *o = c->options;
    uint64_t published = count_published(c->board);
    if (c->board->messages == 0) {
        if (now - c->begun_ns >= o->stay * NS_PER_MS)
            end(c, "stay");
        return;
    }
    if (sum->delivered != c->delivered || published != c->published)
        c->quiet_ns = now;
    c->delivered = sum->delivered;
    c->published = published;
    if (!board_all_published(c->board))
        return;
    if (!c->complete_ns && is_complete(c, sum))
        c->complete_ns = now;
    if (c->complete_ns && now - c->complete_ns >= GRACE_NS)
        end(c, "messages");
    else if (!c->complete_ns && now - c->quiet_ns >= o->linger * NS_PER_MS)
        end(c, "linger");
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    static struct report sum;
    struct conductor *c = w->data;
    int64_t now = clock_mono_ns();
    board_sum(c->board, &sum);
    if (!c->joined_ns)
        while_joining(c, &sum, now);
    else if (!c->begun_ns && now - c->joined_ns >= SETTLE_NS)
        begin(c, now);
    else if (c->begun_ns)
        while_publishing(c, &sum, now);
    for (size_t i = 0; i < c->board->n_swarms; i++)
        if (waitpid(c->children[i], NULL, WNOHANG) != 0) /* < 0: libev's handler was quicker */
            end(c, "process_died");
}

static void stop(void *owner)
{
    end(owner, "interrupted");
}

/* ---- processes */

/* -> connections that one process can have */
static int64_t room_of_a_process(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max > INT32_MAX)
        return INT32_MAX;
    return limit.rlim_max > 2 * RESERVED_FILES ? (int64_t)limit.rlim_max - RESERVED_FILES
                                               : RESERVED_FILES;
}

static size_t count_swarms(const struct bench_options *o)
{
    int64_t room = room_of_a_process();
    int64_t n = o->processes ? o->processes : (o->connections + room - 1) / room;
    return (size_t)(n < o->connections ? n : o->connections);
}

static uint64_t first_of(const struct conductor *c, size_t swarm)
{
    return (uint64_t)c->options->connections * swarm / c->board->n_swarms;
}

static void fork_all(struct conductor *c, const struct plan *plan)
{
    struct board *b = c->board;
    c->n_children = b->n_swarms + b->n_publishers;
    c->children = calloc(c->n_children, sizeof *c->children);
    assert(c->children);
    fflush(stdout);
    for (size_t i = 0; i < c->n_children; i++) {
        c->children[i] = fork();
        assert(c->children[i] >= 0);
        if (c->children[i] > 0)
            continue;
        if (i < b->n_swarms)
            swarm_run(c->options, plan->dialect, b, i, first_of(c, i),
                      first_of(c, i + 1) - first_of(c, i));
        else
            publisher_run(c->options, plan->route, b, i - b->n_swarms);
        _exit(0);
    }
}

static void gather(struct conductor *c)
{
    c->board->phase = PHASE_END;
    for (size_t i = 0; i < c->n_children; i++)
        waitpid(c->children[i], NULL, 0);
}

static int report(struct conductor *c)
{
    struct effort after = {.each = calloc(c->board->n_swarms, sizeof(double))};
    struct buf line = {0};
    int64_t now = clock_mono_ns();
    assert(after.each);
    sample(c, &after);
    if (c->joined_ns)
        subtract(&after, &c->before, c->board->n_swarms);
    struct run run = {.options = c->options,
                      .groups = c->groups,
                      .board = c->board,
                      .ended_by = c->ended_by,
                      .join_s = (double)((c->joined_ns ? c->joined_ns : now) - c->started_ns) /
                                NS_PER_S,
                      .seconds = c->joined_ns ? (double)(now - c->joined_ns) / NS_PER_S : 0,
                      .effort = after};
    bool good = verdict_append(&line, &run);
    gather(c);
    fwrite(line.p, 1, line.n, stdout);
    fflush(stdout);
    buf_fini(&line);
    free(after.each);
    return good ? 0 : 1;
}

int conductor_run(const struct plan *plan)
{
    const struct bench_options *options = plan->options;
    static struct conductor conductor;
    struct conductor *c = &conductor;
    bool publishes = options->api[0] && options->messages > 0;
    size_t swarms = count_swarms(options);
    *c = (struct conductor){
        .options = options, .groups = &plan->groups, .started_ns = clock_mono_ns()};
    c->board = board_new(swarms, publishes ? (size_t)options->publishers : 0,
                         (size_t)options->messages);
    c->before.each = calloc(swarms, sizeof(double));
    if (!c->board || !c->before.each)
        return -ENOMEM;
    fork_all(c, plan);
    process_init(&c->process, false, stop, NULL, c);
    ev_timer_init(&c->tick, on_tick, TICK_S, TICK_S);
    c->tick.data = c;
    ev_timer_start(c->process.loop, &c->tick);
    ev_run(c->process.loop, 0);
    return report(c);
}
