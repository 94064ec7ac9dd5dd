#include "entrance.h"

#include "client_info.h"
#include "gateway.h"
#include "join.h"
#include "proxied.h"
#include "reply.h"
#include "server_sub.h"
#include "session.h"
#include "verb_proxy.h"

#include "core/random.h"

#include <assert.h>
#include <stdlib.h>

static struct bytes keep(struct buf *text, struct bytes what)
{
    size_t start = text->n;
    buf_append_bytes(text, what);
    return bytes_of(text->p + start, what.n);
}

struct entrance *entrance_new(struct connection *c, const struct command *m)
{
    struct entrance *e = calloc(1, sizeof *e);
    assert(e);
    e->id = m->id;
    buf_reserve(&e->text, m->token.n + m->name.n + m->version.n + m->data.n + m->headers.n); /* it does not move */
    e->token = keep(&e->text, m->token);
    e->name = keep(&e->text, m->name);
    e->version = keep(&e->text, m->version);
    e->data = keep(&e->text, m->data);
    e->data_is_json = m->data.n == 0 || command_has_json(m);
    e->headers = keep(&e->text, m->headers);
    for (size_t i = 0; i < m->asked.n; i++)
        wants_add(&e->asked, &m->asked.items[i]);
    return connection_extras(c)->entrance = e;
}

void entrance_free(struct connection *c)
{
    struct entrance *e = c->extras ? c->extras->entrance : NULL;
    if (!e)
        return;
    c->extras->entrance = NULL;
    wants_fini(&e->asked);
    auth_fini(&e->known);
    buf_fini(&e->text);
    buf_fini(&e->reply_data);
    free(e);
    connection_tidy(c);
}

/* ---- refused */

/* protocol.md 14.4 */
static uint32_t disconnect_for(uint32_t error)
{
    switch (error) {
    case 103:
        return DISCONNECT_PERMISSION_DENIED;
    case 109:
    case 110:
        return DISCONNECT_EXPIRED;
    case 111:
        return DISCONNECT_TOO_MANY_REQUESTS;
    default:
        return DISCONNECT_INTERNAL;
    }
}

/* -> whether the command with ret_id is to be answered: a one-way client is disconnected instead */
static bool reject(struct connection *c, uint32_t error, uint32_t *ret_id)
{
    *ret_id = c->extras->entrance->id;
    c->gateway->metrics.connects_refused_total++;
    if (connection_is_one_way(c)) {
        connection_disconnect(c, disconnect_for(error), NULL);
        return false;
    }
    entrance_free(c);
    connection_drop_subs(c);
    connection_goto(c, CONNECTION_REJECTED);
    return true;
}

void entrance_refuse(struct connection *c, uint32_t error)
{
    uint32_t id;
    if (reject(c, error, &id))
        connection_reply_error(c, id, error);
}

void entrance_refuse_own(struct connection *c, uint32_t error, struct bytes message, bool temporary)
{
    uint32_t id;
    if (reject(c, error, &id))
        connection_reply_own_error(c, id, error, message, temporary);
}

bool entrance_has_place(struct connection *c, const struct auth *a)
{
    const struct config_tenant *tenant = config_tenant(c->gateway->config, a->tenant);
    uint32_t code = 0;
    if (tenant && !tenant->here) /* it has left since the client, or its application, was asked */
        code = DISCONNECT_MOVED;
    else if (tenant && !config_may_subscribe(tenant, c->extras->entrance->asked.n)) /* it never had so many */
        code = DISCONNECT_CHANNEL_LIMIT;
    else if (!users_have_place(c->gateway, a->tenant, a->user))
        code = DISCONNECT_CONNECTION_LIMIT;
    else if (!budget_has_place(c->gateway, a->tenant))
        code = DISCONNECT_TENANT_LIMIT;
    if (code == 0)
        return true;
    c->gateway->metrics.connects_refused_total++;
    connection_disconnect(c, code, NULL);
    return false;
}

void entrance_fail(struct connection *c, uint32_t error)
{
    entrance_refuse(c, error);
    connection_go_on(c);
}

/* ---- let in */

static void identify(struct connection *c, const struct entrance *e, const struct auth *a)
{
    char client[CLIENT_BYTES + 1];
    struct buf info = {0};
    if (e->client[0])
        memcpy(client, e->client, sizeof client);
    else
        random_uuid(client);
    client_info_json(&info, &(struct client_info){.user = a->user, .client = bytes_str(client), .conn_info = a->info});
    connection_identify(c, &(struct identity){.tenant = a->tenant,
                                              .user = a->user,
                                              .client = bytes_str(client),
                                              .info = buf_bytes(&info),
                                              .name = e->name,
                                              .version = e->version});
    proxied_set_meta(c, a->meta);
    buf_fini(&info);
}

static void welcome(struct connection *c, struct bytes subs)
{
    struct gateway *g = c->gateway;
    const struct entrance *e = c->extras->entrance;
    struct reply_connected r = {.client = connection_client(c),
                                .version = CELLCAST_VERSION,
                                .ttl = e->ttl,
                                .ping_s = (uint32_t)(g->options->ping_interval / 1000),
                                .data = buf_bytes(&e->reply_data),
                                .subs = subs,
                                .session = connection_session(c),
                                .pong = !connection_is_one_way(c)};
    if (transport_emulated(connection_transport(c)))
        r.node = bytes_str(g->uid);
    connection_goto(c, CONNECTION_OPEN);
    g->metrics.connects_total++;
    reply_put(c->encoding, &c->out, &(struct reply){.id = e->id, .kind = REPLY_CONNECT, .connected = r});
    entrance_free(c);
    connection_said(c);
}

void entrance_enter(struct connection *c, const struct auth *a)
{
    struct gateway *g = c->gateway;
    struct entrance *e = c->extras->entrance;
    if (!entrance_has_place(c, a))
        return;
    identify(c, e, a);
    bool entered = budget_enter(g, a->tenant);
    assert(entered);
    users_enter(c);
    e->ttl = verb_connect_ttl(c, a->expire_at);
    c->renews = e->ttl > 0;
    buf_append_bytes(&e->reply_data, a->data);
    c->expires_ns = verb_connect_end_of(c, a->expire_at);
    c->granted = server_subs_print(c, &a->wants);
    connection_goto(c, CONNECTION_ENTERING);
    struct server_subs_answer answer = server_subs_enter(c, &a->wants, &e->asked);
    e->unsettled = c->n_subs;
    if (answer.disconnect)
        connection_disconnect(c, answer.disconnect, NULL);
    else if (answer.error)
        entrance_refuse(c, answer.error);
    else if (c->n_subs == 0)
        welcome(c, (struct bytes){0});
}

void entrance_settled(struct connection *c)
{
    struct entrance *e = c->extras->entrance;
    struct buf entries = {0};
    for (uint32_t i = 0; i < c->n_subs; i++) /* since it was, a page may have gone, or an epoch come */
        e->unsettled += !join_is_settled(c->subs[i]);
    if (e->unsettled)
        return;
    for (uint32_t i = 0; i < c->n_subs; i++)
        join_enter(c->subs[i], &entries);
    welcome(c, buf_bytes(&entries));
    buf_fini(&entries);
    connection_go_on(c);
}
