/* What PostgreSQL is asked: pages of rows and heads of channels, over one connection, a
 * limited number of queries in flight, the others in the order of asking. Of equal questions
 * at most one is in flight and one behind it, however many ask: one that comes while its
 * like is in flight waits for a snapshot younger than itself, unless it is settled. */
#ifndef FANOUT_HISTORY_H
#define FANOUT_HISTORY_H

#include "metrics.h"
#include "page.h"

#include <ev.h>

struct history;
struct history_wait;

#define HISTORY_HEADS 500 /* channels in one query */

struct history_ask {
    struct bytes channel;
    uint64_t epoch;        /* 0: the current one */
    uint64_t since, until; /* since < seq <= until */
    uint32_t rows;         /* most; 0: only the position */
    size_t bytes;          /* of payload, about; at least one row comes */
    bool reverse;          /* the highest seqs first */
    bool settled;          /* no younger snapshot shows more: an answer under way will do */
};

/* page: borrowed; NULL: PostgreSQL is away, or refuses. */
typedef void history_done(void *ctx, const struct page *page);

struct history_handlers {
    void (*head)(void *owner, struct bytes channel, uint64_t epoch,
                 uint64_t seq); /* seq 0: nothing in that epoch */
};

struct history *history_new(struct ev_loop *loop, const char *conninfo, const char *name,
                            unsigned queries_max, const struct history_handlers *handlers,
                            void *owner, struct worker_metrics *metrics);
void history_free(struct history *h); /* nobody is answered */
bool history_is_up(const struct history *h);
struct pg *history_connection(struct history *h); /* for a question of another kind, now and then */

/* patient: asked again until it is answered, `done` never gets NULL. done is never called
 * from inside this. The result is good until `done` or history_forget. */
struct history_wait *history_page(struct history *h, const struct history_ask *ask,
                                  bool patient, history_done *done, void *ctx);
void history_forget(struct history_wait *w); /* `done` will not be called */
/* The head goes to the handler, sooner or later; what is asked for in one turn is asked
 * together, at its end. */
void history_head(struct history *h, struct bytes channel);
void history_forget_head(struct history *h, struct bytes channel); /* unless it has been asked; unknown is fine */
void history_turn(struct history *h); /* the end of a turn */

#endif
