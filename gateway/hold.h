/* Causes first: a publication that names what it answers (`after`) is not written to a connection before what it
 * answers, where that connection is subscribed to it. Judged for each connection at the moment of writing:
 *
 *     question  … 6 | 7            the cursor stands at 6, and 7 has not come yet
 *     answers   … 3 | 4 5          4 answers question@7: the cursor stays at 3, 5 waits behind 4
 *
 * Whatever a publication answers is written before it, in the same write where it is in memory (deliver.c). Where it
 * is not, the publication waits: until --hold-max after it came to this gateway (from a worker's link, or in a page),
 * whatever the number of connections; then it is written with one tag more, `"late":"1"`, and counted.
 * Nothing is held for a channel that the connection is not subscribed to, that is of another epoch, or whose cursor is
 * at that number or above; nor, for a minute, in a channel in which three publications within a minute waited in vain.
 * Those count only where what they answer had not come to this gateway: what only one client lacks (it reads slowly,
 * or recovers by pages) makes nobody else's wait shorter. That client waits in vain once, then up to the head at that
 * time only for what is in memory.
 * Nobody looks for those who wait: what they wait for is a publication, a page or the end of a subscription, each of
 * which has the connection written to; for the end of the time a channel has one timer, which marks it dirty. */
#ifndef GATEWAY_HOLD_H
#define GATEWAY_HOLD_H

#include "channel.h"

#define HOLD_MINUTE 60 /* s; three publications that waited in vain within so long: for as long nothing waits */
#define HOLD_LATE_TAG ",\"late\":\"1\""

struct reference {
    struct bytes channel; /* full, in after::text */
    uint64_t hash;        /* of it */
    uint64_t seq;
};

/* What a frame answers, read once when it is made. */
struct after {
    int64_t until_ns; /* loop clock: it waits no longer */
    uint32_t bytes;   /* of all this */
    uint32_t mark_at; /* in frame::json: where HOLD_LATE_TAG goes in */
    bool waited;      /* on some connection; counted */
    bool ran_out;     /* though what it answers had not come; counted */
    uint32_t n;
    struct reference items[]; /* without those to its own channel; behind them the text */
};

/* A subscription that waits, or that others wait for; made when first needed, kept to its end. */
struct hold {
    uint64_t seq;       /* the publication that waits, or waited last; 0: none */
    int64_t since_ns, until_ns; /* of that one; it keeps its time though its frame is read anew */
    uint64_t hasty;     /* up to this seq nothing waits for what is not in memory */
    uint64_t stuck;     /* gateway::gathers in which it could not go on */
    struct sub *behind; /* who is written on once this one has reached `wanted`; NULL outside of a write */
    uint64_t wanted;
    bool serving;       /* somebody is written on for its sake: it stands behind another one */
};

/* -> what p answers, or NULL: nothing that could hold it */
struct after *after_new(struct channel *c, const struct publication *p, uint32_t mark_at);

/* The frame that follows the cursor of *s: may it be written? If not, *s becomes who is to be written on first, or
 * NULL when all have to wait. ret_late: it may, but what it answers comes later. */
bool hold_allows(struct sub **s, const struct frame *f, bool *ret_late);
/* It was written. */
void hold_written(struct sub *s, const struct frame *f, bool late);
/* s has reached what was wanted of it, or can't: -> who waits for it in this write, or NULL */
struct sub *hold_back(struct sub *s);
/* The write is full: nobody stands behind another one any more. */
void hold_unwind(struct sub *s);
/* Whether something has yet to be told before f. */
bool hold_lacks(const struct sub *s, const struct frame *f);
void hold_over(struct wheel_timer *t); /* struct channel_extras::holding */

static inline bool hold_has_reached(const struct sub *s)
{
    const struct hold *h = s->extras ? s->extras->hold : NULL;
    return h && h->behind && s->sent >= h->wanted;
}

#endif
