/* The way of the data. See flow.c: it is to be read from top to bottom. */
#ifndef RELAY_FLOW_H
#define RELAY_FLOW_H

#include "relay.h"

/* The stream brought a frame; one that makes no sense ends the stream. */
void flow_frame(struct relay *r, struct bytes pgoutput);
/* Tail by id brought rows: as the handlers of store.h. */
void flow_row(struct relay *r, uint64_t above, const struct row *row, uint64_t lsn);
void flow_bad_row(struct relay *r, uint64_t above, unsigned shard, uint64_t id);
void flow_rows_end(struct relay *r, unsigned shard, uint64_t above, uint64_t upto, bool all);
void flow_heads(struct relay *r, const struct store_heads *heads);
void flow_turn(struct relay *r); /* at the end of each loop turn */

/* What has not been let through is forgotten and will be read again; what is released stays. */
void flow_drop_unreleased(struct relay *r);
/* Asks for a snapshot unless one is under way. */
void flow_ask(struct relay *r);
void flow_write_progress(struct relay *r);

extern const struct sink_handlers flow_sink_handlers;

#endif
