/* Who is in a room, in the order of coming: what pages of presence are cut from. Seats have
 * numbers that only grow, and a page goes on behind the last number shown: who is there all
 * the time is shown exactly once, whoever else comes and goes between two pages.
 *
 *     1 2 - 4 - 6 7        -: given up; when they are most, the others close up
 *
 * A seat is found by bisection; nobody knows the index of his own. */
#ifndef FANOUT_ROSTER_H
#define FANOUT_ROSTER_H

#include <stddef.h>
#include <stdint.h>

struct seat {
    uint64_t number;
    void *who; /* NULL: given up */
};

struct roster {
    struct seat *seats; /* by number, ascending */
    size_t n, cap;
    size_t given_up; /* of n */
    uint64_t last;   /* number given out last; 0: none */
};

void roster_fini(struct roster *r);
uint64_t roster_add(struct roster *r, void *who); /* -> the number of the new seat, from 1 */
void roster_pass(struct roster *r, uint64_t number, void *who); /* another one sits there now */
void roster_leave(struct roster *r, uint64_t number, const void *who); /* unless another one sits there now */
/* -> index of the first seat with a higher number; n: there is none */
size_t roster_after(const struct roster *r, uint64_t number);

#endif
