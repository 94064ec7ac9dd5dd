/* Opens libpq connections on the loop, one try after the other, each to one host:
 * PQconnectStart, polling, the setup script. What is opened is given to the owner; what failed
 * is told, and the next try is already due. A name in `host` is looked up beside the loop (run/resolver.h), since libpq
 * would block; not so one that PGHOST or a service file names. */
#ifndef PG_CONNECT_H
#define PG_CONNECT_H

#include "core/backoff.h"
#include "core/buf.h"

#include <ev.h>
#include <libpq-fe.h>

#define PG_CONNECT_SECONDS 5.0 /* a try that is not through, its setup included, is given up   \
                                */
#define PG_RETRY_MIN_MS 100
#define PG_RETRY_MAX_MS 2000
#define PG_WHY_MAX 512
#define PG_HOST_MAX 256

struct pg_connector_handlers {
    void (*opened)(void *owner,
                   PGconn *conn); /* given; non-blocking, setup done, not in pipeline mode */
    /* Stop and fini of the connector are allowed inside. */
    void (*failed)(void *owner, const char *why, uint32_t retry_ms);
};

struct pg_connector {
    struct ev_loop *loop;
    char *conninfo, *name, *setup; /* owned; setup may be NULL */
    bool replication;              /* ask for a walsender of the database */
    unsigned host; /* of the conninfo's hosts, the one to try: the next after each failure */
    const struct pg_connector_handlers *handlers;
    void *owner;
    struct resolver *resolver; /* while the host's name is looked up */
    char looked_up[PG_HOST_MAX]; /* what it is asked for: "name:0" */
    PGconn *conn;          /* while a try is under way, that being over */
    bool in_setup;
    bool setup_failed; /* why says how */
    ev_io io;
    ev_timer retry;    /* to the next try */
    ev_timer deadline; /* of the one under way */
    struct backoff backoff;
    char why[PG_WHY_MAX];
};

void pg_connector_init(struct pg_connector *c, struct ev_loop *loop, const char *conninfo,
                       const char *name, const char *setup, bool replication,
                       const struct pg_connector_handlers *handlers, void *owner);
void pg_connector_fini(struct pg_connector *c);
void pg_connector_start(struct pg_connector *c); /* tries in the next turn of the loop */
uint32_t
pg_connector_again(struct pg_connector *c);    /* tries after the backoff. -> ms until then */
void pg_connector_now(struct pg_connector *c); /* between two tries: the next one is due */
void pg_connector_worked(struct pg_connector *c); /* the backoff begins anew */

#endif
