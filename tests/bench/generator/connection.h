/* One subscriber: a WebSocket from a source address of its own, which comes back when it is lost. What is said over it is the
 * dialect's. Written on its process's loop only; nothing here blocks.
 *
 *     WAITING ─▶ OPENING ─▶ UPGRADING ─▶ JOINING ─▶ SUBSCRIBED        (any but WAITING) ─▶ WAITING, by sdk.h
 *                                                                     (any) ─▶ ENDED, when the server says so */
#ifndef BENCH_CONNECTION_H
#define BENCH_CONNECTION_H

#include "order.h"
#include "core/buf.h"
#include "core/list.h"

#include <ev.h>

#define EPOCH_MAX 31 /* characters; longer ones count as an error */

enum connection_state {
    CONNECTION_WAITING,    /* for its first turn, or to come back */
    CONNECTION_OPENING,    /* TCP, TLS */
    CONNECTION_UPGRADING,  /* HTTP */
    CONNECTION_JOINING,    /* connect and subscribe are said */
    CONNECTION_SUBSCRIBED, /* to everything */
    CONNECTION_ENDED,      /* not to come back */
};

struct subscription {
    struct order order;
    char epoch[EPOCH_MAX + 1]; /* "" until the server said one */
    bool before;               /* it was subscribed once, so that it recovers */
    bool refused;              /* for the moment: it is asked for again by the dialect's `resubscribe` */
};

struct swarm;

struct connection {
    ev_io io;
    ev_timer again; /* WAITING: until it comes back; JOINING: until what was refused is asked for again */
    struct list turn; /* struct turns::due: WAITING, and its time has come */
    struct swarm *swarm;
    uint64_t index; /* over all processes, from 0 */
    struct subscription *subscriptions; /* options.subscriptions of them; a loan of the swarm */
    struct ssl_st *tls;              /* tls.h; NULL without --tls, and without a socket */
    struct ssl_session_st *session;  /* to resume at the next one */
    struct buf rest;         /* the beginning of a frame, or of the upgrade's answer */
    double since;            /* loop time: of the last byte when SUBSCRIBED, else when what it waits for was asked for */
    uint64_t joined_us;      /* since 1970, when all was subscribed */
    uint64_t resumed_us;     /* since 1970, when it last read again after a pause; 0: never paused */
    int64_t lost_ns;         /* loop's monotonic clock; 0: never was */
    uint16_t ping_s;         /* the server's; 0: it sends none */
    uint16_t unanswered;     /* subscribes */
    uint16_t tries;          /* since it was accepted last */
    uint16_t refusals;       /* of its subscribes since then */
    uint8_t state;           /* enum connection_state */
    bool connected_once, subscribed_once, pong;
    bool paused;             /* it does not read */
};

/* When a read came, µs since 1970. */
struct stamp {
    uint64_t kernel_us; /* the last packet of the read */
    uint64_t user_us;
    bool last; /* the frame is the last of its read, so that kernel_us is its own */
};

void connection_init(struct connection *c, struct swarm *s, uint64_t index, struct subscription *subscriptions);
void connection_open(struct connection *c); /* only while WAITING */
void connection_cut(struct connection *c);  /* as a network does it: no close frame; it comes back */
void connection_pause(struct connection *c);  /* it reads nothing, whatever waits; only while SUBSCRIBED */
void connection_resume(struct connection *c); /* what was published meanwhile is in no latency */
/* Called four times a second: whoever waits for an answer, or a ping, too long is lost. now: loop time. */
void connection_look(struct connection *c, double now);
void connection_fini(struct connection *c);

/* ---- for dialects */
/* channel of the connection's nth subscription; text ends with the number */
uint64_t connection_channel(const struct connection *c, size_t nth);
void connection_append_channel(const struct connection *c, size_t nth, struct buf *into);
void connection_say(struct connection *c, struct bytes message); /* one text frame */
void connection_accepted(struct connection *c);                   /* of connect */
void connection_subscribed(struct connection *c);                 /* one more of its subscriptions is answered */
void connection_refused(struct connection *c, size_t nth);        /* a subscription, for the moment; the connection stays */
void connection_asked(struct connection *c);                      /* an answer is awaited from now on */
void connection_lost(struct connection *c);                       /* it comes back; the socket is closed */
void connection_turned_away(struct connection *c, bool for_ever); /* by an error */
void connection_note(const struct connection *c, uint64_t *count); /* one more, if it is on its way back */
void connection_error(struct connection *c);                      /* no protocol: counted, lost */

#endif
