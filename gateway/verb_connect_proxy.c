/* connect and the end of a connection's time, where the tenant's application decides. */
#include "entrance.h"
#include "gateway.h"
#include "proxied.h"
#include "refresh.h"
#include "reply.h"
#include "verb_proxy.h"
#include "verbs.h"

#include "core/clock.h"
#include "core/json.h"
#include "core/random.h"

/* ---- connect */

bool verb_connect_asks(const struct connection *c)
{
    return c->extras->entrance->token.n == 0 && proxy_is_set(verb_proxy_tenant(c), PROXY_CONNECT);
}

static void let_in(struct connection *c, const struct proxy_result *r)
{
    const struct config_tenant *t = verb_proxy_tenant(c);
    struct auth a;
    auth_init(&a);
    if (!t || verb_proxy_grant(c, t->name, r, &a) < 0)
        entrance_fail(c, 100);
    else if (a.expire_at && a.expire_at < gateway_unix_s(c->gateway))
        entrance_fail(c, 110);
    else
        verb_connect_known(c, &a);
    auth_fini(&a);
}

static void answered(void *ctx, const struct proxy_answer *a)
{
    struct connection *c = errand_end(ctx);
    if (a->disconnect) {
        verb_proxy_disconnect(c, a);
    } else if (a->error) {
        entrance_refuse_own(c, a->error, a->text, a->temporary);
        connection_go_on(c);
    } else {
        let_in(c, &a->result);
    }
}

/* The names of the channels that the client had, or wants. */
static void put_channels(struct buf *into, const struct wants *asked)
{
    for (size_t i = 0; i < asked->n; i++) {
        buf_append_char(into, i ? ',' : '[');
        json_append_string(into, asked->items[i].channel);
    }
    if (asked->n)
        buf_append_char(into, ']');
}

/* The request has its own time; nobody is told 3502 because an application is slow. */
static void wait_for_application(struct connection *c)
{
    if (c->state == CONNECTION_FRESH)
        connection_goto(c, CONNECTION_WAITING);
    c->next_ns = c->end_ns = 0;
    connection_rearm(c);
}

static void ask(struct connection *c, const struct config_tenant *t)
{
    struct entrance *n = c->extras->entrance;
    struct buf channels = {0};
    random_uuid(n->client);
    put_channels(&channels, &n->asked);
    struct proxy_question q = {.event = PROXY_CONNECT,
                               .client = bytes_str(n->client),
                               .name = n->name,
                               .version = n->version,
                               .channels = buf_bytes(&channels),
                               .data = n->data,
                               .binary = !n->data_is_json};
    struct errand *e = errand_new(c, n->id);
    e->proxy = proxy_ask(c, t, &q, answered, e);
    buf_fini(&channels);
}

void verb_connect_ask(struct connection *c)
{
    const struct config_tenant *t = verb_proxy_tenant(c);
    if (!t->here) {
        connection_disconnect(c, DISCONNECT_MOVED, NULL);
    } else if (!proxied_emulated(c, c->extras->entrance->headers, t->options.proxy_http_headers)) {
        connection_disconnect(c, DISCONNECT_BAD_REQUEST, NULL);
    } else {
        wait_for_application(c);
        ask(c, t);
    }
}

/* ---- its time has run out */

bool verb_refresh_asks(const struct connection *c)
{
    return proxy_is_set(verb_proxy_tenant(c), PROXY_REFRESH);
}

uint32_t verb_connect_ttl(const struct connection *c, int64_t expire_at)
{
    return verb_refresh_asks(c) ? 0 : auth_ttl(expire_at, gateway_unix_s(c->gateway));
}

int64_t verb_connect_end_of(const struct connection *c, int64_t expire_at)
{
    int64_t end = connection_end_of(c->gateway, expire_at);
    return end && verb_refresh_asks(c) ? end - c->gateway->options->expiry_grace * NS_PER_MS : end;
}

static void go_on(struct connection *c, const struct proxy_result *r)
{
    if (r->expired || (r->expire_at && r->expire_at <= gateway_unix_s(c->gateway))) {
        connection_disconnect(c, DISCONNECT_EXPIRED, NULL);
        return;
    }
    struct buf info = {0};
    json_append_line(&info, r->info);
    if (r->meta.n)
        proxied_set_meta(c, r->meta);
    refresh_terms(c, r->expire_at, buf_bytes(&info), false);
    buf_fini(&info);
}

static void refreshed(void *ctx, const struct proxy_answer *a)
{
    struct connection *c = errand_end(ctx);
    if (a->disconnect) {
        verb_proxy_disconnect(c, a);
    } else if (a->error) {
        c->expires_ns = c->gateway->now_ns + VERB_PROXY_AGAIN_NS;
        connection_rearm(c);
    } else {
        go_on(c, &a->result);
    }
}

bool verb_refresh_by_application(struct connection *c)
{
    struct proxy_question q = {.event = PROXY_REFRESH};
    if (!verb_refresh_asks(c) || !connection_is_open(c))
        return false;
    c->expires_ns = 0;
    struct errand *e = errand_new(c, 0);
    e->proxy = proxy_ask(c, verb_proxy_tenant(c), &q, refreshed, e);
    return true;
}
