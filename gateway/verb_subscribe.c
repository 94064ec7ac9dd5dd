/* subscribe, unsubscribe and sub_refresh. */
#include "auth.h"
#include "filter.h"
#include "gateway.h"
#include "hub.h"
#include "join.h"
#include "permission.h"
#include "reply.h"
#include "sub_options.h"
#include "verb_proxy.h"
#include "verbs.h"

#include "run/log.h"

#define FLAG_REJECT_UNRECOVERED 2
#define TYPE_STREAM 0

bool verb_carries(const struct connection *c, const struct config_channel *ch)
{
    return ch->ns->format != FORMAT_BINARY || encoders[c->encoding].binary;
}

uint32_t verb_resolve(const struct connection *c, struct bytes spelling, struct config_channel *ret)
{
    const struct config *config = c->gateway->config;
    const struct config_tenant *tenant = config_tenant(config, connection_tenant(c));
    uint32_t code = tenant ? config_resolve(config, tenant, spelling, ret) : 103; /* the tenant was taken away */
    return code == 0 && !verb_carries(c, ret) ? 108 : code;
}

bool verb_channel(struct connection *c, const struct command *m, struct config_channel *ret)
{
    uint32_t code = verb_resolve(c, m->channel, ret);
    if (code == 0)
        code = permission_name(ret);
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
    if (find(c, ch->full) || verb_subscribe_asked(c, ch->full))
        return 105;
    if (!config_may_subscribe(ch->tenant, c->n_subs + 1ULL))
        return 106;
    if (m->type != TYPE_STREAM)
        return 103;
    return m->filter.n && !ch->ns->options.allow_tags_filter ? 107 : 0;
}

/* -> whether the subscribe goes on; otherwise it has been answered */
static bool admit(struct connection *c, const struct command *m, const struct config_channel *ch, struct auth *a)
{
    if (m->token.n) {
        enum auth_answer answer = auth_subscribe(c->gateway->config, &c->gateway->tokens, ch, connection_user(c),
                                                 connection_client(c), m->token, gateway_unix_s(c->gateway), a);
        struct auth_verdict verdict = auth_verdict(AUTH_SUBSCRIBE, answer);
        token_refused(c, AUTH_SUBSCRIBE, verdict, &a->refusal);
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

/* -> whether what was asked for is a filter; otherwise it has been answered */
static bool take_filter(struct connection *c, const struct command *m, struct filter **ret)
{
    const char *why;
    if (m->filter.n == 0 || filter_ref(c->gateway, m->filter, ret, &why) == 0)
        return true;
    log_debug("filter_refused", "channel=%.*s why=\"%s\"", BYTES_FMT(m->channel), why);
    connection_reply_error(c, m->id, 107);
    return false;
}

/* s, for its client; 0: nothing to bring */
static uint32_t ttl_of(const struct sub *s, int64_t expire_at)
{
    return verb_sub_refresh_asks(s) ? 0 : auth_ttl(expire_at, gateway_unix_s(s->connection->gateway));
}

static void begin(struct connection *c, const struct command *m, const struct config_channel *ch, const struct auth *a)
{
    struct filter *filter = NULL;
    if (!take_filter(c, m, &filter))
        return;
    bool spelled_full = m->channel.n == ch->full.n; /* the other spelling is the name alone */
    struct sub *s = sub_new(c, ch->full, spelled_full);
    sub_take_options(s, ch, &a->overrides,
                     &(struct sub_asked){.positioned = m->positioned, .recoverable = m->recoverable, .join_leave = m->join_leave,
                                          .delta = m->delta.n && m->filter.n == 0});
    sub_take_filter(s, filter);
    sub_take_info(s, a->info);
    sub_take_expiry(s, a->expire_at);
    struct joining how = {.id = m->id,
                          .since = {.recover = m->recover, .offset = m->offset},
                          .reject = m->flag & FLAG_REJECT_UNRECOVERED,
                          .data = a->data,
                          .ttl = ttl_of(s, a->expire_at)};
    s->renews = how.ttl > 0;
    since_epoch(&how.since, m->epoch);
    join_begin(s, &how);
}

static void decide(struct connection *c, const struct command *m, const struct config_channel *ch)
{
    struct auth a;
    auth_init(&a);
    if (admit(c, m, ch, &a))
        begin(c, m, ch, &a);
    auth_fini(&a);
}

/* Much may be different since the application was asked. */
void verb_subscribe_granted(struct connection *c, const struct command *m, const struct auth *a)
{
    struct config_channel ch;
    if (!verb_channel(c, m, &ch))
        return;
    uint32_t code = check(c, m, &ch);
    if (code == 0 && a->expire_at && a->expire_at < gateway_unix_s(c->gateway))
        code = 110;
    if (code)
        connection_reply_error(c, m->id, code);
    else
        begin(c, m, &ch, a);
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
    if (code)
        connection_reply_error(c, m->id, code);
    else if (verb_subscribe_asks(&ch, m->token))
        verb_subscribe_ask(c, m, &ch);
    else
        decide(c, m, &ch);
}

/* ---- unsubscribe */

/* By what the client called it: its namespace may have been taken away since. */
static struct sub *find_spelled(const struct connection *c, struct bytes spelling)
{
    for (uint32_t i = 0; i < c->n_subs; i++)
        if (bytes_equal(channel_spelling(c->subs[i]->channel, c->subs[i]->full), spelling))
            return c->subs[i];
    return NULL;
}

void verb_unsubscribe(struct connection *c, const struct command *m)
{
    const struct config *config = c->gateway->config;
    const struct config_tenant *tenant = config_tenant(config, connection_tenant(c));
    struct config_channel ch;
    bool known = tenant && config_resolve(config, tenant, m->channel, &ch) == 0;
    struct sub *s = known ? find(c, ch.full) : NULL;
    if (!s)
        s = find_spelled(c, m->channel);
    if (s)
        sub_leave(s);
    connection_reply_empty(c, m->id, REPLY_UNSUBSCRIBE); /* one that was not subscribed is fine, too */
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
    if (s && verb_sub_refresh_asks(s) && !s->renews) {
        connection_disconnect(c, DISCONNECT_BAD_REQUEST, NULL);
        return;
    }
    if (m->token.n == 0 || !s) {
        connection_reply_error(c, m->id, s ? 107 : 103);
        return;
    }
    struct auth a;
    auth_init(&a);
    enum auth_answer answer = auth_subscribe(c->gateway->config, &c->gateway->tokens, &ch, connection_user(c),
                                             connection_client(c), m->token, gateway_unix_s(c->gateway), &a);
    struct auth_verdict verdict = auth_verdict(AUTH_SUB_REFRESH, answer);
    token_refused(c, AUTH_SUB_REFRESH, verdict, &a.refusal);
    if (verdict.disconnect) {
        connection_disconnect(c, verdict.disconnect, NULL);
    } else if (verdict.error) {
        connection_reply_error(c, m->id, verdict.error);
    } else {
        uint32_t ttl = ttl_of(s, a.expire_at);
        sub_take_expiry(s, a.expire_at);
        s->renews = ttl > 0;
        connection_reply(c, &(struct reply){.id = m->id, .kind = REPLY_SUB_REFRESH, .ttl = ttl});
    }
    auth_fini(&a);
}
