#include "roster.h"

#include <assert.h>
#include <stdlib.h>

#define SMALL 16 /* seats that need not close up */

void roster_fini(struct roster *r)
{
    free(r->seats);
    *r = (struct roster){0};
}

uint64_t roster_add(struct roster *r, void *who)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 2;
        r->seats = realloc(r->seats, r->cap * sizeof *r->seats);
        assert(r->seats);
    }
    r->seats[r->n++] = (struct seat){++r->last, who};
    return r->last;
}

size_t roster_after(const struct roster *r, uint64_t number)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->seats[middle].number > number)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static struct seat *find(const struct roster *r, uint64_t number)
{
    size_t at = roster_after(r, number);
    assert(at > 0 && r->seats[at - 1].number == number);
    return &r->seats[at - 1];
}

void roster_pass(struct roster *r, uint64_t number, void *who)
{
    find(r, number)->who = who;
}

static void close_up(struct roster *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->seats[i].who)
            r->seats[n++] = r->seats[i];
    r->n = n;
    r->given_up = 0;
}

void roster_leave(struct roster *r, uint64_t number, const void *who)
{
    struct seat *seat = find(r, number);
    if (seat->who != who)
        return;
    seat->who = NULL;
    r->given_up++;
    if (r->n > SMALL && r->given_up > r->n / 2)
        close_up(r);
}
