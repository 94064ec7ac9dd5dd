/* What tells one client library from another when its connection is lost: how long it waits before it comes back, and how
 * long for an answer. (core/backoff has no jitter at its first try, which is right for one link and wrong for 50,000.) */
#ifndef BENCH_SDK_H
#define BENCH_SDK_H

#include "options.h"

#include "core/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum spread {
    SPREAD_ADDED,   /* min, and on top of it anything up to min doubled with each try */
    SPREAD_BETWEEN, /* anything between min and min doubled with each try, from the first on */
    SPREAD_NONE,    /* min doubled with each try */
};

struct sdk {
    const char *name;
    uint32_t min_ms, max_ms;
    enum spread spread;
    double handshake_s, answer_s;
    bool one_frame;
};

/* The one that the options name, with their --reconnect-min and --reconnect-max. -> 0, or -EINVAL with those there are in
 * ret_error */
int sdk_choose(const struct bench_options *options, struct sdk *ret_sdk, struct buf *ret_error);
/* tries: that failed since it was accepted last. random: any 64 uniform bits. -> ms, max_ms at most */
uint32_t sdk_delay_ms(const struct sdk *s, unsigned tries, uint64_t random);

#endif
