/* Sockets that were accepted and are not yet handed to a gateway, each in the list that says why:
 *
 *     accepted ─▶ HEADER ─▶ SILENT ─▶ TURN ─▶ READY ─▶ a gateway (accept.c)
 *       from a balancer  │  no byte  │  its source is over its rate
 *     (each is left out by whom it does not concern)
 *
 * What says nothing costs a descriptor and some 200 bytes here, and nothing in a gateway, whose HTTP parser takes 16 KB for
 * whoever it is handed. Bounds: --arrivals-max in all, beyond which the longest silent one is cut, unless that is younger than
 * --arrival-grace: in a storm honest clients are slow to speak, and who is cut comes again; half of them in TURN,
 * beyond which who comes is closed; --arrival-timeout for HEADER and SILENT. Cut means reset: no state is left behind. */
#ifndef SUPERVISOR_ARRIVAL_H
#define SUPERVISOR_ARRIVAL_H

#include "core/episode.h"
#include "metrics.h"
#include "options.h"
#include "run/source.h"
#include "source_buckets.h"

#include <ev.h>

#define LEFT_AFTER_MS 1000

enum arrival_state { ARRIVAL_HEADER, ARRIVAL_SILENT, ARRIVAL_TURN, ARRIVAL_READY, ARRIVAL_STATES };

struct arrivals {
    struct ev_loop *loop;
    const struct supervisor_options *options;
    struct supervisor_metrics *metrics;
    void (*ready)(void *owner); /* somebody has become ready; not while he is added */
    void *owner;
    struct networks balancers; /* --proxy-from */
    struct source_buckets buckets;
    struct list in[ARRIVAL_STATES]; /* struct arrival::link, longest first */
    unsigned n[ARRIVAL_STATES];
    struct episode cut, refused, nonsense; /* told once each */
};

struct arrival {
    struct list link;
    struct arrivals *all;
    enum arrival_state state;
    int fd;
    struct source source; /* of the client, as far as it is known */
    uint64_t accepted_us;
    int64_t since_ns; /* the same, by the monotonic clock */
    ev_io readable;             /* HEADER, SILENT */
    ev_timer timer;             /* HEADER, SILENT: their end; TURN: its turn */
    struct proxy_header *header; /* HEADER, else NULL */
};

/* -> 0, or -EINVAL with the reason in ret_error */
int arrivals_init(struct arrivals *all, struct ev_loop *loop, const struct supervisor_options *options,
                  struct supervisor_metrics *metrics, void (*ready)(void *owner), void *owner, struct buf *ret_error);
void arrivals_fini(struct arrivals *all);
void arrivals_cut(struct arrivals *all); /* everybody */
bool arrivals_full(const struct arrivals *all); /* and nobody has been silent for long enough to be cut for another one */
void arrivals_add(struct arrivals *all, int fd, const struct address *peer); /* takes fd */
struct arrival *arrivals_first(const struct arrivals *all); /* of those that are READY; NULL: none */
/* It has closed its end, and what it sent is so old (LEFT_AFTER_MS) that it waits for no answer: an SDK gave up in the queue. */
bool arrival_has_left(const struct arrival *a);
void arrival_free(struct arrival *a); /* closes our descriptor; the one that was handed on lives */

#endif
