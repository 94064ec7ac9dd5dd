#include "first.h"

#include <assert.h>
#include <stdlib.h>

void first_init(struct first *f, uint32_t most, int (*order)(const void *a, const void *b))
{
    *f = (struct first){.items = malloc(most * sizeof *f->items), .most = most, .order = order};
    assert(f->items);
}

void first_fini(struct first *f)
{
    free(f->items);
}

static void sift_down(struct first *f, uint32_t at)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < f->n && f->order(f->items[child + 1], f->items[child]) > 0)
            child++;
        if (child >= f->n || f->order(f->items[child], f->items[at]) <= 0)
            return;
        const void *up = f->items[child];
        f->items[child] = f->items[at];
        f->items[at] = up;
        at = child;
    }
}

static void make_heap(struct first *f)
{
    for (uint32_t i = f->n / 2; i-- > 0;)
        sift_down(f, i);
}

void first_offer(struct first *f, const void *item)
{
    if (f->n < f->most) {
        f->items[f->n++] = item;
        if (f->n == f->most)
            make_heap(f);
    } else if (f->order(item, f->items[0]) < 0) {
        f->items[0] = item;
        sift_down(f, 0);
    }
}

static int compare(const void *a, const void *b, void *order)
{
    return ((const struct first *)order)->order(*(const void *const *)a, *(const void *const *)b);
}

void first_sort(struct first *f)
{
    qsort_r(f->items, f->n, sizeof *f->items, compare, f);
}
