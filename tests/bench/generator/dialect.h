/* What is said over a WebSocket, per kind of server. A dialect keeps no memory of its own: all state is the connection's. */
#ifndef BENCH_DIALECT_H
#define BENCH_DIALECT_H

#include "connection.h"

struct dialect {
    const char *name;
    const char *path;     /* where its servers have their WebSocket */
    bool channel_in_path; /* /CHANNEL follows; only the connection's first subscription */
    void (*join)(struct connection *c); /* after the upgrade: connect and subscribe, or recover */
    void (*resubscribe)(struct connection *c); /* to what was refused; NULL where connection_refused is never called */
    /* One message. The connection may be lost afterwards: look at its state before the next one. */
    void (*receive)(struct connection *c, struct bytes message, const struct stamp *at);
};

extern const struct dialect dialect_centrifuge, dialect_floor, dialect_nats, dialect_nchan, dialect_socketio;

/* -> NULL with those there are in ret_error */
const struct dialect *dialect_find(const char *name, struct buf *ret_error);

#endif
