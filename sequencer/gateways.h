/* The gateways that are connected, each over one link (seq_* of wire/messages.h). A gateway
 * that connects again, by its origin, replaces its older link: what still lies unread in that
 * one it sends again over the new one.
 *
 * Other sequencers connect to the same port, and are told how we are (peers.h is the other end); and where there are
 * several cells so do their supervisors, whose calls to each other are passed on (crossing.h). */
#ifndef SEQUENCER_GATEWAYS_H
#define SEQUENCER_GATEWAYS_H

#include "core/buf.h"

struct sequencer;
struct gateways;
struct seq_result;

/* Listens. -> 0, or -errno with the reason in ret_error */
int gateways_new(struct sequencer *s, const char *address, struct gateways **ret_gateways,
                 struct buf *ret_error);
void gateways_free(struct gateways *g);
/* To the gateway process of that origin, if it is connected. */
void gateways_result(struct gateways *g, uint64_t origin, const struct seq_result *result);
/* Epoch and shards, to all who were told otherwise. NULL is fine. */
void gateways_announce(struct gateways *g);
void gateways_tell_peers(struct gateways *g); /* a beat to each sequencer that listens. NULL is fine */
void gateways_drop(struct gateways *g); /* ends every gateway's link; they connect again */
void gateways_leave(
    struct gateways *g); /* takes nothing any more, neither connections nor publishes */
size_t
gateways_pending(const struct gateways *g); /* bytes of answers that the kernel has not taken */
size_t gateways_count(const struct gateways *g);
size_t gateways_cells(const struct gateways *g); /* supervisors (crossing.h) */

#endif
