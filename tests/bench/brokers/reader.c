#include "leg.h"

#include "core/clock.h"
#include "core/histogram.h"
#include "wire/codec.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct reader {
    struct ev_loop *loop;
    ev_signal term;
    unsigned channels;
    uint64_t count, seen, repeats, disorder;
    bool *is_seen;    /* by number */
    uint64_t *newest; /* by channel: number + 1 */
    struct histogram latency;
    int64_t heard_ns, silence_ns; /* the last message; the longest time without one */
    bool ready;
};

void reader_ready(struct reader *r)
{
    if (!r->ready)
        puts("ready");
    fflush(stdout);
    r->ready = true;
}

static void note_silence(struct reader *r)
{
    int64_t now = clock_mono_ns();
    if (r->heard_ns && now - r->heard_ns > r->silence_ns)
        r->silence_ns = now - r->heard_ns;
    r->heard_ns = now;
}

void reader_message(struct reader *r, struct bytes payload)
{
    uint64_t stamp_us, number;
    if (!wire_get_u64(&payload, &stamp_us) || !wire_get_u64(&payload, &number) ||
        number >= r->count)
        leg_fail("a message that nobody sent");
    note_silence(r);
    if (r->is_seen[number]) {
        r->repeats++;
        return;
    }
    uint64_t *newest = &r->newest[number % r->channels];
    r->disorder += number + 1 < *newest;
    *newest = number + 1 > *newest ? number + 1 : *newest;
    r->is_seen[number] = true;
    r->seen++;
    if (stamp_us)
        histogram_record(&r->latency, (int64_t)(clock_real_us() - stamp_us));
    if (r->seen == r->count)
        ev_break(r->loop, EVBREAK_ALL);
}

static void on_term(struct ev_loop *loop, ev_signal *w, int events)
{
    ev_break(loop, EVBREAK_ALL);
}

static void report(const struct reader *r)
{
    struct rusage all;
    getrusage(RUSAGE_SELF, &all);
    const struct histogram *h = &r->latency;
    printf("{\"seen\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"repeats\":%" PRIu64
           ",\"disorder\":%" PRIu64 ",\"silence_ms\":%.0f,\"cpu_s\":%.3f,"
           "\"p50_us\":%" PRIu64 ",\"p90_us\":%" PRIu64 ",\"p99_us\":%" PRIu64
           ",\"p999_us\":%" PRIu64 ",\"max_us\":%" PRIu64 "}\n",
           r->seen, r->count - r->seen, r->repeats, r->disorder,
           (double)r->silence_ns / NS_PER_MS,
           (double)(all.ru_utime.tv_sec + all.ru_stime.tv_sec) +
               (double)(all.ru_utime.tv_usec + all.ru_stime.tv_usec) / 1e6,
           histogram_quantile(h, 0.5), histogram_quantile(h, 0.9), histogram_quantile(h, 0.99),
           histogram_quantile(h, 0.999), h->max_us);
    fflush(stdout);
}

int reader_run(const struct broker *b, const struct place *where, char **words)
{
    struct reader r = {.loop = where->loop,
                       .channels = where->channels,
                       .count = strtoull(words[0], NULL, 10)};
    r.is_seen = calloc(r.count, sizeof *r.is_seen);
    r.newest = calloc(r.channels, sizeof *r.newest);
    assert(r.is_seen && r.newest);
    ev_signal_init(&r.term, on_term, SIGTERM);
    ev_signal_start(where->loop, &r.term);
    b->reader_new(where, &r);
    ev_run(where->loop, 0);
    report(&r);
    _Exit(0);
}
