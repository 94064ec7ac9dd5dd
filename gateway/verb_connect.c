/* connect and refresh: who the client is, and until when. */
#include "admission.h"
#include "entrance.h"
#include "gateway.h"
#include "reply.h"
#include "server_sub.h"
#include "verbs.h"

/* ---- connect */

/* -> whether the token is good; otherwise its bearer has been told */
static bool check(struct connection *c, struct auth *ret)
{
    struct gateway *g = c->gateway;
    enum auth_answer answer = auth_connect(g->config, &g->tokens, connection_tenant(c), c->extras->entrance->token,
                                           gateway_unix_s(g), ret);
    struct auth_verdict verdict = auth_verdict(AUTH_CONNECT, answer);
    if (verdict.disconnect)
        connection_disconnect(c, verdict.disconnect, NULL);
    else if (verdict.error)
        entrance_refuse(c, verdict.error);
    return answer == AUTH_OK;
}

static void wait_turn(struct connection *c, struct bytes tenant)
{
    struct gateway *g = c->gateway;
    if (!admission_wait(&g->admission, c, tenant)) {
        g->metrics.connects_shed_total++;
        entrance_refuse(c, 111);
        return;
    }
    if (c->state != CONNECTION_WAITING) /* for an application it did already */
        connection_goto(c, CONNECTION_WAITING);
}

static void enter(struct connection *c, const struct auth *a)
{
    struct gateway *g = c->gateway;
    if (!budget_has_place(g, a->tenant))
        entrance_refuse_place(c);
    else if (admission_ask(&g->admission, g, a->tenant))
        entrance_enter(c, a);
    else
        wait_turn(c, a->tenant);
}

/* Tokens are checked before anybody waits: a check costs microseconds, whoever has none takes no turn, and a tenant's
 * queue holds that tenant's clients alone. Neither does who could not stay. */
void verb_connect(struct connection *c, const struct command *m)
{
    struct auth a;
    auth_init(&a);
    entrance_new(c, m);
    if (!c->gateway->config)
        wait_turn(c, connection_tenant(c));
    else if (check(c, &a))
        enter(c, &a);
    auth_fini(&a);
}

void verb_connect_admitted(struct connection *c)
{
    struct auth a;
    auth_init(&a);
    if (c->extras->entrance->is_known)
        entrance_enter(c, &c->extras->entrance->known);
    else if (check(c, &a)) /* once more: it may have run out, or its key have been taken away */
        entrance_enter(c, &a);
    auth_fini(&a);
    connection_go_on(c);
}

void verb_connect_known(struct connection *c, struct auth *a)
{
    struct entrance *e = c->extras->entrance;
    e->known = *a;
    e->is_known = true;
    auth_init(a);
    enter(c, &e->known);
    connection_go_on(c);
}

/* ---- refresh */

static void refresh(struct connection *c, uint32_t id, const struct auth *a)
{
    struct reply_connected r = {.client = connection_client(c),
                                .version = CELLCAST_VERSION,
                                .ttl = auth_ttl(a->expire_at, gateway_unix_s(c->gateway))};
    c->expires_ns = connection_end_of(c->gateway, a->expire_at);
    connection_rearm(c);
    connection_reply(c, &(struct reply){.id = id, .kind = REPLY_REFRESH, .connected = r});
}

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
    if (verdict.disconnect)
        connection_disconnect(c, verdict.disconnect, NULL);
    else if (verdict.error)
        connection_reply_error(c, m->id, verdict.error);
    else if (server_subs_print(c, &a.wants) != c->granted)
        connection_disconnect(c, DISCONNECT_INSUFFICIENT_STATE, NULL); /* it gets the others when it comes back */
    else
        refresh(c, m->id, &a);
    auth_fini(&a);
}
