/* From a subscribe command to its reply: waits until the channel has a position, settles recovery, answers.
 *
 *     epoch differs                       not recovered, at the head
 *     offset == head                      recovered, nothing missed
 *     offset in the ring                  recovered, publications in the reply, the rest as pushes
 *     offset below the ring               a page is read: recovered if it begins at offset + 1, and goes on from it
 *     offset above the head               another gateway was ahead: the worker is asked whether the channel's head
 *                                         really is as far; recovered, and what comes up to it is dropped
 *
 * A recovered subscribe is answered with the requested offset (protocol.md 6.3). What answers a publication that the
 * client has yet to be told is not in the reply, but follows (hold.h). */
#ifndef GATEWAY_JOIN_H
#define GATEWAY_JOIN_H

#include "sub.h"

struct joining {
    struct sub *sub;
    struct list due;         /* struct gateway::joinings */
    uint32_t id;             /* of the command */
    uint32_t unsubscribe_id; /* of an unsubscribe that came before the reply; 0: none */
    bool recover;
    bool reject;             /* flag 2: error 112 instead of unrecovered */
    bool has_epoch;
    uint64_t epoch;          /* 0: none of ours */
    uint64_t offset;
    uint32_t ttl;            /* s, of the subscription token; 0: none */
    bool head_confirmed;     /* offset is above our head and the worker said that it exists */
    uint64_t ticket;         /* asks the worker, or 0 */
    struct wheel_timer deadline;
};

/* Takes s and the fields id to ttl of `how`; the reply comes, but not from inside the call. */
void join_begin(struct sub *s, const struct joining *how);
void join_decide_soon(struct sub *s);  /* something that it waited for is there */
void join_decide_due(struct gateway *g); /* those; once a turn */
void join_unrecovered(struct sub *s);  /* what follows the offset is gone */
void join_fail(struct sub *s, uint32_t code); /* answers with an error and ends the subscription */
void join_forget(struct sub *s);       /* the subscription ends without a reply */

#endif
