/* A command whose reply waits for a sequencer, a worker or the tenant's application: publish, rpc, history, presence,
 * presence_stats; connect, subscribe and what the application is asked besides. Ends with its reply or with its connection;
 * a publish goes on without its asker. */
#ifndef GATEWAY_ERRAND_H
#define GATEWAY_ERRAND_H

#include "connection.h"
#include "command.h"
#include "history.h"

struct errand {
    struct list by_connection; /* struct connection::errands */
    struct connection *connection;
    uint32_t id;             /* of the command */
    uint64_t ticket;         /* of the operation, or 0 */
    struct history *history; /* or NULL */
    struct proxy_call *proxy;  /* or NULL */
    struct command *kept;      /* to be gone on with when the application has answered; or NULL */
    bool joins;  /* a subscribe: what comes behind it waits */
    bool orders; /* publishes and rpcs that come behind it wait */
};

struct errand *errand_new(struct connection *c, uint32_t id);
/* One that keeps a copy of the command. */
struct errand *errand_keep(struct connection *c, const struct command *m);
struct command *errand_take(struct errand *e); /* what it kept */
void errand_joins(struct errand *e);
void errand_orders(struct errand *e); /* there is no other one of the connection */
/* Its answer is there: frees it. -> the connection, to reply on. What it kept is the caller's to take before. */
struct connection *errand_end(struct errand *e);
void errand_drop_all(struct connection *c); /* nobody is told */

#endif
