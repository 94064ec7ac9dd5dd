#include "spread.h"

#include "core/buf.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct ranked {
    unsigned char rank[EVP_MAX_MD_SIZE];
    struct bytes cell;
};

static int compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return memcmp(y->rank, x->rank, sizeof x->rank);
}

static void put_rank(struct ranked *r, struct bytes tenant)
{
    struct buf both = {0};
    buf_append_bytes(&both, tenant);
    buf_append_char(&both, '/');
    buf_append_bytes(&both, r->cell);
    int ok = EVP_Digest(both.p, both.n, r->rank, NULL, EVP_sha256(), NULL);
    assert(ok);
    buf_fini(&both);
}

void spread_order(struct bytes tenant, struct bytes *cells, size_t n_cells)
{
    struct ranked *all = calloc(n_cells + 1, sizeof *all);
    assert(all);
    for (size_t i = 0; i < n_cells; i++) {
        all[i].cell = cells[i];
        put_rank(&all[i], tenant);
    }
    qsort(all, n_cells, sizeof *all, compare);
    for (size_t i = 0; i < n_cells; i++)
        cells[i] = all[i].cell;
    free(all);
}
