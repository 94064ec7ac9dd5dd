/* What a worker says of a channel's members to the other cells that serve the tenant (presence_news; decision 32): a record in
 * their topics, in the channel's partition, which their workers read as they read what is ephemeral. Tried once, and lost
 * while Kafka is away. Nothing is dialled before the configuration has a tenant that this cell shares with another.
 *
 * A cell that was killed has not said that its clients went. When its next start says something, and when it is taken out of
 * the configuration, those in this cell have members in their lists who are not there any more, nobody knows which (unsaid).
 *
 *     presence ──▶ abroad_send ──▶ Kafka: topic of each other cell ──▶ record_news ──▶ presence_hear */
#ifndef FANOUT_ABROAD_H
#define FANOUT_ABROAD_H

#include "core/map.h"
#include "metrics.h"
#include "options.h"
#include "wire/lanes.h"
#include "wire/messages.h"

#include <ev.h>

struct abroad {
    struct ev_loop *loop;
    const struct worker_options *options;
    struct worker_metrics *metrics;
    void (*unsaid)(void *owner, struct bytes tenant); /* its members in another cell may have gone without a word */
    void *owner;
    struct map tenants;               /* struct shared::by_name: those that are served elsewhere, too */
    struct kafka_producer *producer;  /* NULL: not needed yet */
    int64_t pending;                  /* records without the broker's answer; at most --presence-news-max */
    struct buf record;
};

void abroad_init(struct abroad *a, struct ev_loop *loop, const struct worker_options *options, struct worker_metrics *metrics,
                 void (*unsaid)(void *owner, struct bytes tenant), void *owner);
void abroad_fini(struct abroad *a);
/* json: of ctl_config, which hosted_take took. A cell that has never run has no topic, and nobody who could be told. */
void abroad_configure(struct abroad *a, struct bytes json);
/* Copies. Nothing happens where the tenant is in this cell alone. */
void abroad_send(struct abroad *a, struct bytes channel, const struct lanes *lanes, const struct presence_news *m);
/* Notes which start of its cell says it. */
void abroad_heard(struct abroad *a, struct bytes channel, const struct presence_news *m);

#endif
