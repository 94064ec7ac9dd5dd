/* What a client is told (protocol.md 2, 8): replies to its commands, and pushes. Who tells it states the contents once; the
 * connection's encoding decides how they are written (reply_json.c, reply_protobuf.c), as one whole message. Zero values are left
 * out; the typed result never is (protocol.md 20.3). */
#ifndef GATEWAY_REPLY_H
#define GATEWAY_REPLY_H

#include "encoding.h"
#include "ops.h"

enum reply_kind {
    REPLY_PING, /* of ours, without an id */
    REPLY_ERROR,
    REPLY_OWN_ERROR,
    REPLY_CONNECT,
    REPLY_SUBSCRIBE,
    REPLY_UNSUBSCRIBE,
    REPLY_PUBLISH,
    REPLY_PRESENCE,
    REPLY_PRESENCE_STATS,
    REPLY_HISTORY,
    REPLY_RPC,
    REPLY_REFRESH,
    REPLY_SUB_REFRESH,
    REPLY_KINDS
};

struct reply_connected {
    struct bytes client;
    const char *version;
    uint32_t ttl;    /* s; 0: does not expire */
    uint32_t ping_s; /* connect only; 0: refresh */
    struct bytes data; /* connect only; JSON, or empty */
    struct bytes subs; /* connect only; what reply_put_entry has put together, or empty */
    bool pong;         /* connect only: the client is to answer pings */
    struct bytes session, node; /* connect only: of a client that has no WebSocket (session.h, emulation.h), or empty */
};

struct reply_subscribed {
    uint32_t ttl; /* s; 0: does not expire */
    bool positioned, recoverable;
    uint64_t epoch, offset;
    bool was_recovering, recovered, delta;
    struct bytes data;         /* JSON, or empty */
    struct bytes publications; /* as below */
};

struct reply_history {
    struct bytes publications; /* encoded as the connection is, behind each other, each a str of wire/codec.h */
    uint64_t epoch, offset;
};

struct reply_own_error { /* of the tenant's application */
    uint32_t code;
    struct bytes message; /* text */
    bool temporary;
};

struct reply {
    uint32_t id; /* 0: none, a ping, or the connect of a one-way client, which is a push there */
    enum reply_kind kind;
    union {
        uint32_t error;                   /* code */
        struct reply_own_error own_error;
        struct reply_connected connected; /* connect, refresh */
        struct reply_subscribed subscribed;
        const struct ops_presence *presence; /* presence, presence_stats */
        struct reply_history history;
        struct bytes data; /* rpc: JSON */
        uint32_t ttl;      /* sub_refresh, s; 0: does not expire */
    };
};

enum push_kind { PUSH_SUBSCRIBE, PUSH_UNSUBSCRIBE, PUSH_REFRESH, PUSH_DISCONNECT, PUSH_JOIN, PUSH_LEAVE, PUSH_MESSAGE, PUSH_COUNTS, PUSH_HEAD };

struct push {
    enum push_kind kind;
    union {
        struct reply_subscribed subscribed; /* subscribe: without was_recovering, recovered and publications */
        uint32_t ttl;                       /* refresh, s; 0: does not expire */
        struct {
            uint32_t code;
            const char *reason;
        } unsubscribe, disconnect; /* disconnect: where there is no Close frame to say it */
        struct bytes info; /* join, leave: ClientInfo as JSON */
        struct bytes data; /* message: JSON */
        /* Messages of ours about the channel; SDKs show a message without its push's channel, which is in it once more:
         * {"presence":{"channel":"x","num_clients":2,"num_users":1}}, {"head":{"channel":"x","offset":2,"epoch":"1"}} */
        struct {
            uint32_t clients, users;
        } counts;
        struct {
            uint64_t epoch, offset;
        } head;
    };
};

/* Each appends one message. c: NULL where a push has no channel (refresh, disconnect); full: it is spelled tenant/name. */
void reply_put(enum encoding e, struct buf *b, const struct reply *r);
void push_put(enum encoding e, struct buf *b, const struct channel *c, bool full, const struct push *p);

/* Appends an entry of a connect's subs. channel: as its client spells it. */
void reply_put_entry(enum encoding e, struct buf *list, struct bytes channel, const struct reply_subscribed *r);

/* ---- the encoders, by encoding.c. Of a push they know the kinds to PUSH_MESSAGE. */
void entry_json(struct buf *b, struct bytes channel, const struct reply_subscribed *r);
void entry_protobuf(struct buf *b, struct bytes channel, const struct reply_subscribed *r);
void reply_json(struct buf *b, const struct reply *r);
void reply_protobuf(struct buf *b, const struct reply *r);
void push_json(struct buf *b, const struct channel *c, bool full, const struct push *p);
void push_protobuf(struct buf *b, const struct channel *c, bool full, const struct push *p);
/* The push of a publication. late: marked so (hold.h). */
void frame_json(struct buf *b, const struct channel *c, bool full, const struct frame *f, struct bytes form, bool late);
void frame_protobuf(struct buf *b, const struct channel *c, bool full, const struct frame *f, struct bytes form, bool late);

#endif
