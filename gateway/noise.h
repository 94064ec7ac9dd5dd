/* Whether a tenant is noisy: how much of the loop's time it took, in windows of about a second. Pure.
 *
 *     quiet ── share ≥ most, in two windows in a row ──▶ noisy
 *     noisy ── share < most / 2, in five in a row ─────▶ quiet        so that who stands at the limit does not go to and fro
 *
 * Who took little since it was held back is not quiet for that. */
#ifndef GATEWAY_NOISE_H
#define GATEWAY_NOISE_H

#include <stdbool.h>
#include <stdint.h>

struct noise {
    int64_t busy_ns; /* in this window; whoever spends the loop's time on the tenant adds to it */
    uint8_t share;   /* percent of the last window */
    uint8_t streak;  /* windows in a row that speak for the other state */
    bool noisy;
};

/* A window is over. most: percent; 0: nobody is noisy. held: it had to wait at the end. -> whether it became another one */
bool noise_judge(struct noise *n, int64_t window_ns, int64_t most, bool held);

#endif
