/* Leading clients to another cell: those of tenants that leave this one (decision 21), in passes, and those of tenants that it
 * does not host, at once. Both with 4010, which makes SDKs reconnect and recover, --depart-rate a second.
 *
 *     configured ─ --depart-after ─▶ pass: whoever is there when it begins ─ --depart-after ─▶ the next one …
 *
 * Who comes during a pass has come by a balancer that does not know yet: he is served until the next one. Who waits for
 * an answer goes when he has it, or after BUSY_NS. */
#ifndef GATEWAY_DEPARTURE_H
#define GATEWAY_DEPARTURE_H

#include "wheel.h"

struct gateway;

struct departure {
    struct gateway *g;
    struct wheel_timer wave;
    uint32_t left;     /* of this pass: clients that are still to go */
    uint32_t stranded; /* those of tenants that are not here; not 0: there may be some */
    int64_t begun_ns;  /* this pass, or the configuration came */
    int64_t next_ns;   /* the next pass begins */
};

void departure_init(struct departure *d, struct gateway *g);
void departure_fini(struct departure *d);
void departure_configured(struct departure *d); /* another configuration holds */

#endif
