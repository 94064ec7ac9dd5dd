/* Open loop: what is due is stamped when it is due, whether or not the broker takes it then. */
#include "leg.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/histogram.h"
#include "wire/codec.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define TICK_S 0.001
#define PATIENCE_NS (30 * NS_PER_S) /* after the last is due, until all are acknowledged */

struct publisher {
    const struct broker *broker;
    const struct place *where;
    void *way;
    ev_timer tick;
    uint64_t count, warmup, due, acked;
    uint64_t at;     /* the next to be handed over */
    uint64_t oldest; /* below it all are acknowledged */
    double rate;     /* a second */
    int64_t start_ns;
    uint64_t *stamps_us; /* by number */
    bool *is_acked;
    struct histogram answers;
    struct buf payload;
    size_t bytes;
    struct rusage warm;
};

void publisher_acked(struct publisher *p, uint64_t number)
{
    if (number >= p->due || p->is_acked[number])
        return;
    p->is_acked[number] = true;
    p->acked++;
    while (p->oldest < p->due && p->is_acked[p->oldest])
        p->oldest++;
    if (number >= p->warmup)
        histogram_record(&p->answers, (int64_t)(clock_real_us() - p->stamps_us[number]));
}

void publisher_lost(struct publisher *p)
{
    p->at = p->oldest;
}

static bool hand_over(struct publisher *p, uint64_t number)
{
    buf_clear(&p->payload);
    wire_put_u64(&p->payload, number < p->warmup ? 0 : p->stamps_us[number]);
    wire_put_u64(&p->payload, number);
    while (p->payload.n < p->bytes)
        buf_append_char(&p->payload, 'x');
    return p->broker->publish(p->way, (unsigned)(number % p->where->channels), number,
                              buf_bytes(&p->payload));
}

static void become_due(struct publisher *p, int64_t now)
{
    uint64_t due = (uint64_t)((double)(now - p->start_ns) / NS_PER_S * p->rate);
    for (due = due < p->count ? due : p->count; p->due < due; p->due++) {
        p->stamps_us[p->due] = clock_real_us();
        if (p->due == p->warmup)
            getrusage(RUSAGE_SELF, &p->warm);
    }
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct publisher *p = w->data;
    int64_t now = clock_mono_ns();
    if (p->start_ns == 0)
        p->start_ns = now;
    become_due(p, now);
    while (p->at < p->due && (p->is_acked[p->at] || hand_over(p, p->at)))
        p->at++;
    bool late =
        (double)(now - p->start_ns - PATIENCE_NS) / NS_PER_S * p->rate > (double)p->count;
    if (p->acked == p->count || late)
        ev_break(loop, EVBREAK_ALL);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void report(const struct publisher *p)
{
    struct rusage all;
    getrusage(RUSAGE_SELF, &all);
    double cpu = seconds(all.ru_utime) + seconds(all.ru_stime) - seconds(p->warm.ru_utime) -
                 seconds(p->warm.ru_stime);
    printf("{\"count\":%" PRIu64 ",\"acknowledged\":%" PRIu64
           ",\"cpu_s\":%.3f,\"ack_p50_us\":%" PRIu64 ",\"ack_p99_us\":%" PRIu64 "}\n",
           p->count, p->acked, cpu, histogram_quantile(&p->answers, 0.5),
           histogram_quantile(&p->answers, 0.99));
    fflush(stdout);
}

int publisher_run(const struct broker *b, const struct place *where, char **words)
{
    struct publisher p = {
        .broker = b,
        .where = where,
        .count = strtoull(words[0], NULL, 10),
        .rate = atof(words[1]),
        .warmup = strtoull(words[2], NULL, 10),
        .bytes = strtoull(words[3], NULL, 10),
    };
    buf_init(&p.payload);
    p.stamps_us = calloc(p.count, sizeof *p.stamps_us);
    p.is_acked = calloc(p.count, sizeof *p.is_acked);
    assert(p.stamps_us && p.is_acked && p.bytes >= LEG_PAYLOAD_MIN);
    p.way = b->publisher_new(where, &p);
    ev_timer_init(&p.tick, on_tick, 1, TICK_S); /* a second to connect */
    p.tick.data = &p;
    ev_timer_start(where->loop, &p.tick);
    ev_run(where->loop, 0);
    report(&p);
    _Exit(p.acked == p.count ? 0 : 1); /* without a word to the broker's threads */
}
