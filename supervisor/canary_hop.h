/* Which hop of the path is stuck, from what is known when a worker's canary does not reach a gateway. Pure. */
#ifndef SUPERVISOR_CANARY_HOP_H
#define SUPERVISOR_CANARY_HOP_H

#include <stdbool.h>

/* HOP(NAME, text) in the order of the way; each has a gauge stuck_TEXT in metrics.def */
#define HOPS(H)                                                                                    \
    H(PUBLISH, publish)                                                                            \
    H(COMMIT, commit)                                                                              \
    H(RELAY, relay)                                                                                \
    H(KAFKA, kafka)                                                                                \
    H(WORKER, worker)                                                                              \
    H(GATEWAY, gateway)
#define HOP_ENUM(name, text) HOP_##name,
enum hop { HOPS(HOP_ENUM) HOP_COUNT };

struct hop_evidence {
    bool no_publisher;    /* no gateway was there to publish it */
    bool others_see;      /* another gateway sees the canaries of this worker */
    bool others_seen;     /* this or another gateway sees the canaries of another worker */
    bool postgres_away;
    bool kafka_away;
    bool worker_unready;  /* it says so, or does not run */
    bool table_known;     /* PostgreSQL was asked about this very canary and answered: */
    bool committed;       /*   it stands in the table */
    bool relayed;         /*   relay_progress is at or past it */
};

/* -> the hop, and in *ret_why (static text) what tells so */
enum hop hop_stuck(const struct hop_evidence *e, const char **ret_why);
const char *hop_name(enum hop hop);

#endif
