#include "distinct.h"

#include <stdlib.h>

void distinct_add(struct distinct *d, uint64_t hash)
{
    buf_append(&d->hashes, &hash, sizeof hash);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t distinct_count(struct distinct *d)
{
    uint64_t *hashes = (uint64_t *)(void *)d->hashes.p, count = 0;
    size_t n = d->hashes.n / sizeof *hashes;
    if (n)
        qsort(hashes, n, sizeof *hashes, compare);
    for (size_t i = 0; i < n; i++)
        count += i == 0 || hashes[i] != hashes[i - 1];
    buf_fini(&d->hashes);
    return count;
}
