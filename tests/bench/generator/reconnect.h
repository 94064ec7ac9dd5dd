/* When a client comes back, as the JavaScript SDK does it: 500 ms, and on top of it anything up to 500 ms doubled with each try
 * (full jitter), 20 s at most. (core/backoff has no jitter at its first try, which is right for one link and wrong for 50,000.) */
#ifndef BENCH_RECONNECT_H
#define BENCH_RECONNECT_H

#include <stdint.h>

#define RECONNECT_MIN_MS 500
#define RECONNECT_MAX_MS 20000

/* tries: since it was connected last. random: any 64 uniform bits. */
uint32_t reconnect_delay_ms(unsigned tries, uint64_t random);

#endif
