/* The way of a message through the sequencer, in order:
 *
 *   flow_publish   a gateway's frame is checked and enters the inbox (outbox.c: a row does)
 *   flow_turn      once per turn of the loop: lookups go out, what is ready becomes a batch,
 * numbered, sent (committed)    its own sync has come: the gateways are answered (failed)
 * everything in flight goes back to where it stood, leadership, rows and heads are read again
 */
#ifndef SEQUENCER_FLOW_H
#define SEQUENCER_FLOW_H

#include "cadence.h"
#include "core/list.h"
#include "message.h"

#include <ev.h>

#define FLYING_MAX 2 /* batches: one commits while the next one travels */

struct sequencer;
struct seq_publish;

/* How a message ends. */
struct outcome {
    uint32_t code; /* 0, or a protocol error code */
    bool repeated; /* it had been committed before */
    uint64_t epoch, seq, id;
    const char *text; /* why, with a code */
};

struct flow {
    struct list flying; /* struct batch::link */
    unsigned n_flying;
    unsigned unanswered; /* of them, batches that PostgreSQL has not answered */
    size_t cap; /* messages in a batch; halved while one that spoils its batch is looked for */
    struct cadence cadence; /* --batch-rate */
    ev_timer next;          /* wakes the loop for a batch that had to wait */
    int64_t sifted_ns; /* when what waits was last looked through */
};

void flow_init(struct sequencer *s);
void flow_fini(struct sequencer *s);
void flow_publish(struct sequencer *s, uint64_t origin, const struct seq_publish *p);
void flow_turn(struct sequencer *s);
/* The end of a message, from wherever it stands: answers, deletes or buries its row, settles
 * its followers. */
void flow_finish(struct sequencer *s, struct message *m, const struct outcome *o);
/* It may have been committed, and what told whether may have been swept: no gateway waits for its answer any more. */
bool flow_is_given_up(const struct sequencer *s, const struct message *m, int64_t now_ns);
void flow_give_up(struct sequencer *s, struct message *m); /* the end of such a one, unanswered */
/* Everything in flight goes back, in order. sure: what was in flight has been rolled back;
 * heads of other channels are still what they were. Otherwise outcomes are unknown, and nothing
 * is. */
void flow_recover(struct sequencer *s, bool sure);
/* Goes through what waits: what can't be led to an end here is refused or dropped. */
void flow_sift(struct sequencer *s);
/* Drops everything unanswered and all links: the gateways send it again. */
void flow_forget(struct sequencer *s);

#endif
