/* A publication on its way to its number. It stands in exactly one place, and `stage` says
 * which:
 *
 *   WAITING    head::waiting      behind those of its channel that came before; it, or one of
 * them, lacks something READY      head::ready        lacks nothing, waits for its tenant's
 * and channel's turn FLYING     batch::messages    numbered, in a batch that PostgreSQL has
 * FOLLOWING message::followers same channel and idempotency key as one that is not settled yet
 *
 * From gateways (named by origin and counter) or from the outbox (named by its row's id). One
 * allocation. */
#ifndef SEQUENCER_MESSAGE_H
#define SEQUENCER_MESSAGE_H

#include "core/list.h"
#include "core/map.h"

#define KEY_MAX 255 /* bytes of an idempotency key */

struct head;

enum message_stage { WAITING, READY, FLYING, FOLLOWING };

/* What it lacks before it may be numbered, in the order in which it is looked up. */
enum message_need {
    NEED_RECEIPT, /* may have been committed: its receipt */
    NEED_KEY,     /* its idempotency key among those used */
    NEED_AFTER,   /* the publications that it answers */
    NEED_NOTHING,
};

/* What a stranger sent; borrowed. */
struct message_fields {
    uint64_t origin, counter; /* of a gateway */
    int64_t row;              /* outbox id, > 0; 0: from a gateway */
    uint64_t shown;           /* id that its own must be above */
    uint8_t format;           /* enum data_format */
    bool unsure;              /* an earlier attempt may have been committed */
    struct bytes channel;     /* full form */
    struct bytes data, tags, info, after, key;
};

struct message {
    struct list place;       /* by stage */
    struct list ask;         /* inbox::needs[need] */
    struct map_node by_name; /* inbox::publishes (origin, counter) or inbox::rows (row) */
    struct map_node by_key;  /* inbox::keys, when it leads its key */
    struct list followers;   /* message::place */
    struct head *head;       /* a counted reference; NULL while it is not in the inbox */
    enum message_stage stage;
    enum message_need need;
    bool leads_key; /* it is in inbox::keys */
    bool unsure;
    uint8_t format;
    uint64_t origin, counter;
    int64_t row;
    uint64_t shown;     /* grows to the ids of what it answers */
    int64_t arrived_ns; /* clock_mono_ns */
    uint64_t seq, id;   /* once FLYING */
    struct bytes channel, data, tags, info, after, key;
    size_t size; /* bytes that it is counted with */
    char text[]; /* what the slices above point to */
};

/* Checks what came from a socket or a row. -> NULL, or why it can't be (for error 107) */
const char *message_refusal(const struct message_fields *f);
struct message *message_new(const struct message_fields *f, int64_t now_ns);
void message_free(struct message *m); /* must stand nowhere */

static inline bool message_is_from_gateway(const struct message *m)
{
    return m->row == 0;
}

/* The first need at or behind `from` that this message has. */
enum message_need message_next_need(const struct message *m, enum message_need from);

#endif
