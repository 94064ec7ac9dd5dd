/* One gateway process: what its parts share. Parts find each other through this struct and nowhere else; it says who
 * is there, flow.c says how the data travels. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "admission.h"
#include "batch.h"
#include "budget.h"
#include "channel.h"
#include "config.h"
#include "departure.h"
#include "emulation.h"
#include "fairflush.h"
#include "giveway.h"
#include "history.h"
#include "jwks.h"
#include "lag.h"
#include "ops.h"
#include "parcel.h"
#include "stranger.h"
#include "tables.h"
#include "token_cache.h"
#include "token_refusal.h"
#include "trim.h"
#include "users.h"
#include "wheel.h"
#include "written.h"

#include "core/clock.h"

#include <ev.h>

struct gateway {
    const struct gateway_options *options;
    struct gateway_metrics metrics;
    struct ev_loop *loop;        /* NULL in unit tests */
    const struct config *config; /* NULL until the supervisor has sent one */
    char name[80];               /* a-gateway-1: for peers' logs and as the node's name */
    char uid[37];                /* of this start */
    uint64_t origin;             /* of this start: scope of the publish counters (seq_hello) */
    int64_t started_ns;
    int64_t now_ns;   /* CLOCK_MONOTONIC, of this turn of the loop */
    uint64_t now_us;  /* µs since 1970, of this turn of the loop */

    struct trim trim;
    struct wheel wheel;
    struct rings rings;
    struct written written;   /* what was published here lately */
    struct map channels;      /* struct channel::by_name */
    struct map_node *sweep_next; /* of those, where sweep_heads goes on; NULL: from the beginning */
    struct map tenants;       /* struct tenant::by_name */
    struct map filters;       /* struct filter::by_text */
    struct map sessions;      /* struct session::by_id */
    struct emulations emulations;
    struct fairflush flush;   /* who has to be written to, in turn */
    int64_t behind_ns;        /* since when each slice of delivery has left something to be written; 0: the last left nothing */
    struct batch batch;       /* channels whose news waits for more */
    struct list passing;      /* struct channel_extras::passing: rings with ephemeral frames */
    struct list connections;  /* struct connection::all */
    struct list resuming;     /* struct connection_extras::resuming */
    struct list slow;         /* struct connection::talking of those that are blocked */
    uint32_t n_connections;
    uint32_t capacity;        /* most connections */
    uint32_t n_sockets, sockets_max; /* of clients, HTTP too */
    struct strangers strangers; /* those of them that have not said who they are */
    struct lag lag;           /* of the loop */
    struct giveway giveway;   /* to other processes */
    struct episode headers_cut; /* told once (proxied.h) */
    struct list pages;        /* struct page::by_age, oldest first */
    uint32_t n_pages;
    uint32_t page_tenants;    /* that hold any of them */
    struct drr page_turns;    /* struct tenant::page_turn of those with cursors that wait for a place among the pages */
    struct list joinings;     /* struct joining::due: subscribes that can be decided */
    struct list summoned;     /* questions of other cells that the worker is asked for (gathering.c) */
    struct buf scratch;       /* encoding; used up within a call */
    uint64_t gathers;         /* writes that were put together; numbers the one under way */
    struct buf outgoing;      /* the write under way; WS_HEAD bytes are free in front */
    struct parcel parcel;     /* of it */
    struct deflate *deflate;  /* NULL: nothing is compressed */

    struct tls *tls;          /* NULL: clients speak plain HTTP */
    struct ws *ws;
    struct seq_links *seq;
    struct fan_links *fan;
    struct kafka_link *kafka;
    struct ctl_link *ctl;     /* NULL without a supervisor */
    struct ops *ops;
    struct histories histories; /* history calls */
    struct http_client *http; /* asks applications; NULL in unit tests */
    struct admission admission;
    struct budgets budgets;   /* what each tenant may use */
    struct users users;       /* of tenants with a limit for each */
    struct token_cache tokens;
    struct token_refusals token_refusals; /* what the log was told of them */
    struct jwks jwks;         /* public keys of tenants' tokens */
    struct drain *drain;      /* NULL until it begins */
    struct departure departure;
    struct gateway_loop *turns; /* watchers that open and end a turn; gateway_loop.c */
};

/* Everything that needs no socket: maps, rings, wheel, operations. For gateway_new and for unit tests. */
void gateway_init(struct gateway *g, const struct gateway_options *options, int64_t now_ns, uint64_t now_us);
void gateway_fini(struct gateway *g); /* closes nothing: all connections are gone */

/* gateway_loop.c: opens listener and links, starts to work. -> 0, or -errno with the reason in ret_error */
int gateway_start(struct gateway *g, struct ev_loop *loop, struct buf *ret_error);
void gateway_stop(struct gateway *g); /* the loop has ended: frees what gateway_start made */

/* Between two events of clients: in a turn that takes long, links are looked at and a slice of delivery is made, before
 * the next client's event. */
void gateway_breathe(struct gateway *g);

/* Disconnects everybody in waves, all of them within that time, then ends the loop. */
void gateway_drain(struct gateway *g, int64_t over_ms);
/* Sends so many a second away; clear: begins to, and the loop goes on. Not clear: takes clients again, if it does not drain. */
void gateway_pace(struct gateway *g, bool clear, uint32_t rate);

/* What a balancer asks: -> true, or false with the reason. Faults that all gateways of a cell share (sequencer,
 * workers) do not count here; they are in ctl_status. */
bool gateway_ready(const struct gateway *g, const char **ret_why);
/* What the supervisor is told: all of the above, and sequencer and workers linked. */
bool gateway_linked(const struct gateway *g, const char **ret_why);

static inline uint32_t gateway_now_ms(const struct gateway *g) /* now_ns, its low bits: what is compared lies within 24 days */
{
    return (uint32_t)(g->now_ns / NS_PER_MS);
}

static inline int64_t gateway_unix_s(const struct gateway *g)
{
    return (int64_t)(g->now_us / 1000000);
}

#endif
