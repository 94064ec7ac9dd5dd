#include "board.h"

#include <sys/mman.h>

static void *shared(size_t n, size_t size)
{
    size_t bytes = n > 0 ? n * size : 1;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

struct board *board_new(size_t swarms, size_t publishers, size_t messages)
{
    struct board *b = shared(1, sizeof *b);
    if (!b)
        return NULL;
    b->n_swarms = swarms;
    b->n_publishers = publishers;
    b->messages = messages;
    b->reports = shared(swarms, sizeof *b->reports);
    b->publishers = shared(publishers, sizeof *b->publishers);
    b->outcomes = shared(messages, sizeof *b->outcomes);
    b->arrivals = shared(swarms * messages, sizeof *b->arrivals);
    return b->reports && b->publishers && b->outcomes && b->arrivals ? b : NULL;
}

bool board_all_published(const struct board *b)
{
    for (size_t i = 0; i < b->n_publishers; i++)
        if (!b->publishers[i].done)
            return false;
    return true;
}

void board_sum(const struct board *b, struct report *ret_sum)
{
    *ret_sum = (struct report){0};
    for (size_t i = 0; i < b->n_swarms; i++)
        report_merge(ret_sum, &b->reports[i]);
}
