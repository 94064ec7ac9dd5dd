/* Where the events of a tenant go, and whose turn it is. Pure: time is what its owner says.
 *
 *     idle ──due──▶ reading ──rows──▶ posting ──answer──▶ settling ──▶ idle, due at once, or after the backoff
 *
 * One request of a tenant is under way at most, so its events arrive in order; requests to endpoints that fail have half of the
 * places, so that those which do not answer leave the others room. Bounded by the tenants that have something waiting. */
#ifndef WEBHOOKS_ENDPOINT_H
#define WEBHOOKS_ENDPOINT_H

#include "core/backoff.h"
#include "core/buf.h"
#include "core/list.h"
#include "core/map.h"

enum endpoint_state {
    ENDPOINT_IDLE,
    ENDPOINT_READING,
    ENDPOINT_POSTING,
    ENDPOINT_SETTLING, /* PostgreSQL is told what became of it */
};

struct endpoints {
    struct map all;    /* struct endpoint::by_tenant */
    struct list turns; /* struct endpoint::turn, who had his turn longest ago first */
    uint32_t places;   /* from --posts-max */
    uint32_t busy;     /* not idle */
    uint32_t busy_failing; /* of them, those that failed before */
    uint32_t retry_min_ms, retry_max_ms;
    uint64_t look;     /* times that was looked for what waits */
};

struct endpoint {
    struct map_node by_tenant;
    struct list turn; /* of struct endpoints::turns */
    struct endpoints *of;
    enum endpoint_state state;
    struct backoff backoff; /* tries above 0: the last request was not taken */
    int64_t due_ns;         /* loop clock: not before */
    int64_t trim_ns;        /* when it was last seen to that not too much waits */
    uint64_t look;          /* the last one that found something waiting */
    bool counted_failing;   /* in busy_failing */
    struct buf url, secret, previous_secret; /* as of the last look */
    struct buf ids;         /* int64_t: of the batch that is under way */
    int64_t dropped;        /* that it tells of */
    void *transfer;         /* the owner's, while posting */
    void *owner;
    struct bytes tenant;    /* points behind the struct */
};

void endpoints_init(struct endpoints *e, uint32_t places, uint32_t retry_min_ms, uint32_t retry_max_ms);
void endpoints_fini(struct endpoints *e);

/* A look: begin, then each tenant of which something waits. Those of which nothing does and that are idle are forgotten. */
void endpoints_look(struct endpoints *e);
struct endpoint *endpoints_waits(struct endpoints *e, struct bytes tenant); /* made when it is not there */
void endpoints_looked(struct endpoints *e);

/* Whose turn it is: it is reading now. -> NULL: nobody's */
struct endpoint *endpoints_next(struct endpoints *e, int64_t now_ns);
void endpoint_goto(struct endpoint *ep, enum endpoint_state state); /* forwards, as above; not to idle */
void endpoint_rests(struct endpoint *ep, int64_t due_ns);           /* idle until then */
/* It took the batch, or did not: what comes after the rest. random: any bits. -> when it is due again */
int64_t endpoint_took(struct endpoint *ep, int64_t now_ns);
int64_t endpoint_failed(struct endpoint *ep, int64_t now_ns, uint64_t random);
static inline bool endpoint_fails(const struct endpoint *ep)
{
    return ep->backoff.tries > 0;
}
uint32_t endpoints_failing(const struct endpoints *e);

#endif
