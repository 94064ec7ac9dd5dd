/* The waiting room: every message from its arrival to the end of its batch, whose turn is next,
 * and what must not be numbered twice.
 *
 *   enter ─▶ head::waiting ─(lacks nothing, nor does any before it)─▶ head::ready ─take─▶
 * batch ─▶ leave
 *
 * Per channel, messages pass in order of arrival whatever each of them has to wait for; other
 * channels go on. Tenants, and within a tenant its channels, take turns by deficit round robin
 * over bytes (core/drr.h), by the tenants' weights; or, with --fair-queuing=off, messages pass
 * in the order in which they were ready. What waits is bounded per tenant. */
#ifndef SEQUENCER_INBOX_H
#define SEQUENCER_INBOX_H

#include "heads.h"
#include "message.h"

struct inbox {
    struct heads heads;
    struct drr turns;     /* struct tenant::turn, of tenants with something ready */
    struct list in_order; /* message::place: the ready ones, without fair queuing */
    bool fair;            /* from --fair-queuing */
    struct map publishes; /* struct message::by_name: from gateways, by (origin, counter) */
    struct map rows;      /* struct message::by_name: from the outbox, by row */
    struct map keys;      /* struct message::by_key: who leads (channel, key) */
    struct list unknown;  /* struct head::ask: heads to be read */
    struct list needs[NEED_NOTHING]; /* struct message::ask: by what they lack */
    size_t tenant_messages; /* bounds of what waits of gateways, per tenant; --waiting-messages,
                               --waiting-bytes */
    size_t tenant_bytes;
    size_t waiting; /* messages that wait, of all tenants */
    size_t waiting_bytes;
    size_t ready;     /* of these: READY */
    size_t bytes;     /* message::size of everything, in flight included */
    size_t row_bytes; /* of these: from the outbox */
};

void inbox_init(struct inbox *i, size_t heads_max, size_t tenant_messages, size_t tenant_bytes);
void inbox_fini(struct inbox *i); /* frees every message, but those of batches */

bool inbox_has_room(
    struct inbox *i,
    struct bytes channel); /* of the channel's tenant, for one more of a gateway */
struct message *inbox_find_publish(struct inbox *i, uint64_t origin, uint64_t counter);
struct message *inbox_find_row(struct inbox *i, int64_t row);

void inbox_weigh(struct inbox *i, int64_t (*weight)(void *ctx, struct bytes tenant),
                 void *ctx); /* all tenants; call it now and then, since new ones are ordinary */

/* Takes the message in, at the end of its channel; what it lacks is put on `needs` and
 * `unknown`. */
void inbox_enter(struct inbox *i, struct message *m);
/* What it needed is there: on to its next need, or on its way. */
void inbox_satisfy(struct inbox *i, struct message *m);
/* Lets pass whatever of the channel lacks nothing any more: call it when the head became known.
 */
void inbox_advance(struct inbox *i, struct head *head);
/* The next message by turns, for a batch that has room for `room` bytes. -> NULL when nothing
 * is ready or fits */
struct message *inbox_take(struct inbox *i, size_t room);
/* Takes it out for good, wherever it stands; its followers stay linked to it. The caller has it
 * now. */
void inbox_leave(struct inbox *i, struct message *m);
/* The same with its followers behind it, onto `into`. */
void inbox_take_out(struct inbox *i, struct message *m, struct list *into);
/* Takes everything out that is not in a batch, onto `into`, so that entering it again in that
 * order keeps each channel's order. Followers come right behind the one that they followed. */
void inbox_empty(struct inbox *i, struct list *into);

#endif
