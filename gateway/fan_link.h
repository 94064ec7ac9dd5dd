/* The links to the fan-out workers: one per worker of the supervisor's map, each owning some of the topic's partitions.
 * Interest, presence and reads go to the worker that owns the channel. When a link comes up, or the map changes, all
 * interest of that worker's channels is told again as "since the head", presence silently, then fan_synced: a worker
 * keeps nothing of ours beyond its link. */
#ifndef GATEWAY_FAN_LINK_H
#define GATEWAY_FAN_LINK_H

#include "channel.h"

struct fan_links;

struct fan_links *fan_links_new(struct gateway *g);
void fan_links_free(struct fan_links *f);

/* A map of a generation that is not above ours changes nothing. -> 0, -EBADMSG */
int fan_links_map(struct fan_links *f, const struct ctl_map *m);
uint32_t fan_lane(const struct fan_links *f, struct bytes full); /* by the map; 0: it is hashed (wire/lanes.h) */
bool fan_mapped(const struct fan_links *f); /* there is a map */
bool fan_linked(const struct fan_links *f); /* and every worker in it said welcome */

/* Told when the worker is linked; otherwise the link's coming up tells it. */
void fan_subscribe(struct fan_links *f, struct channel *c);
void fan_unsubscribe(struct fan_links *f, struct channel *c);
void fan_presence_set(struct fan_links *f, struct channel *c, const struct fan_presence_set *m);
void fan_presence_clear(struct fan_links *f, struct channel *c, const struct fan_presence_clear *m);

/* Of a channel that is nobody's here: the worker is the one of m->channel. */
void fan_client_set(struct fan_links *f, const struct fan_presence_set *m);
void fan_client_clear(struct fan_links *f, const struct fan_presence_clear *m);

void fan_links_look(struct fan_links *f); /* run/link.h's link_look, for each */

/* Asked of the channel's worker. -> its slot, or -ENOTCONN: nothing was sent */
int fan_read(struct fan_links *f, const struct fan_read *m);
int fan_ask_head(struct fan_links *f, const struct fan_ask_head *m);
int fan_ask_presence(struct fan_links *f, const struct fan_ask_presence *m);
/* Nobody waits any more for what the worker in that slot was asked. */
void fan_forget(struct fan_links *f, uint32_t slot, uint64_t request);

#endif
