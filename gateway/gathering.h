/* Who is in a channel of a tenant that several cells serve: each cell's worker knows its own, and the answers are put
 * together (decision 31). Its own cell's worker is asked directly, one gateway of each other cell by a call
 * ("presence": call_ask_presence, call_presence), all at once. A cell that does not answer makes it error 100, with its name
 * (ops_presence::missing): less than everybody is told to nobody. One that has never run is not asked.
 *
 * Entries are those of the tenant's cells in the configuration's order; a position (ops_presence::next) says which cell a
 * page begins in, and where there. What the cells tell together is bounded (--presence-answer-max), so that it
 * fits into the supervisor's answer.
 *
 * A user in two cells is one: cells tell the hashes of their users, by a seed that is drawn for the question. Where they
 * are more than --presence-users-max the cells' numbers are added, and the answer says so (ops_presence::users_added). */
#ifndef GATEWAY_GATHERING_H
#define GATEWAY_GATHERING_H

#include "ops.h"

#define GATHERING_METHOD "presence"

struct gathering;

/* Whether a channel's presence is in more places than this cell. */
bool gathering_is_needed(const struct gateway *g, struct bytes channel);
/* Answers ticket by ops_presence_gathered, from the loop. */
struct gathering *gathering_new(struct gateway *g, uint64_t ticket, struct bytes channel, uint64_t after, uint32_t limit);
void gathering_cancel(struct gathering *q); /* its own questions are forgotten */
void gathering_free(struct gathering *q);   /* NULL is fine */

/* Another cell asks: the answer follows (ctl_answer). */
void gathering_summoned(struct gateway *g, const struct ctl_call *m);
void gathering_fini(struct gateway *g); /* forgets who asked */

#endif
