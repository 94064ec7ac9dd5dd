/* Timers of which there are tens of thousands (a connection's next deadline, a request's): a hashed wheel of 1,024
 * slots of 32 ms. Setting, moving and cancelling one costs the same however many there are; one fires up to a slot
 * late, never early. libwebsockets' own timers are a sorted list and so quadratic (decision 0005). */
#ifndef GATEWAY_WHEEL_H
#define GATEWAY_WHEEL_H

#include "core/clock.h"
#include "core/list.h"

#include <stdint.h>

#define WHEEL_SLOTS 1024
#define WHEEL_TICK_NS (32 * NS_PER_MS)

struct wheel_timer {
    struct list link; /* struct wheel::slots */
    int64_t at_ns;
    void (*fire)(struct wheel_timer *t); /* may set, cancel and free any timer, this one too */
};

struct wheel {
    struct list slots[WHEEL_SLOTS]; /* struct wheel_timer::link, by at_ns */
    int64_t tick;                   /* the last one that was walked */
};

void wheel_init(struct wheel *w, int64_t now_ns);
void wheel_timer_init(struct wheel_timer *t, void (*fire)(struct wheel_timer *t));
void wheel_set(struct wheel *w, struct wheel_timer *t, int64_t at_ns); /* moves one that is set */
void wheel_cancel(struct wheel_timer *t);                              /* one that is not set is fine */
void wheel_turn(struct wheel *w, int64_t now_ns);                      /* fires what is due */

#endif
