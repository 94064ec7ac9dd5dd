/* subscribe and the end of a subscription's time, where the tenant's application decides. */
#include "gateway.h"
#include "hub.h"
#include "reply.h"
#include "sub_options.h"
#include "verb_proxy.h"
#include "verbs.h"

#include "core/clock.h"
#include "core/json.h"

/* ---- subscribe */

/* protocol.md 13.3: tokens and names of users go before. */
bool verb_subscribe_asks(const struct config_channel *ch, struct bytes token)
{
    return ch->ns->options.subscribe_proxy_enabled && token.n == 0 && !ch->with_token && !ch->user_limited;
}

bool verb_subscribe_asked(const struct connection *c, struct bytes full)
{
    struct config_channel ch;
    const struct config *config = c->gateway->config;
    struct errand *e;
    list_for_each(e, &c->errands, by_connection)
    {
        if (e->joins && config_resolve(config, verb_proxy_tenant(c), e->kept->channel, &ch) == 0 && bytes_equal(ch.full, full))
            return true;
    }
    return false;
}

static void grant(struct connection *c, const struct command *m, const struct proxy_result *r)
{
    struct auth a;
    auth_init(&a);
    if (verb_proxy_grant(c, connection_tenant(c), r, &a) == 0)
        verb_subscribe_granted(c, m, &a);
    else
        connection_reply_error(c, m->id, 100);
    auth_fini(&a);
}

static void answered(void *ctx, const struct proxy_answer *a)
{
    struct errand *e = ctx;
    struct command *m = errand_take(e);
    struct connection *c = errand_end(e);
    if (!verb_proxy_refused(c, m->id, a))
        grant(c, m, &a->result);
    command_free(m);
}

void verb_subscribe_ask(struct connection *c, const struct command *m, const struct config_channel *ch)
{
    struct proxy_question q = {.event = PROXY_SUBSCRIBE, .channel = ch->name, .token = m->token, .data = m->data,
                               .binary = m->data.n && !command_has_json(m)};
    if (!proxy_is_set(ch->tenant, PROXY_SUBSCRIBE)) {
        connection_reply_error(c, m->id, 108);
        return;
    }
    struct errand *e = errand_keep(c, m);
    errand_joins(e);
    e->proxy = proxy_ask(c, ch->tenant, &q, answered, e);
}

/* ---- its time has run out */

bool verb_sub_refresh_asks(const struct sub *s)
{
    const struct config_namespace *ns = config_namespace_of(s->connection->gateway->config, channel_full(s->channel));
    return ns && ns->options.sub_refresh_proxy_enabled && proxy_is_set(ns->tenant, PROXY_SUB_REFRESH);
}

static void expire_again(struct sub *s, int64_t at_ns)
{
    struct connection *c = s->connection;
    sub_extras(s)->expires_ns = at_ns;
    if (c->subs_expire_ns == 0 || at_ns < c->subs_expire_ns)
        c->subs_expire_ns = at_ns;
    connection_rearm(c);
}

static void take_info(struct sub *s, struct bytes info)
{
    struct buf line = {0};
    if (info.n == 0)
        return;
    json_append_line(&line, info);
    sub_take_info(s, buf_bytes(&line));
    buf_fini(&line);
    if (s->live && s->present)
        sub_tell_presence(s, true);
}

static void go_on(struct sub *s, const struct proxy_result *r)
{
    if (r->expired || (r->expire_at && r->expire_at <= gateway_unix_s(s->connection->gateway))) {
        sub_unsubscribe(s, UNSUBSCRIBE_EXPIRED);
        return;
    }
    take_info(s, r->info);
    sub_take_expiry(s, r->expire_at);
}

static void hear(struct sub *s, const struct proxy_answer *a)
{
    s->extras->asked = false;
    if (a->error)
        expire_again(s, s->connection->gateway->now_ns + VERB_PROXY_AGAIN_NS);
    else
        go_on(s, &a->result);
}

static void refreshed(void *ctx, const struct proxy_answer *a)
{
    struct errand *e = ctx;
    struct command *m = errand_take(e);
    struct connection *c = errand_end(e);
    const struct channel *channel = hub_find(c->gateway, m->channel);
    struct sub *s = channel ? connection_sub(c, channel) : NULL;
    command_free(m);
    if (s && !(s->extras && s->extras->asked))
        s = NULL; /* another one, made meanwhile */
    if (a->disconnect)
        verb_proxy_disconnect(c, a);
    else if (s)
        hear(s, a);
}

bool verb_sub_refresh_by_application(struct sub *s)
{
    struct connection *c = s->connection;
    struct bytes full = channel_full(s->channel), tenant, name;
    if (!verb_sub_refresh_asks(s) || !channel_split(full, &tenant, &name))
        return false;
    struct proxy_question q = {.event = PROXY_SUB_REFRESH, .channel = name};
    struct errand *e = errand_keep(c, &(struct command){.channel = full});
    s->extras->expires_ns = 0;
    s->extras->asked = true;
    e->proxy = proxy_ask(c, verb_proxy_tenant(c), &q, refreshed, e);
    return true;
}
