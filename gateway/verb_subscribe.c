/* subscribe, unsubscribe and sub_refresh. */
#include "auth.h"
#include "gateway.h"
#include "hub.h"
#include "join.h"
#include "permission.h"
#include "reply.h"
#include "verbs.h"

#include "core/clock.h"

#include <assert.h>
#include <stdlib.h>

#define FLAG_REJECT_UNRECOVERED 2
#define TYPE_STREAM 0

bool verb_channel(struct connection *c, const struct command *m, struct config_channel *ret)
{
    const struct config *config = c->gateway->config;
    const struct config_tenant *tenant = config_tenant(config, connection_tenant(c));
    uint32_t code = tenant ? config_resolve(config, tenant, m->channel, ret) : 103; /* the tenant was taken away */
    if (code == 0 && ret->ns->format == FORMAT_BINARY)
        code = 108; /* bytes have no place in a JSON connection */
    if (code)
        connection_reply_error(c, m->id, code);
    return code == 0;
}

static struct sub *find(struct connection *c, struct bytes full)
{
    const struct channel *channel = hub_find(c->gateway, full);
    return channel ? connection_sub(c, channel) : NULL;
}

/* ---- subscribe */

static uint32_t check(struct connection *c, const struct command *m, const struct config_channel *ch)
{
    if (find(c, ch->full))
        return 105;
    if (c->n_subs >= (uint64_t)ch->tenant->options.channel_limit)
        return 106;
    if (m->type != TYPE_STREAM)
        return 103;
    return m->has_filter ? 107 : 0;
}

/* -> whether the subscribe goes on; otherwise it has been answered */
static bool admit(struct connection *c, const struct command *m, const struct config_channel *ch, struct auth *a)
{
    if (m->token.n) {
        enum auth_answer answer = auth_subscribe(c->gateway->config, &c->gateway->tokens, ch, connection_user(c),
                                                 connection_client(c), m->token, gateway_unix_s(c->gateway), a);
        struct auth_verdict verdict = auth_verdict(AUTH_SUBSCRIBE, answer);
        if (verdict.disconnect)
            connection_disconnect(c, verdict.disconnect, NULL);
        else if (verdict.error)
            connection_reply_error(c, m->id, verdict.error);
        if (verdict.disconnect || verdict.error)
            return false;
    }
    uint32_t code = permission_subscribe(ch, connection_user(c), m->token.n > 0);
    if (code)
        connection_reply_error(c, m->id, code);
    return code == 0;
}

static void expires(struct sub *s, int64_t expire_at)
{
    struct connection *c = s->connection;
    struct gateway *g = c->gateway;
    int64_t left = expire_at - gateway_unix_s(g);
    if (s->extras)
        s->extras->expires_ns = 0;
    if (expire_at == 0)
        return;
    if (left > AUTH_TTL_MAX)
        left = AUTH_TTL_MAX;
    int64_t expires = g->now_ns + left * NS_PER_S + g->options->expiry_grace * NS_PER_MS;
    sub_extras(s)->expires_ns = expires;
    if (c->subs_expire_ns == 0 || expires < c->subs_expire_ns)
        c->subs_expire_ns = expires;
    connection_rearm(c);
}

static void take_options(struct sub *s, const struct command *m, const struct config_channel *ch, const struct auth *a)
{
    struct connection *c = s->connection;
    const struct namespace_options *o = &ch->ns->options;
    s->positioned = o->force_recovery && !o->ephemeral;
    s->present = o->presence || o->join_leave;
    s->tells = o->join_leave;
    s->wants_joins = permission_join_leave(ch, connection_user(c), m->join_leave);
    if (a->info.n) {
        struct bytes members = connection_info(c); /* the connection's, its } replaced by chan_info */
        struct buf info = {0};
        buf_append(&info, members.p, members.n - 1);
        buf_append_str(&info, ",\"chan_info\":");
        buf_append_bytes(&info, a->info);
        buf_append_char(&info, '}');
        sub_extras(s)->info = buf_take(&info);
    }
    expires(s, a->expire_at);
}

static void begin(struct connection *c, const struct command *m, const struct config_channel *ch, const struct auth *a)
{
    bool spelled_full = m->channel.n == ch->full.n; /* the other spelling is the name alone */
    struct sub *s = sub_new(c, ch->full, spelled_full);
    take_options(s, m, ch, a);
    struct joining how = {.id = m->id,
                          .recover = m->recover,
                          .reject = m->flag & FLAG_REJECT_UNRECOVERED,
                          .has_epoch = m->epoch.n > 0,
                          .offset = m->offset,
                          .ttl = auth_ttl(a->expire_at, gateway_unix_s(c->gateway))};
    if (!bytes_u64(m->epoch, &how.epoch))
        how.epoch = 0; /* a text that is none of ours */
    join_begin(s, &how);
}

void verb_subscribe(struct connection *c, const struct command *m)
{
    struct config_channel ch;
    if (m->delta.n && !bytes_is(m->delta, "fossil")) {
        connection_disconnect(c, DISCONNECT_BAD_REQUEST, NULL);
        return;
    }
    if (!verb_channel(c, m, &ch))
        return;
    uint32_t code = check(c, m, &ch);
    if (code) {
        connection_reply_error(c, m->id, code);
        return;
    }
    struct auth a;
    auth_init(&a);
    if (admit(c, m, &ch, &a))
        begin(c, m, &ch, &a);
    auth_fini(&a);
}

/* ---- unsubscribe */

void verb_unsubscribe(struct connection *c, const struct command *m)
{
    const struct config *config = c->gateway->config;
    const struct config_tenant *tenant = config_tenant(config, connection_tenant(c));
    struct config_channel ch;
    struct sub *s = NULL;
    if (tenant && config_resolve(config, tenant, m->channel, &ch) == 0)
        s = find(c, ch.full);
    if (s && !s->live && s->extras->joining->unsubscribe_id == 0) {
        s->extras->joining->unsubscribe_id = m->id; /* replies keep their order */
        return;
    }
    if (s && s->live)
        sub_leave(s);
    reply_empty(&c->out, m->id, "unsubscribe"); /* one that was not subscribed is fine, too */
    connection_said(c);
}

/* ---- sub_refresh */

void verb_sub_refresh(struct connection *c, const struct command *m)
{
    struct config_channel ch;
    if (m->type != TYPE_STREAM) {
        connection_reply_error(c, m->id, 108);
        return;
    }
    if (!verb_channel(c, m, &ch))
        return;
    struct sub *s = find(c, ch.full);
    if (m->token.n == 0 || !s) {
        connection_reply_error(c, m->id, s ? 107 : 103);
        return;
    }
    struct auth a;
    auth_init(&a);
    enum auth_answer answer = auth_subscribe(c->gateway->config, &c->gateway->tokens, &ch, connection_user(c),
                                             connection_client(c), m->token, gateway_unix_s(c->gateway), &a);
    struct auth_verdict verdict = auth_verdict(AUTH_SUB_REFRESH, answer);
    if (verdict.disconnect) {
        connection_disconnect(c, verdict.disconnect, NULL);
    } else if (verdict.error) {
        connection_reply_error(c, m->id, verdict.error);
    } else {
        expires(s, a.expire_at);
        reply_sub_refreshed(&c->out, m->id, auth_ttl(a.expire_at, gateway_unix_s(c->gateway)));
        connection_said(c);
    }
    auth_fini(&a);
}
