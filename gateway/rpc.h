/* What the rpc command can be: cellcast.METHOD, one function each, with what they share to read their object. */
#ifndef GATEWAY_RPC_H
#define GATEWAY_RPC_H

#include "core/bytes.h"
#include "core/buf.h"
#include "verbs.h"

/* A member that is a string; appended to memory, which must not move: reserve the object's bytes. ret stays when it is absent.
 * -> false: it is no string */
bool rpc_text(struct bytes object, const char *name, struct buf *memory, struct bytes *ret);

/* Answers with that JSON; takes it. */
void rpc_reply(struct connection *c, uint32_t id, struct buf *data);

void rpc_publish(struct connection *c, const struct command *m);  /* verb_publish.c */
void rpc_presence(struct connection *c, const struct command *m); /* verb_ask.c */
void rpc_focus(struct connection *c, const struct command *m);    /* verb_focus.c */

#endif
