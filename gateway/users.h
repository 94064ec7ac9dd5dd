/* How many connections each user has on this gateway, for the tenants' option user_connection_limit: as Centrifugo's, it is
 * a limit per process, so that in a cell a user has at most as many times that as it has gateways. To know the others'
 * users each gateway would have to tell all of its own.
 *
 * Counted are open connections of tenants that have the option; nobody is disconnected when it is lowered. The anonymous
 * user (no user) has no limit. */
#ifndef GATEWAY_USERS_H
#define GATEWAY_USERS_H

#include "core/bytes.h"
#include "core/map.h"

struct connection;
struct gateway;

struct user {
    struct map_node by_key; /* struct users::all */
    uint32_t connections;   /* open, 1 at least */
    struct bytes key;       /* tenant/user; a tenant has no slash in its name */
    char text[];
};

struct users {
    struct map all; /* struct user::by_key */
};

void users_init(struct users *u);
void users_fini(struct users *u);
/* -> whether one more connection of that user may open; false counts as a refusal */
bool users_have_place(struct gateway *g, struct bytes tenant, struct bytes user);
void users_enter(const struct connection *c); /* it has a place */
void users_leave(const struct connection *c); /* and has it no longer */
void users_configured(struct gateway *g);     /* the configuration is another one: all are counted anew */

#endif
