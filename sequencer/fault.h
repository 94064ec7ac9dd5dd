/* Why PostgreSQL refused a batch, and so what is to be done. */
#ifndef SEQUENCER_FAULT_H
#define SEQUENCER_FAULT_H

#include <stdbool.h>

enum fault {
    FAULT_NONE,
    FAULT_FENCED,  /* ZC001: a shard row is not where we left it: somebody else leads, or the
                      epoch was raised */
    FAULT_STALE,   /* ZC002 to ZC004: a head, outbox row or key is not as we know it: look again
                    */
    FAULT_DATA,    /* a message is at fault: find it, refuse it */
    FAULT_PASSING, /* the server is at fault (disk, memory, locks, a missing schema): wait, then
                      again */
};

enum fault fault_of(const char *sqlstate);
bool fault_is_schema(
    const char *sqlstate); /* the schema is missing, or older than this program */
const char *fault_name(enum fault f);

#endif
