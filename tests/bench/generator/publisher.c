#include "publisher.h"

#include "core/clock.h"
#include "run/process.h"

#define POLL_NS (2 * NS_PER_MS)
#define DONE_NS (50 * NS_PER_MS)

struct publisher {
    const struct bench_options *options;
    const struct route *route;
    void *session;
    struct board *board;
    struct publisher_report *report;
    uint64_t next; /* message; the others are n_publishers apart */
};

int64_t publisher_due_ns(const struct bench_options *options, uint64_t message)
{
    return (int64_t)((double)message * (double)options->per * (double)NS_PER_MS /
                     (double)options->rate);
}

static int64_t due(const struct publisher *p, uint64_t message)
{
    return p->board->begun_ns + publisher_due_ns(p->options, message);
}

/* -> messages that are due and fit into a request, from p->next on; at least one */
static size_t count_due(const struct publisher *p, int64_t now_ns)
{
    size_t n = 1, most = (size_t)p->options->batch_max, step = p->board->n_publishers;
    if (most > p->route->most)
        most = p->route->most;
    for (uint64_t m = p->next + step; m < p->board->messages && n < most && due(p, m) <= now_ns;
         m += step)
        n++;
    return n;
}

static void note(struct publisher *p, size_t n, const enum outcome *outcomes)
{
    struct publisher_report *r = p->report;
    r->requests++;
    r->sent += n;
    for (size_t i = 0; i < n; i++, p->next += p->board->n_publishers) {
        r->acknowledged += outcomes[i] == OUTCOME_ACKNOWLEDGED;
        r->refused += outcomes[i] == OUTCOME_REFUSED;
        r->unknown += outcomes[i] == OUTCOME_UNKNOWN;
        p->board->outcomes[p->next] = (uint8_t)outcomes[i];
    }
}

static void publish_due(struct publisher *p)
{
    enum outcome outcomes[ROUTE_MOST];
    int64_t begun = clock_mono_ns();
    struct parcel parcel = {p->next, p->board->n_publishers, count_due(p, begun),
                            clock_real_us()};
    histogram_record(&p->report->late, (begun - due(p, p->next)) / NS_PER_US);
    p->route->publish(p->session, &parcel, outcomes);
    histogram_record(&p->report->call, (clock_mono_ns() - begun) / NS_PER_US);
    note(p, parcel.n, outcomes);
}

static void sleep_until(int64_t mono_ns)
{
    struct timespec t = {mono_ns / NS_PER_S, mono_ns % NS_PER_S};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

void publisher_run(const struct bench_options *options, const struct route *route,
                   struct board *board, size_t number)
{
    struct publisher p = {.options = options,
                          .route = route,
                          .board = board,
                          .report = &board->publishers[number],
                          .next = number};
    struct process process;
    process_init(&process, true, NULL, NULL, NULL);
    p.session = route->open(options);
    while (board->phase == PHASE_JOIN)
        sleep_until(clock_mono_ns() + POLL_NS);
    while (p.next < board->messages && board->phase == PHASE_PUBLISH) {
        sleep_until(due(&p, p.next));
        publish_due(&p);
    }
    p.report->done = 1;
    route->close(p.session);
    while (board->phase != PHASE_END) /* whoever ends takes its CPU time along */
        sleep_until(clock_mono_ns() + DONE_NS);
}
