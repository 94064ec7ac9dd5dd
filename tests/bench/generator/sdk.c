#include "sdk.h"

#include <errno.h>

#define DOUBLINGS_MAX 31

static const struct sdk all[] = {
#define SDK(name, min_ms, max_ms, spread, handshake_ms, answer_ms, one_frame, help)            \
    {name, min_ms, max_ms, spread, (handshake_ms) / 1e3, (answer_ms) / 1e3, one_frame},
#include "sdk.def"
#undef SDK
};
#define ALL (sizeof all / sizeof *all)

int sdk_choose(const struct bench_options *options, struct sdk *ret_sdk, struct buf *ret_error)
{
    for (size_t i = 0; i < ALL; i++) {
        if (strcmp(all[i].name, options->sdk) != 0)
            continue;
        *ret_sdk = all[i];
        if (options->reconnect_min)
            ret_sdk->min_ms = (uint32_t)options->reconnect_min;
        if (options->reconnect_max)
            ret_sdk->max_ms = (uint32_t)options->reconnect_max;
        return 0;
    }
    buf_printf(ret_error, "--sdk: %s will not do; right would be", options->sdk);
    for (size_t i = 0; i < ALL; i++)
        buf_printf(ret_error, "%s %s", i ? "," : "", all[i].name);
    return -EINVAL;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint32_t sdk_delay_ms(const struct sdk *s, unsigned tries, uint64_t random)
{
    unsigned doublings = (unsigned)least(tries, DOUBLINGS_MAX);
    uint64_t doubled = (uint64_t)s->min_ms << doublings, delay = 0;
    switch (s->spread) {
    case SPREAD_ADDED:
        delay = s->min_ms + random % (least(doubled, s->max_ms) + 1);
        break;
    case SPREAD_BETWEEN:
        delay = s->min_ms + random % (2 * doubled - s->min_ms + 1);
        break;
    case SPREAD_NONE:
        delay = doubled;
        break;
    }
    return (uint32_t)least(delay, s->max_ms);
}
