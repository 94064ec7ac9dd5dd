/* A gateway that has much to write at once gives way to what messages come from: fair shares of a core would make each step of a
 * publish as many times longer as there are gateways and clients on that core (decision 0020). It weighs less in Linux's autogroups,
 * which share the cores between sessions, from the eighth slice of delivery in a row that left something to be written, until one
 * leaves nothing or the slow turn is narrow (fairflush.h). Only where it is a session of its own, as the supervisor's children are.
 * Containers and service managers have groups with weights of their own, and there this does nothing.
 *
 * The kernel lets who has no CAP_SYS_ADMIN change a weight ten times a second, all processes together. Times are the loop's. */
#ifndef GATEWAY_GIVEWAY_H
#define GATEWAY_GIVEWAY_H

#include "core/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define GIVEWAY_CUTS 8                     /* slices in a row that left something: a few ms of writing */
#define GIVEWAY_APART_NS (100 * NS_PER_MS) /* between two times that it begins: a change takes locks of all cores */

struct giveway {
    int fd;   /* where the nice value is written to (no seeking there); -1: nowhere */
    int nice; /* while it gives way; 0: it never does */
    unsigned cuts;
    bool gives; /* also while the kernel has yet to take it back */
    int64_t began_ns;    /* 0: never */
    uint64_t *times;     /* counts how often it began */
};

void giveway_init(struct giveway *w, int nice, uint64_t *times);
void giveway_fini(struct giveway *w);
void giveway_open(struct giveway *w); /* the autogroup of this process, if it is no others' */

/* A slice of delivery has ended, or there was nothing to do in it. cut: it left something to be written that is worth giving way for */
void giveway_slice(struct giveway *w, bool cut, int64_t now_ns);
/* A turn of the loop ends. */
void giveway_turn(struct giveway *w);

#endif
