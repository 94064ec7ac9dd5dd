/* Checks one subscription: numbers ascending by one, by offset where the server gives one, else by the number in the
 * payload. Announced gaps (a recovery that failed) are told to it by order_begin. */
#ifndef BENCH_ORDER_H
#define BENCH_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct order {
    uint64_t next;  /* that is right */
    uint64_t holes; /* numbers that were passed over and did not come later */
    bool begun;
};

enum order_answer {
    ORDER_RIGHT,
    ORDER_HOLE,     /* above what was right: the numbers between are counted in ret_missed */
    ORDER_REPEAT,   /* was there before */
    ORDER_DISORDER, /* fills a hole that it had made itself by being late */
};

void order_begin(struct order *o, uint64_t next);
/* The first number of one that has not begun is right. */
enum order_answer order_take(struct order *o, uint64_t number, uint64_t *ret_missed);

#endif
