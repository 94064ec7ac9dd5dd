/* connect: who the client is. */
#include "admission.h"
#include "entrance.h"
#include "gateway.h"
#include "verb_proxy.h"
#include "verbs.h"

#include "core/clock.h"

/* -> whether the token is good; otherwise its bearer has been told */
static bool check(struct connection *c, struct auth *ret)
{
    struct gateway *g = c->gateway;
    enum auth_answer answer = auth_connect(g->config, &g->tokens, connection_tenant(c), c->extras->entrance->token,
                                           gateway_unix_s(g), ret);
    struct auth_verdict verdict = auth_verdict(AUTH_CONNECT, answer);
    token_refused(c, AUTH_CONNECT, verdict, &ret->refusal);
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
    c->next_ns = g->now_ns + g->options->connect_wait * NS_PER_MS;
    connection_rearm(c);
}

static void enter(struct connection *c, const struct auth *a)
{
    struct gateway *g = c->gateway;
    if (!entrance_has_place(c, a))
        return;
    if (admission_ask(&g->admission, g, a->tenant))
        entrance_enter(c, a);
    else
        wait_turn(c, a->tenant);
}

/* Tokens are checked, and applications asked, before anybody waits: a check costs microseconds, whoever has none takes no
 * turn, and a tenant's queue holds that tenant's clients alone. Neither does who could not stay. */
void verb_connect(struct connection *c, const struct command *m)
{
    struct auth a;
    auth_init(&a);
    entrance_new(c, m);
    if (!c->gateway->config)
        wait_turn(c, connection_tenant(c));
    else if (verb_connect_asks(c))
        verb_connect_ask(c);
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
    else if (verb_connect_asks(c))
        verb_connect_ask(c);
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
