#include "verb_proxy.h"

#include "gateway.h"

const struct config_tenant *verb_proxy_tenant(const struct connection *c)
{
    struct bytes name = connection_tenant(c);
    return config_tenant(c->gateway->config, name.n ? name : BYTES(CONFIG_DEFAULT_TENANT));
}

void verb_proxy_disconnect(struct connection *c, const struct proxy_answer *a)
{
    struct buf reason = {0};
    buf_append_bytes(&reason, a->text);
    connection_disconnect(c, a->disconnect, reason.n ? reason.p : NULL);
    buf_fini(&reason);
}

bool verb_proxy_refused(struct connection *c, uint32_t id, const struct proxy_answer *a)
{
    if (a->disconnect)
        verb_proxy_disconnect(c, a);
    else if (a->error)
        connection_reply_own_error(c, id, a->error, a->text, a->temporary);
    return a->disconnect || a->error;
}

int verb_proxy_grant(struct connection *c, struct bytes tenant, const struct proxy_result *r, struct auth *ret)
{
    struct auth_said said = {.tenant = tenant,
                             .user = r->user,
                             .info = r->info,
                             .data = r->data,
                             .meta = r->meta,
                             .override = r->override,
                             .channels = r->channels,
                             .subs = r->subs,
                             .expire_at = r->expire_at};
    return auth_read_said(ret, &said);
}
