/* How much goes out to somebody now: counted with each delivery, read by `cellcastctl top` alone. A sum whose weight
 * falls to 1/e in PACE_S, so it costs 12 bytes and nothing while nothing happens.
 *
 *     rate = sum, aged until now, / PACE_S          (what came evenly for a while has the right rate) */
#ifndef GATEWAY_PACE_H
#define GATEWAY_PACE_H

#include <stddef.h>
#include <stdint.h>

#define PACE_S 3

struct pace {
    float deliveries, bytes; /* aged until at_ms */
    uint32_t at_ms;          /* loop clock, its low bits */
};

void pace_age(struct pace *p, uint32_t now_ms); /* pace_add does */

static inline void pace_add(struct pace *p, uint32_t now_ms, size_t bytes)
{
    if (p->at_ms != now_ms)
        pace_age(p, now_ms);
    p->deliveries += 1;
    p->bytes += (float)bytes;
}

#endif
