/* refresh, by the client's token and by the application. */
#include "refresh.h"

#include "auth.h"
#include "client_info.h"
#include "gateway.h"
#include "reply.h"
#include "server_sub.h"
#include "sub_options.h"
#include "verb_proxy.h"
#include "verbs.h"

#include "core/json.h"

/* What one subscription is shown with, once its connection's info is another one. */
static void show(struct sub *s)
{
    struct bytes before = s->extras && s->extras->info ? bytes_str(s->extras->info) : (struct bytes){0};
    if (before.n)
        sub_take_info(s, json_member(before, "chan_info"));
    if (s->live && s->present)
        sub_tell_presence(s, true);
}

static void take_info(struct connection *c, struct bytes conn_info)
{
    struct buf info = {0};
    client_info_json(&info, &(struct client_info){.user = connection_user(c), .client = connection_client(c), .conn_info = conn_info});
    bool changed = !bytes_equal(buf_bytes(&info), connection_info(c));
    if (changed)
        connection_identify(c, &(struct identity){.tenant = connection_tenant(c),
                                                  .user = connection_user(c),
                                                  .client = connection_client(c),
                                                  .info = buf_bytes(&info),
                                                  .name = connection_name(c),
                                                  .version = connection_version(c)});
    for (uint32_t i = 0; i < c->n_subs && changed; i++)
        show(c->subs[i]);
    buf_fini(&info);
}

void refresh_terms(struct connection *c, int64_t expire_at, struct bytes info, bool tell)
{
    c->expires_ns = verb_connect_end_of(c, expire_at);
    c->renews = verb_connect_ttl(c, expire_at) > 0;
    connection_rearm(c);
    if (info.n)
        take_info(c, info);
    if (!tell)
        return;
    push_put(c->encoding, &c->out, NULL, false,
             &(struct push){.kind = PUSH_REFRESH, .ttl = verb_connect_ttl(c, expire_at)});
    connection_said(c);
}

static void refresh(struct connection *c, uint32_t id, const struct auth *a)
{
    struct reply_connected r = {.client = connection_client(c),
                                .version = CELLCAST_VERSION,
                                .ttl = verb_connect_ttl(c, a->expire_at)};
    refresh_terms(c, a->expire_at, a->info, false);
    connection_reply(c, &(struct reply){.id = id, .kind = REPLY_REFRESH, .connected = r});
}

void verb_refresh(struct connection *c, const struct command *m)
{
    struct gateway *g = c->gateway;
    struct auth a;
    if (m->token.n == 0 || (verb_refresh_asks(c) && !c->renews)) {
        connection_disconnect(c, DISCONNECT_BAD_REQUEST, NULL);
        return;
    }
    auth_init(&a);
    enum auth_answer answer = auth_refresh(g->config, &g->tokens, connection_tenant(c), connection_user(c), m->token,
                                           gateway_unix_s(g), &a);
    struct auth_verdict verdict = auth_verdict(AUTH_REFRESH, answer);
    token_refused(c, AUTH_REFRESH, verdict, &a.refusal);
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
