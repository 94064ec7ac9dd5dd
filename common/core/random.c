#include "core/random.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

#define POOL 64 /* words drawn at a time: one system call serves many ids */

uint64_t random_u64(void)
{
    static _Thread_local uint64_t pool[POOL];
    static _Thread_local unsigned left;
    if (left == 0) {
        ssize_t n = getrandom(pool, sizeof pool, 0);
        assert(n == (ssize_t)sizeof pool);
        left = POOL;
    }
    uint64_t v = pool[--left];
    pool[left] = 0;
    return v;
}

/* Not by printf, which would be a fifth of what a connect command costs. */
void random_uuid(char ret_text[37])
{
    uint64_t words[] = {(random_u64() & ~0xf000ULL) | 0x4000, random_u64() >> 2 | 1ULL << 63};
    for (int digit = 0; digit < 32; digit++) {
        if (digit == 8 || digit == 12 || digit == 16 || digit == 20)
            *ret_text++ = '-';
        *ret_text++ = "0123456789abcdef"[words[digit / 16] >> 4 * (15 - digit % 16) & 15];
    }
    *ret_text = 0;
}
