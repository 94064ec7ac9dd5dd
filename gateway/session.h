/* Sessions: connections whose commands come over other sockets, by an id that only their client is told (/emulation). A
 * session lives as long as its connection does, on the gateway that has that.
 *
 * The id is what a client proves itself by: 122 random bits of the kernel's, told once, in the reply to its connect; it is
 * in no log, no presence, no join and no answer of the API, and not the client's id, which others see. */
#ifndef GATEWAY_SESSION_H
#define GATEWAY_SESSION_H

#include "core/bytes.h"
#include "core/map.h"

struct gateway;
struct connection;

#define SESSION_BYTES 36

struct session {
    struct map_node by_id; /* struct gateway::sessions */
    struct bytes id;       /* text */
    struct connection *connection;
    char text[SESSION_BYTES + 1];
};

struct session *session_new(struct gateway *g, struct connection *c);
void session_free(struct gateway *g, struct session *s); /* NULL is fine */
struct connection *session_find(const struct gateway *g, struct bytes id); /* -> NULL: it has ended, or never was */

#endif
