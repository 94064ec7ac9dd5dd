/* From a wish to subscribe to its answer: waits until the channel has a position, settles recovery, answers: a subscribe
 * command with its reply, a connect with an entry of its reply (entrance.h), a client that did not ask with a push.
 *
 *     epoch differs                       not recovered, at the head
 *     offset == head                      recovered, nothing missed
 *     offset in the ring                  recovered, publications in the reply, the rest as pushes
 *     offset below the ring               a page is read: recovered if it begins at offset + 1, and goes on from it
 *     offset above the head               another gateway was ahead: the worker is asked whether the channel's head
 *                                         really is as far; recovered, and what comes up to it is dropped
 *
 * Where the namespace caches (force_recovery_mode), whoever is not at the head gets the newest publication alone,
 * whatever its epoch and offset: recovered if that one is still there, with the offset below it.
 *
 * A recovered subscribe is answered with the requested offset (protocol.md 6.3). What answers a publication that the
 * client has yet to be told is not in the reply, but follows (hold.h). */
#ifndef GATEWAY_JOIN_H
#define GATEWAY_JOIN_H

#include "sub.h"
#include "want.h"

enum join_for { JOIN_COMMAND, JOIN_CONNECT, JOIN_PUSH };

struct joining {
    struct sub *sub;
    struct list due;         /* struct gateway::joinings */
    enum join_for answers;
    uint32_t id;             /* of the command */
    struct since since;
    bool newest;             /* recovers to the newest publication alone; of the namespace */
    bool reject;             /* flag 2: error 112 instead of unrecovered */
    bool lost;               /* what follows since.offset is gone */
    bool settled;            /* of a connect: the others of it are waited for */
    uint64_t settled_epoch;  /* the channel's then */
    struct bytes data;       /* for the client: JSON, or empty; owned */
    uint32_t ttl;            /* s, of the subscription token; 0: none */
    uint64_t confirmed_epoch; /* offset is above our head and the worker said that it exists in this one; 0: it has not */
    uint64_t ticket;         /* asks the worker, or 0 */
    struct invitation *invitation; /* that waits for it, or NULL */
    struct wheel_timer deadline;
};

/* Takes s and, of `how`, what is not zero; copies data. The answer comes, but not from inside the call. */
void join_begin(struct sub *s, const struct joining *how);
void join_decide_soon(struct sub *s);  /* something that it waited for is there */
void join_decide_due(struct gateway *g); /* those; once a turn */
void join_unrecovered(struct sub *s);  /* what follows the offset is gone */
void join_fail(struct sub *s, uint32_t code); /* answers with an error and ends the subscription */
void join_forget(struct sub *s);       /* the subscription ends without an answer; one that has not begun is fine */

/* Of a connect: whether it can be answered now, asked anew when all of them are settled; then its entry of the reply. */
bool join_is_settled(struct sub *s);
void join_enter(struct sub *s, struct buf *entries);

#endif
