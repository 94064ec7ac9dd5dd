/* A tenant of which this gateway has a connection or a channel, and what of it the flush has to do (fairflush.h). With
 * --fair-queuing=off all of them are one. */
#ifndef GATEWAY_TENANT_H
#define GATEWAY_TENANT_H

#include "core/bytes.h"
#include "core/drr.h"
#include "core/episode.h"
#include "core/map.h"
#include "noise.h"

struct gateway;

struct tenant {
    struct map_node by_name; /* struct gateway::tenants */
    uint32_t refs;           /* connections and channels */
    bool spread_last;        /* and not talked: they alternate */
    struct drr_flow turn;    /* struct fairflush::tenants, or ::slow */
    struct list talking;     /* struct connection::talking: replies wait, or cursors are behind */
    struct drr dirty;        /* struct channel::dirty: somebody may be behind */
    struct noise noise;
    uint32_t pages;          /* that it holds (page.h) */
    struct list page_waiters; /* struct sub_extras::page_link: cursors that wait for a place among them */
    struct drr_flow page_turn; /* struct gateway::page_turns */
    struct episode proxy_fails; /* its application does not answer (proxy.h) */
    struct episode personal_fails; /* there is no namespace for its users' personal channels (server_sub.c) */
    struct bytes name;
    char text[];
};

struct tenant *tenant_ref(struct gateway *g, struct bytes name); /* made when it is not there */
void tenant_unref(struct gateway *g, struct tenant *t);          /* NULL is fine */
struct tenant *tenant_find(const struct gateway *g, struct bytes name); /* -> NULL when nobody has a reference */
void tenants_configure(struct gateway *g); /* the configuration is another one */

#endif
