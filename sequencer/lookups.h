/* What has to be read before a message may be numbered: heads of channels, receipts of what may
 * have been committed, idempotency keys, publications that are answered. Per kind one query at
 * a time, for all that wait (up to 1,000); the answers are believed only while leadership is
 * what it was at the asking. */
#ifndef SEQUENCER_LOOKUPS_H
#define SEQUENCER_LOOKUPS_H

#include "message.h"

struct sequencer;
struct pg_result;

#define LOOKUP_MAX 1000 /* items of a query */

enum lookup_kind {
    LOOKUP_RECEIPTS,
    LOOKUP_KEYS,
    LOOKUP_AFTER,
    LOOKUP_HEADS,
    LOOKUP_KINDS
}; /* as message_need */

struct lookup {
    struct sequencer *sequencer;
    enum lookup_kind kind;
    bool busy;
    uint64_t generation;   /* of lookups, at the asking */
    int64_t not_before_ns; /* after an error */
    size_t n;
    void *items[LOOKUP_MAX]; /* struct head, or struct message */
};

struct lookups {
    uint64_t generation;
    struct lookup kinds[LOOKUP_KINDS];
};

void lookups_init(struct sequencer *s);
void lookups_fini(struct sequencer *s);
void lookups_turn(struct sequencer *s);   /* asks for what waits */
void lookups_forget(struct sequencer *s); /* what is being asked is not wanted any more, or not
                                             to be believed */

#endif
