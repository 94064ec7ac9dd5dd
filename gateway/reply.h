/* The lines that a client is told, as JSON (protocol.md 2, 8): each function appends one whole line with its \n.
 * Zero values are left out; the typed result object never is (protocol.md 20.3). */
#ifndef GATEWAY_REPLY_H
#define GATEWAY_REPLY_H

#include "ops.h"

#include "core/buf.h"

struct reply_connected {
    struct bytes client;
    const char *version;
    uint32_t ttl;    /* s; 0: does not expire */
    uint32_t ping_s; /* connect only; 0: refresh */
    struct bytes data; /* connect only; JSON, or empty */
    struct bytes subs; /* connect only; entries (reply_entry_begin), or empty */
};

struct reply_subscribed {
    uint32_t ttl; /* s; 0: does not expire */
    bool positioned, recoverable;
    uint64_t epoch, offset;
    bool was_recovering, recovered;
    struct bytes data; /* JSON, or empty */
};

void reply_ping(struct buf *b);
void reply_error(struct buf *b, uint32_t id, uint32_t code);
void reply_empty(struct buf *b, uint32_t id, const char *type); /* {"id":4,"publish":{}} */
void reply_connected(struct buf *b, uint32_t id, const char *type, const struct reply_connected *r);
void reply_sub_refreshed(struct buf *b, uint32_t id, uint32_t ttl);
void reply_presence(struct buf *b, uint32_t id, const struct ops_presence *answer);
void reply_presence_stats(struct buf *b, uint32_t id, const struct ops_presence *answer);
void reply_presence_page(struct buf *b, uint32_t id, const struct ops_presence *answer); /* rpc cellcast.presence */
/* Publications up to most_bytes, at least one. -> 0, -EBADMSG (nothing appended) */
int reply_history(struct buf *b, uint32_t id, const struct ops_range *answer, size_t most_bytes);
/* rpc cellcast.publish: {"id":7,"rpc":{"data":{"offset":1,"epoch":"1","id":"…"}}} */
void reply_published(struct buf *b, uint32_t id, const struct ops_published *answer);
void reply_rpc_done(struct buf *b, uint32_t id); /* {"id":7,"rpc":{"data":{}}} */
/* Left open for `,"publications":[…]`; reply_end closes it. */
void reply_subscribed_begin(struct buf *b, uint32_t id, const struct reply_subscribed *r);
void reply_end(struct buf *b);
/* The same as an entry of connect's subs, of which `b` holds nothing else. channel: in the client's spelling. */
void reply_entry_begin(struct buf *b, struct bytes channel, const struct reply_subscribed *r);
void reply_entry_end(struct buf *b);

/* head: channel_put_push */
void push_unsubscribe(struct buf *b, struct bytes head, uint32_t code, const char *reason);
void push_subscribe(struct buf *b, struct bytes head, const struct reply_subscribed *r);
void push_refresh(struct buf *b, uint32_t ttl); /* {"push":{"refresh":{"expires":true,"ttl":60}}} */
void push_join(struct buf *b, struct bytes head, struct bytes info);
void push_leave(struct buf *b, struct bytes head, struct bytes info);
/* {"push":{"channel":"x","message":{"data":{"presence":{"channel":"x","num_clients":2,"num_users":1}}}}} */
void push_counts(struct buf *b, struct bytes head, uint32_t clients, uint32_t users);
/* {"push":{"channel":"x","message":{"data":{"head":{"channel":"x","offset":2,"epoch":"1"}}}}} */
void push_head(struct buf *b, struct bytes head, uint64_t epoch, uint64_t offset);

/* {"user":"…","client":"…","conn_info":…,"chan_info":…}; infos: JSON, or empty. Without a line's end. */
void client_info_json(struct buf *b, struct bytes user, struct bytes client, struct bytes conn_info, struct bytes chan_info);

#endif
