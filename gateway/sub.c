#include "sub.h"

#include "fan_link.h"
#include "filter.h"
#include "hub.h"
#include "join.h"
#include "page.h"
#include "passive.h"
#include "reply.h"

#include "core/clock.h"

#include <assert.h>
#include <stdlib.h>

#define STRIKE_NS (60 * NS_PER_S)

struct sub *sub_new(struct connection *c, struct bytes full_name, bool spelled_full)
{
    struct sub *s = calloc(1, sizeof *s);
    assert(s);
    s->connection = c;
    s->full = spelled_full;
    if (c->n_subs == c->cap_subs)
        c->subs = subs_grow(c->subs, &c->cap_subs, &c->only);
    c->subs[c->n_subs++] = s;
    s->channel = hub_open(c->gateway, full_name);
    channel_add(s->channel, s);
    c->gateway->metrics.subscriptions++;
    return s;
}

struct sub_extras *sub_extras(struct sub *s)
{
    if (s->extras)
        return s->extras;
    struct sub_extras *e = calloc(1, sizeof *e);
    assert(e);
    e->sub = s;
    list_init(&e->page_link);
    return s->extras = e;
}

void sub_tidy(struct sub *s)
{
    const struct sub_extras *e = s->extras;
    if (!e || e->joining || list_is_linked(&e->page_link) || e->hold || e->old > s->sent || e->expires_ns || e->asked || e->info || e->filter)
        return;
    free(s->extras);
    s->extras = NULL;
}

static void drop_extras(struct sub *s)
{
    if (!s->extras)
        return;
    free(s->extras->hold);
    free(s->extras->info);
    filter_unref(s->connection->gateway, s->extras->filter);
    free(s->extras);
}

struct bytes sub_info(const struct sub *s)
{
    return s->extras && s->extras->info ? bytes_str(s->extras->info) : connection_info(s->connection);
}

void sub_tell_presence(struct sub *s, bool silent)
{
    struct connection *c = s->connection;
    const struct config_namespace *ns = config_namespace_of(c->gateway->config, channel_full(s->channel));
    fan_presence_set(c->gateway->fan, s->channel,
                     &(struct fan_presence_set){.channel = channel_full(s->channel),
                                                .client = connection_client(c),
                                                .user = connection_user(c),
                                                .info = sub_info(s),
                                                .silent = silent,
                                                .tells = s->tells,
                                                .linger_ms = ns ? (uint32_t)ns->options.join_leave_linger : 0,
                                                .pushes = ns ? (uint32_t)ns->options.join_leave_pushes : 0});
}

static void clear_presence(struct sub *s, bool left)
{
    if (s->present)
        fan_presence_clear(s->connection->gateway->fan, s->channel,
                           &(struct fan_presence_clear){.channel = channel_full(s->channel),
                                                        .client = connection_client(s->connection),
                                                        .left = left});
}

static void leave_connection(struct sub *s)
{
    struct connection *c = s->connection;
    uint32_t at = c->n_subs - 1; /* all of them end in this order with the connection */
    while (c->subs[at] != s)
        at--;
    c->subs[at] = c->subs[--c->n_subs];
}

static void end(struct sub *s, bool left)
{
    struct connection *c = s->connection;
    page_leave(s);
    if (!s->live)
        join_forget(s);
    clear_presence(s, left);
    passive_forget(s);
    channel_remove(s->channel, s);
    leave_connection(s);
    c->gateway->metrics.subscriptions--;
    hub_release(s->channel);
    drop_extras(s);
    free(s);
}

void sub_end(struct sub *s)
{
    end(s, false);
}

void sub_leave(struct sub *s)
{
    end(s, true);
}

/* What the server subscribes the client to, it can only get anew by connecting anew. 0: the push alone */
static uint32_t disconnect_instead(const struct sub *s, uint32_t code)
{
    if (!s->server)
        return 0;
    if (code == UNSUBSCRIBE_INSUFFICIENT_STATE)
        return DISCONNECT_INSUFFICIENT_STATE;
    return code == UNSUBSCRIBE_EXPIRED ? DISCONNECT_SUB_EXPIRED : 0;
}

void sub_unsubscribe(struct sub *s, uint32_t code)
{
    struct connection *c = s->connection;
    uint32_t instead = disconnect_instead(s, code);
    c->gateway->metrics.unsubscribes_total++;
    if (instead) {
        connection_disconnect(c, instead, NULL);
        return;
    }
    push_put(c->encoding, &c->out, s->channel, s->full,
             &(struct push){.kind = PUSH_UNSUBSCRIBE, .unsubscribe = {.code = code, .reason = unsubscribe_reason(code)}});
    end(s, code < UNSUBSCRIBE_COMES_BACK);
    connection_said(c);
}

/* -> whether it is one too many */
static bool strike(struct connection *c, struct bytes channel)
{
    int64_t now = c->gateway->now_ns;
    uint64_t hash = hash_bytes(channel);
    struct strike *mine = NULL;
    struct strike *strikes = connection_extras(c)->strikes;
    for (struct strike *k = strikes; k < strikes + STRIKES && !mine; k++)
        if (k->channel == hash && k->since_ns && now - k->since_ns < STRIKE_NS)
            mine = k;
    if (mine)
        return ++mine->n >= STRIKES_MAX;
    struct strike *oldest = strikes;
    for (struct strike *k = strikes; k < strikes + STRIKES; k++)
        if (k->since_ns < oldest->since_ns)
            oldest = k;
    *oldest = (struct strike){.channel = hash, .since_ns = now, .n = 1};
    return false;
}

void sub_insufficient(struct sub *s)
{
    struct connection *c = s->connection;
    bool enough = !s->server && strike(c, channel_full(s->channel));
    sub_unsubscribe(s, UNSUBSCRIBE_INSUFFICIENT_STATE);
    if (enough)
        connection_disconnect(c, DISCONNECT_SLOW, NULL);
}
