/* The life of a subscription (struct sub, channel.h): made by subscribe, ended by the client, by us, or with the
 * connection; and its presence with the channel's worker. */
#ifndef GATEWAY_SUB_H
#define GATEWAY_SUB_H

#include "connection.h"

/* Not live yet; the channel is opened if it is not known here. */
struct sub *sub_new(struct connection *c, struct bytes full_name, bool spelled_full);
/* Ends it and frees it; tells the client nothing. Its place in the channel's presence lingers (decision 0018). */
void sub_end(struct sub *s);
void sub_leave(struct sub *s); /* the same; the client does not mean to come back, and others are told so at once */
/* The same with an unsubscribe push; or, for a server-side one with 2500 or 2501, with the connection (3010, 3006). */
void sub_unsubscribe(struct sub *s, uint32_t code);
/* What follows the cursor is gone: unsubscribe 2500; the third in a minute is disconnect 3008. */
void sub_insufficient(struct sub *s);
/* Its presence is announced (again, silently, after the worker's link came back). */
void sub_tell_presence(struct sub *s, bool silent);

/* Its client has been written f, which is its next / is not to get what lies up to `seq`. */
static inline void sub_told(struct sub *s, const struct frame *f)
{
    struct connection *c = s->connection;
    s->sent = f->seq;
    s->has_last = true;
    if (f->id > c->shown)
        c->shown = f->id;
}

static inline void sub_pass(struct sub *s, uint64_t seq)
{
    s->sent = seq;
    s->has_last = false;
}

struct sub_extras *sub_extras(struct sub *s); /* made if there are none */
void sub_tidy(struct sub *s);                 /* drops them when nothing in them is in use; none is fine */

struct bytes sub_info(const struct sub *s); /* ClientInfo as JSON */

#endif
