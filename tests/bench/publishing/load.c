#include "load.h"

#include "core/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void load_init(struct load *l, char **words)
{
    *l = (struct load){
        .loop = ev_default_loop(0),
        .count = strtoull(words[0], NULL, 10),
        .outstanding = strtoull(words[1], NULL, 10),
        .channels = (unsigned)atoi(words[2]),
    };
    buf_init(&l->data);
    buf_append_char(&l->data, '"');
    for (int i = 2; i < atoi(words[3]); i++)
        buf_append_char(&l->data, (char)('a' + i % 26));
    buf_append_char(&l->data, '"');
    l->sent_ns = calloc(l->count, sizeof *l->sent_ns);
    assert(l->sent_ns && l->channels > 0);
}

bool load_next(struct load *l, uint64_t *ret_number, char ret_channel[32])
{
    if (l->begun == l->count || l->begun - l->taken - l->refused == l->outstanding)
        return false;
    int64_t now = clock_mono_ns();
    if (l->begun == 0)
        l->start_ns = now;
    l->sent_ns[l->begun] = now;
    snprintf(ret_channel, 32, "load-%u", (unsigned)(l->begun % l->channels));
    *ret_number = l->begun++;
    return true;
}

void load_answered(struct load *l, uint64_t number, bool taken)
{
    assert(number < l->begun);
    histogram_record(&l->answers, (clock_mono_ns() - l->sent_ns[number]) / NS_PER_US);
    l->taken += taken;
    l->refused += !taken;
    if (l->taken + l->refused == l->count)
        ev_break(l->loop, EVBREAK_ALL);
}

int load_report(struct load *l)
{
    double seconds = (double)(clock_mono_ns() - l->start_ns) / NS_PER_S;
    printf("{\"taken\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"seconds\":%.3f,\"p50_us\":%" PRIu64
           ",\"p99_us\":%" PRIu64 "}\n",
           l->taken, l->refused, seconds, histogram_quantile(&l->answers, 0.5),
           histogram_quantile(&l->answers, 0.99));
    free(l->sent_ns);
    buf_fini(&l->data);
    return l->taken == l->count ? 0 : 1;
}
