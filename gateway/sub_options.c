#include "sub_options.h"

#include "gateway.h"
#include "permission.h"
#include "verb_proxy.h"

#include "core/clock.h"

#include <stdlib.h>

#include <stdlib.h>

void sub_take_options(struct sub *s, const struct config_channel *ch, const struct overrides *o, const struct sub_asked *asked)
{
    struct namespace_options options = ch->ns->options;
    overrides_apply(o, &options);
    bool may_read = permission_history(ch, connection_user(s->connection), true) == 0; /* all of it, so that it may ask */
    bool recoverable = options.force_recovery || (asked->recoverable && (options.allow_recovery || may_read));
    bool positioned = options.force_positioning || (asked->positioned && (options.allow_positioning || may_read));
    s->recoverable = !options.ephemeral && recoverable;
    s->positioned = s->recoverable || (!options.ephemeral && positioned);
    s->deltas = asked->delta && ch->ns->deltas;
    s->present = options.presence || options.join_leave;
    s->tells = options.join_leave;
    s->wants_joins = permission_join_leave(ch, &options, connection_user(s->connection), asked->join_leave);
}

void sub_take_filter(struct sub *s, struct filter *filter)
{
    s->filtered = filter;
    if (filter)
        sub_extras(s)->filter = filter;
}

void sub_take_info(struct sub *s, struct bytes chan_info)
{
    struct bytes members = connection_info(s->connection); /* the connection's, its } replaced by chan_info */
    struct buf info = {0};
    if (chan_info.n == 0)
        return;
    buf_append(&info, members.p, members.n - 1);
    buf_append_str(&info, ",\"chan_info\":");
    buf_append_bytes(&info, chan_info);
    buf_append_char(&info, '}');
    free(sub_extras(s)->info); /* chan_info may be of it */
    s->extras->info = buf_take(&info);
}

void sub_take_expiry(struct sub *s, int64_t expire_at)
{
    struct connection *c = s->connection;
    int64_t expires = connection_end_of(c->gateway, expire_at);
    if (expires && verb_sub_refresh_asks(s))
        expires -= c->gateway->options->expiry_grace * NS_PER_MS;
    if (s->extras)
        s->extras->expires_ns = 0;
    if (expires == 0)
        return;
    sub_extras(s)->expires_ns = expires;
    if (c->subs_expire_ns == 0 || expires < c->subs_expire_ns)
        c->subs_expire_ns = expires;
    connection_rearm(c);
}
