/* connect and refresh: who the client is, and until when. */
#include "admission.h"
#include "auth.h"
#include "errand.h"
#include "gateway.h"
#include "reply.h"
#include "verbs.h"

#include "core/clock.h"
#include "core/random.h"

/* A token's end on the loop's clock, with the grace that its bearer has to bring another one. */
static int64_t end_of(const struct gateway *g, int64_t expire_at)
{
    int64_t left = expire_at - gateway_unix_s(g);
    if (expire_at == 0)
        return 0;
    if (left > AUTH_TTL_MAX)
        left = AUTH_TTL_MAX;
    return g->now_ns + left * NS_PER_S + g->options->expiry_grace * NS_PER_MS;
}

/* ---- connect */

static void refuse_place(struct connection *c)
{
    c->gateway->metrics.connects_refused_total++;
    connection_disconnect(c, DISCONNECT_TENANT_LIMIT, NULL);
}

static void accept(struct connection *c, uint32_t id, const struct auth *a)
{
    struct gateway *g = c->gateway;
    if (!budget_enter(g, a->tenant)) {
        refuse_place(c);
        return;
    }
    char client[CLIENT_BYTES + 1];
    struct buf info = {0};
    random_uuid(client);
    client_info_json(&info, a->user, bytes_str(client), a->info, (struct bytes){0});
    connection_identify(c, a->tenant, a->user, bytes_str(client), buf_bytes(&info));
    buf_fini(&info);
    struct reply_connected r = {.client = connection_client(c),
                                .version = CELLCAST_VERSION,
                                .ttl = auth_ttl(a->expire_at, gateway_unix_s(g)),
                                .ping_s = (uint32_t)(g->options->ping_interval / 1000)};
    c->expires_ns = end_of(g, a->expire_at);
    connection_goto(c, CONNECTION_OPEN);
    g->metrics.connects_total++;
    reply_connected(&c->out, id, "connect", &r);
    connection_said(c);
}

static void refuse(struct connection *c, uint32_t id, uint32_t error)
{
    c->gateway->metrics.connects_refused_total++;
    connection_goto(c, CONNECTION_REJECTED);
    connection_reply_error(c, id, error);
}

/* -> whether the token is good; otherwise its bearer has been told */
static bool check(struct connection *c, uint32_t id, struct bytes token, struct auth *ret)
{
    struct gateway *g = c->gateway;
    enum auth_answer answer = auth_connect(g->config, &g->tokens, connection_tenant(c), token, gateway_unix_s(g), ret);
    struct auth_verdict verdict = auth_verdict(AUTH_CONNECT, answer);
    if (verdict.disconnect)
        connection_disconnect(c, verdict.disconnect, NULL);
    else if (verdict.error)
        refuse(c, id, verdict.error);
    return answer == AUTH_OK;
}

static void wait_turn(struct connection *c, uint32_t id, struct bytes token, struct bytes tenant)
{
    struct gateway *g = c->gateway;
    if (!admission_wait(&g->admission, c, tenant)) {
        g->metrics.connects_shed_total++;
        refuse(c, id, 111);
        return;
    }
    buf_append_bytes(&c->extras->token, token);
    c->extras->connect_id = id;
    connection_goto(c, CONNECTION_WAITING);
}

static void enter(struct connection *c, const struct command *m, const struct auth *a)
{
    struct gateway *g = c->gateway;
    if (!budget_has_place(g, a->tenant))
        refuse_place(c);
    else if (admission_ask(&g->admission, g, a->tenant))
        accept(c, m->id, a);
    else
        wait_turn(c, m->id, m->token, a->tenant);
}

/* Tokens are checked before anybody waits: a check costs microseconds, whoever has none takes no turn, and a tenant's
 * queue holds that tenant's clients alone. Neither does who could not stay. */
void verb_connect(struct connection *c, const struct command *m)
{
    struct gateway *g = c->gateway;
    struct auth a;
    auth_init(&a);
    if (!g->config)
        wait_turn(c, m->id, m->token, connection_tenant(c));
    else if (check(c, m->id, m->token, &a))
        enter(c, m, &a);
    auth_fini(&a);
}

void verb_connect_admitted(struct connection *c)
{
    struct auth a;
    struct buf token = c->extras->token, parked = c->extras->parked;
    uint32_t id = c->extras->connect_id;
    c->extras->token = c->extras->parked = (struct buf){0};
    connection_tidy(c);
    auth_init(&a);
    if (check(c, id, buf_bytes(&token), &a)) /* once more: it may have run out, or its key have been taken away */
        accept(c, id, &a);
    auth_fini(&a);
    connection_go_on(c, buf_bytes(&parked));
    buf_fini(&token);
    buf_fini(&parked);
}

/* ---- refresh */

void verb_refresh(struct connection *c, const struct command *m)
{
    struct gateway *g = c->gateway;
    struct auth a;
    if (m->token.n == 0) {
        connection_disconnect(c, DISCONNECT_BAD_REQUEST, NULL);
        return;
    }
    auth_init(&a);
    enum auth_answer answer = auth_refresh(g->config, &g->tokens, connection_tenant(c), connection_user(c), m->token,
                                           gateway_unix_s(g), &a);
    struct auth_verdict verdict = auth_verdict(AUTH_REFRESH, answer);
    if (verdict.disconnect) {
        connection_disconnect(c, verdict.disconnect, NULL);
    } else if (verdict.error) {
        connection_reply_error(c, m->id, verdict.error);
    } else {
        struct reply_connected r = {.client = connection_client(c),
                                    .version = CELLCAST_VERSION,
                                    .ttl = auth_ttl(a.expire_at, gateway_unix_s(g))};
        c->expires_ns = end_of(g, a.expire_at);
        connection_rearm(c);
        reply_connected(&c->out, m->id, "refresh", &r);
        connection_said(c);
    }
    auth_fini(&a);
}
