#include "core/random.h"

#include <assert.h>
#include <stdio.h>
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

void random_uuid(char ret_text[37])
{
    uint64_t a = random_u64(), b = random_u64();
    snprintf(ret_text, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
             (unsigned)(a & 0xfff), (unsigned)(0x8000 | (b >> 48 & 0x3fff)),
             (unsigned long long)(b & 0xffffffffffff));
}
