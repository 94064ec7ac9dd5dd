#include "verdict.h"

#include "limit.h"

#define SATURATED 0.93 /* of what there is */

void verdict_tally(const struct bench_options *options, const struct board *board,
                   struct tally *ret_tally)
{
    struct crowd crowd = {(uint64_t)options->connections, (uint64_t)options->subscriptions,
                          (uint64_t)options->channels};
    bool ours = board->n_publishers > 0;
    *ret_tally = (struct tally){0};
    for (uint64_t n = 0; n < board->messages; n++)
        tally_message(ret_tally, &crowd, n, &board->arrivals[n], board->n_swarms,
                      board->messages, ours ? board->outcomes[n] : OUTCOME_ACKNOWLEDGED);
}

static void append_latency(struct buf *into, const char *name, const struct histogram *h)
{
    buf_printf(into, "%s\"%s\":", into->p[into->n - 1] == '{' ? "" : ",", name);
    report_append_histogram(into, h);
}

static void sum_publishers(const struct board *b, struct publisher_report *ret_sum)
{
    *ret_sum = (struct publisher_report){0};
    for (size_t i = 0; i < b->n_publishers; i++) {
        const struct publisher_report *p = &b->publishers[i];
        ret_sum->sent += p->sent;
        ret_sum->acknowledged += p->acknowledged;
        ret_sum->refused += p->refused;
        ret_sum->unknown += p->unknown;
        ret_sum->requests += p->requests;
        histogram_merge(&ret_sum->call, &p->call);
        histogram_merge(&ret_sum->late, &p->late);
    }
}

static void append_published(struct buf *into, const struct publisher_report *p)
{
    buf_printf(into,
               ",\"published\":{\"sent\":%llu,\"acknowledged\":%llu,\"refused\":%llu,"
               "\"unknown\":%llu,\"requests\":%llu}",
               (unsigned long long)p->sent, (unsigned long long)p->acknowledged,
               (unsigned long long)p->refused, (unsigned long long)p->unknown,
               (unsigned long long)p->requests);
}

static void append_effort(struct buf *into, const struct run *run)
{
    const struct effort *e = &run->effort;
    buf_printf(into, ",\"cpu_s\":{\"subscribers\":%.2f,\"publishers\":%.2f", e->subscribers,
               e->publishers);
    for (size_t i = 0; i < run->groups->n; i++)
        buf_printf(into, ",\"%s\":%.2f", run->groups->group[i].name, e->group[i]);
    buf_printf(into, ",\"machine_busy\":%.2f,\"machine_idle\":%.2f}", e->machine_busy,
               e->machine_idle);
}

static void append_saturated(struct buf *into, const struct run *run)
{
    const struct effort *e = &run->effort;
    double machine = e->machine_busy + e->machine_idle;
    bool all = machine > 0 && e->machine_busy > SATURATED * machine;
    bool ours = run->seconds > 0 && e->busiest > SATURATED * run->seconds;
    buf_printf(into, ",\"saturated\":[%s%s%s]", all ? "\"machine_cpu\"" : "",
               all && ours ? "," : "", ours ? "\"generator_cpu\"" : "");
}

/* ---- what went wrong */

struct failures {
    struct buf *into;
    size_t n;
};

static void expect(struct failures *f, bool holds, const char *name)
{
    if (!holds)
        buf_printf(f->into, "%s\"%s\"", f->n++ ? "," : "", name);
}

static size_t append_failures(struct buf *into, const struct run *run, const struct report *r,
                              const struct tally *t, const struct publisher_report *p)
{
    struct failures f = {.into = into};
    buf_append_str(into, ",\"failures\":[");
    expect(&f, r->subscribed == (uint64_t)run->options->connections, "not_all_subscribed");
    expect(&f, r->subscribed_now == (uint64_t)run->options->connections,
           "not_all_subscribed_at_the_end");
    expect(&f, t->missing == 0, "missing");
    expect(&f, t->extra == 0, "extra");
    expect(&f, r->holes == 0, "holes");
    expect(&f, r->repeats == 0, "repeats");
    expect(&f, r->disorder == 0, "disorder");
    expect(&f, r->unreadable == 0, "unreadable");
    expect(&f, r->errors == 0, "errors");
    expect(&f, r->ended == 0, "ended");
    expect(&f, r->lost == r->cut || run->options->may_lose, "lost");
    expect(&f, r->not_recovered == 0, "not_recovered");
    expect(&f, p->refused == 0, "publish_refused");
    expect(&f, p->unknown == 0, "publish_unknown");
    expect(&f, strcmp(run->ended_by, "interrupted") != 0, "interrupted");
    expect(&f, strcmp(run->ended_by, "process_died") != 0, "process_died");
    buf_append_char(into, ']');
    return f.n;
}

bool verdict_append(struct buf *into, const struct run *run)
{
    static struct tally tally;
    static struct report sum;
    static struct publisher_report publishers;
    board_sum(run->board, &sum);
    sum_publishers(run->board, &publishers);
    verdict_tally(run->options, run->board, &tally);
    buf_append_char(into, '{');
    report_append_counts(into, &sum);
    append_published(into, &publishers);
    buf_printf(into, ",\"messages\":%llu,\"expected\":%llu,\"missing\":%llu,\"extra\":%llu",
               (unsigned long long)tally.messages, (unsigned long long)tally.expected,
               (unsigned long long)tally.missing, (unsigned long long)tally.extra);
    buf_append_str(into, ",\"latency_us\":{");
    append_latency(into, "kernel", &sum.kernel);
    append_latency(into, "user", &sum.user);
    append_latency(into, "last_subscriber_kernel", &tally.last_kernel);
    append_latency(into, "last_subscriber_user", &tally.last_user);
    append_latency(into, "publish_call", &publishers.call);
    append_latency(into, "publish_late", &publishers.late);
    append_latency(into, "back", &sum.back);
    append_latency(into, "losing", &sum.losing);
    append_latency(into, "storm", &sum.storm);
    buf_append_str(into, "},\"curve\":");
    report_append_curve(into, &sum);
    append_effort(into, run);
    buf_printf(
        into,
        ",\"processes\":%zu,\"join_s\":%.2f,\"seconds\":%.2f,\"ended_by\":\"%s\",\"limits\":",
        run->board->n_swarms, run->join_s, run->seconds, run->ended_by);
    limit_append(into, sum.limits);
    append_saturated(into, run);
    size_t failures = append_failures(into, run, &sum, &tally, &publishers);
    buf_printf(into, ",\"ok\":%s}\n", failures ? "false" : "true");
    return failures == 0;
}
