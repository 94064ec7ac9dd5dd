#include "canary_hop.h"

static enum hop say(enum hop hop, const char *why, const char **ret_why)
{
    *ret_why = why;
    return hop;
}

/* It is in Kafka, as far as anybody says. */
static enum hop behind_relay(const struct hop_evidence *e, const char **ret_why)
{
    if (e->kafka_away)
        return say(HOP_KAFKA, "no broker takes connections", ret_why);
    if (e->worker_unready)
        return say(HOP_WORKER, "the worker is not ready", ret_why);
    if (e->others_seen)
        return say(HOP_WORKER, "canaries of other workers arrive", ret_why);
    return say(HOP_KAFKA, "handed to Kafka, and nothing comes out of any worker", ret_why);
}

static enum hop without_table(const struct hop_evidence *e, const char **ret_why)
{
    if (e->postgres_away)
        return say(HOP_COMMIT, "PostgreSQL does not answer", ret_why);
    if (e->kafka_away)
        return say(HOP_KAFKA, "no broker takes connections", ret_why);
    if (e->worker_unready)
        return say(HOP_WORKER, "the worker is not ready", ret_why);
    if (e->others_seen)
        return say(HOP_WORKER, "canaries of other workers arrive", ret_why);
    return say(HOP_COMMIT, "not known to be committed", ret_why);
}

enum hop hop_stuck(const struct hop_evidence *e, const char **ret_why)
{
    if (e->others_see)
        return say(HOP_GATEWAY, "other gateways see it", ret_why);
    if (e->no_publisher)
        return say(HOP_PUBLISH, "no gateway is there to publish it", ret_why);
    if (!e->table_known)
        return without_table(e, ret_why);
    if (!e->committed)
        return say(HOP_COMMIT, "it is not in the table", ret_why);
    if (!e->relayed)
        return say(e->kafka_away ? HOP_KAFKA : HOP_RELAY,
                   e->kafka_away ? "no broker takes connections"
                                 : "committed, and the relay's progress is below it",
                   ret_why);
    return behind_relay(e, ret_why);
}

const char *hop_name(enum hop hop)
{
#define HOP_TEXT(name, text) #text,
    static const char *const names[] = {HOPS(HOP_TEXT)};
    return names[hop];
}
