/* What a client's command and an HTTP API call both ask of the cluster. Every operation is asynchronous: `done` is called
 * exactly once, from the loop, never from inside the call, whatever fails (a lost link, a timeout: code 100). An operation
 * whose asker has gone is forgotten with ops_cancel; the publish itself goes on. */
#ifndef GATEWAY_OPS_H
#define GATEWAY_OPS_H

#include "core/bytes.h"
#include "wire/messages.h"

struct gateway;
struct config_tenant;

struct ops_publish {
    struct bytes channel; /* full form; permission has been checked */
    uint8_t format;       /* as in publication */
    struct bytes data;    /* validated; at most DATA_MAX */
    struct bytes tags;    /* JSON object of strings, or empty */
    struct bytes info;    /* ClientInfo JSON, or empty */
    struct bytes after;   /* references, or empty */
    struct bytes key;     /* idempotency key, or empty */
    uint64_t shown;       /* highest id written on the asker's connection; 0: none */
    const struct config_tenant *ephemeral; /* whose cells get it, without a row; NULL: a durable one */
};

/* code: 0 or a protocol error code; text: why. Bytes are borrowed for the call. */
struct ops_published {
    uint32_t code;
    struct bytes text;
    uint64_t epoch, seq, id; /* seq 0: an ephemeral one */
};
struct ops_range {
    uint32_t code;
    uint64_t epoch, head;
    bool more;
    struct bytes publications; /* list of publication (wire_next_publication) */
};
struct ops_presence {
    uint32_t code;
    uint32_t clients, users;
    bool users_added;     /* those of several cells: who is in two counts twice; `users` is not less than they are */
    struct bytes entries; /* list of presence_entry */
    struct bytes hashes;  /* of users, as in fan_presence */
    uint64_t next;        /* what `after` the page behind this one has; 0: there is none */
    struct bytes missing; /* list of cell_name: that have not answered, where code is 100 and it is known */
};
struct ops_head {
    uint32_t code;
    uint64_t epoch, head;
};
struct ops_called {
    uint32_t asked;
    struct bytes answers; /* list of ctl_answer */
    struct bytes missing; /* list of cell_name, as in ctl_result */
};

typedef void ops_published_fn(void *ctx, const struct ops_published *answer);
typedef void ops_range_fn(void *ctx, const struct ops_range *answer);
typedef void ops_presence_fn(void *ctx, const struct ops_presence *answer);
typedef void ops_head_fn(void *ctx, const struct ops_head *answer);
typedef void ops_called_fn(void *ctx, const struct ops_called *answer);

/* Each returns a ticket (> 0) for ops_cancel. */
uint64_t ops_publish(struct gateway *g, const struct ops_publish *what, ops_published_fn *done, void *ctx);
/* as fan_read of messages.h */
uint64_t ops_read(struct gateway *g, struct bytes channel, uint64_t epoch, uint64_t since, uint32_t limit, bool reverse,
                  ops_range_fn *done, void *ctx);
/* limit 0: only counts. Of all cells that serve the channel's tenant (gathering.h); _here: of this one, everything but
 * `request` as it is asked. */
uint64_t ops_presence(struct gateway *g, struct bytes channel, uint64_t after, uint32_t limit, ops_presence_fn *done, void *ctx);
uint64_t ops_presence_here(struct gateway *g, struct fan_ask_presence *what, ops_presence_fn *done, void *ctx);
/* at_least: as fan_ask_head of messages.h */
uint64_t ops_ask_head(struct gateway *g, struct bytes channel, uint64_t at_least, ops_head_fn *done, void *ctx);
/* Asks every gateway of the cell, this one too, and of the other cells that serve the tenant (empty: of all), through the
 * supervisors; _cells: one gateway of each of the other cells. method, body: as ctl_call. */
uint64_t ops_call(struct gateway *g, struct bytes method, struct bytes tenant, struct bytes body, ops_called_fn *done,
                  void *ctx);
uint64_t ops_call_cells(struct gateway *g, struct bytes method, struct bytes tenant, struct bytes body, ops_called_fn *done,
                        void *ctx);
void ops_cancel(struct gateway *g, uint64_t ticket); /* 0 and finished ones are fine */

/* ---- for the links: what came back. Tickets that are not known any more are fine. */
struct ops *ops_new(struct gateway *g);
void ops_free(struct ops *o); /* calls nobody */
void ops_publish_done(struct gateway *g, uint64_t ticket, const struct ops_published *answer);
void ops_range_came(struct gateway *g, const struct fan_range *m);
void ops_presence_came(struct gateway *g, const struct fan_presence *m);
void ops_presence_gathered(struct gateway *g, uint64_t ticket, const struct ops_presence *answer);
void ops_head_came(struct gateway *g, const struct fan_head *m);
void ops_result_came(struct gateway *g, const struct ctl_result *m);
/* The worker's link is down: what it was asked is answered with 100. */
void ops_worker_lost(struct gateway *g, uint32_t slot);
/* Answers what failed at once; called once a turn. -> whether more is to do */
bool ops_turn(struct gateway *g);

#endif
