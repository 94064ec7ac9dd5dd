/* One publication as the worker keeps it: encoded once, as the body of a fan_publication
 * frame, so that sending it to N gateways is N copies of ready bytes. Shared by rings, pages
 * and whoever sends; nothing of it changes.
 *
 *     body: | channel (str) | length | publication … consumed_us | sent_us |
 *
 * The last PUB_STAMP bytes are sent_us, 0 here: who sends writes the time into its own copy. */
#ifndef FANOUT_PUB_H
#define FANOUT_PUB_H

#include "wire/messages.h"

#define PUB_STAMP 8 /* bytes */

struct pub {
    uint32_t refs;
    uint32_t n;          /* bytes of body */
    uint32_t inner_at;   /* offset of the publication itself in body */
    uint64_t epoch, seq; /* seq 0: ephemeral */
    bool removal;        /* history_remove: nothing below it is history */
    int64_t taken_ns;    /* loop clock: from Kafka, set by who took it; 0: from PostgreSQL */
    char body[];
};

/* Copies channel and fields. The caller owns one reference. */
struct pub *pub_new(struct bytes channel, const struct publication *fields);
struct pub *pub_ref(struct pub *p);
struct pub *pub_unref(struct pub *p); /* NULL is fine. -> NULL */

static inline struct bytes pub_body(const struct pub *p)
{
    return bytes_of(p->body, p->n);
}

/* The publication alone: one record of a list. */
static inline struct bytes pub_inner(const struct pub *p)
{
    return bytes_of(p->body + p->inner_at, p->n - p->inner_at);
}

static inline size_t pub_bytes(const struct pub *p) /* of memory */
{
    return sizeof *p + p->n;
}

#endif
