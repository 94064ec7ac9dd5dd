/* The children of the cell, its partition map, and what they are all told.
 *
 * A slot once made stays (DOWN after scaling down), so that its counts go on. Slots 1…wanted of a role are wanted.
 * A process that is to follow another one in its slot starts beside it, as the crew's spare; when it takes over, the
 * one before it is the spare until it has gone. One at a time of each role.
 * A worker enters the map when the cell starts, or with its first ctl_hello after scaling up (until then nobody would
 * answer for its partitions), and leaves it when scaling down, before it is told to go. */
#ifndef SUPERVISOR_CELL_H
#define SUPERVISOR_CELL_H

#include "child.h"
#include "options.h"
#include "plan.h"
#include "slot_port.h"

#define CELL_WORKER_DRAIN_MS 1000 /* a worker has nothing to finish: gateways resume elsewhere by seq */

struct cell {
    struct ev_loop *loop;
    const struct supervisor_options *options;
    const struct child_handlers *handlers;
    void *owner;
    struct crew {
        struct child *at[SLOTS_MAX]; /* slot - 1 */
        struct child *spare;         /* NULL until it is needed; DOWN: free */
        unsigned made, wanted;
    } crews[ROLE_COUNT];
    struct slot_ports ports;
    struct plan plan;
    uint32_t partitions; /* that channels are hashed over, of the configuration; 0: not known */
    struct buf lanes;    /* ctl_map::lanes */
    uint32_t lanes_most; /* highest number of them */
    bool started;        /* children are wanted: there is a configuration, and the cell does not stop */
};

void cell_init(struct cell *cell, struct ev_loop *loop, const struct supervisor_options *options,
               const struct child_handlers *handlers, void *owner);
void cell_fini(struct cell *cell); /* kills what runs */
/* Starts everything that is wanted, with a topic of so many partitions and the lanes of that configuration. Called again:
 * other ones. */
void cell_start(struct cell *cell, uint32_t partitions, struct bytes config);
/* Wanted from now on; 0 leaves a role as it is. Those beyond are drained. */
void cell_scale(struct cell *cell, unsigned gateways, unsigned workers);
/* A child's ctl_hello: it is told the map; a new worker gets its share. */
void cell_greeted(struct cell *cell, struct child *c);

/* The spare, ready to be started beside what fills that slot. -> NULL while it is still taken */
struct child *cell_spare(struct cell *cell, const struct child *beside);
/* The spare fills the slot, and what has filled it is the spare. Of a worker: the gateways are told. -> the latter */
struct child *cell_take_over(struct cell *cell, struct child *spare);
bool cell_fills(const struct cell *cell, const struct child *c); /* or is it a spare? */
/* It fills a slot that is wanted, and is not on its way out: the cell is as ready as these are. */
bool cell_counts(const struct cell *cell, const struct child *c);
/* "gateway-3" or "3". -> the gateway that fills the slot; NULL: none of that name */
struct child *cell_find(const struct cell *cell, struct bytes name);

/* Walks: slots of both roles, gateways first, behind each role its spare, if it is taken. -> NULL behind the last */
struct child *cell_at(const struct cell *cell, unsigned index);
struct child *cell_gateway(const struct cell *cell, unsigned index);
struct child *cell_worker(const struct cell *cell, unsigned index);
bool cell_all_down(const struct cell *cell, enum child_role role);
void cell_send_all(struct cell *cell, enum child_role role, enum ctl_type type, struct bytes body);

#define cell_each(c, cell) (unsigned each_ = 0; (c = cell_at(cell, each_)); each_++)
#define cell_each_gateway(c, cell) (unsigned each_ = 0; (c = cell_gateway(cell, each_)); each_++)
#define cell_each_worker(c, cell) (unsigned each_ = 0; (c = cell_worker(cell, each_)); each_++)

#endif
