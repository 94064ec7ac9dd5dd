/* history, presence and presence_stats. */
#include "errand.h"
#include "gateway.h"
#include "hub.h"
#include "permission.h"
#include "reply.h"
#include "verbs.h"

typedef uint32_t permission_fn(const struct config_channel *c, struct bytes user, bool subscribed);

/* -> whether the command goes on; otherwise it has been answered */
static bool may_ask(struct connection *c, const struct command *m, permission_fn *permission, struct config_channel *ret)
{
    if (!verb_channel(c, m, ret))
        return false;
    const struct channel *channel = hub_find(c->gateway, ret->full);
    uint32_t code = permission(ret, connection_user(c), channel && connection_sub(c, channel));
    if (code)
        connection_reply_error(c, m->id, code);
    return code == 0;
}

/* ---- history */

static void history_came(void *ctx, const struct ops_range *answer)
{
    struct errand *e = ctx;
    uint32_t id = e->id;
    struct connection *c = errand_end(e);
    size_t most = (size_t)c->gateway->options->history_bytes;
    if (answer->code)
        connection_reply_error(c, id, answer->code);
    else if (reply_history(&c->out, id, answer, most) < 0)
        connection_reply_error(c, id, 100);
    else
        connection_said(c);
}

void verb_history(struct connection *c, const struct command *m)
{
    struct config_channel ch;
    struct history_query q = {.limit = m->limit,
                              .has_since = m->has_since,
                              .since_seq = m->offset,
                              .since_epoch = m->epoch,
                              .reverse = m->reverse,
                              .now_ms = c->gateway->now_us / 1000};
    if (!may_ask(c, m, permission_history, &ch))
        return;
    uint32_t code = history_check(&q);
    if (code) {
        connection_reply_error(c, m->id, code);
        return;
    }
    struct errand *e = errand_new(c, m->id);
    e->history = history_read(c->gateway, &ch, &q, history_came, e);
}

/* ---- presence */

static void presence_came(void *ctx, const struct ops_presence *answer)
{
    struct errand *e = ctx;
    uint32_t id = e->id;
    struct connection *c = errand_end(e);
    if (answer->code) {
        connection_reply_error(c, id, answer->code);
        return;
    }
    reply_presence(&c->out, id, answer);
    connection_said(c);
}

static void stats_came(void *ctx, const struct ops_presence *answer)
{
    struct errand *e = ctx;
    uint32_t id = e->id;
    struct connection *c = errand_end(e);
    if (answer->code) {
        connection_reply_error(c, id, answer->code);
        return;
    }
    reply_presence_stats(&c->out, id, answer);
    connection_said(c);
}

static void ask_presence(struct connection *c, const struct command *m, bool counts_only, ops_presence_fn *done)
{
    struct config_channel ch;
    if (!may_ask(c, m, permission_presence, &ch))
        return;
    struct errand *e = errand_new(c, m->id);
    e->ticket = ops_presence(c->gateway, ch.full, counts_only, done, e);
}

void verb_presence(struct connection *c, const struct command *m)
{
    ask_presence(c, m, false, presence_came);
}

void verb_presence_stats(struct connection *c, const struct command *m)
{
    ask_presence(c, m, true, stats_came);
}
