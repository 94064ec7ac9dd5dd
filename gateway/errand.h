/* A command whose reply waits for a sequencer or a worker: publish, rpc, history, presence, presence_stats. Ends with
 * its reply or with its connection; a publish goes on without its asker. */
#ifndef GATEWAY_ERRAND_H
#define GATEWAY_ERRAND_H

#include "connection.h"
#include "history.h"

struct errand {
    struct list by_connection; /* struct connection::errands */
    struct connection *connection;
    uint32_t id;             /* of the command */
    uint64_t ticket;         /* of the operation, or 0 */
    struct history *history; /* or NULL */
};

struct errand *errand_new(struct connection *c, uint32_t id);
/* Its answer is there: frees it. -> the connection, to reply on */
struct connection *errand_end(struct errand *e);
void errand_drop_all(struct connection *c); /* nobody is told */

#endif
