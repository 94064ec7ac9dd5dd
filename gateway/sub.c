#include "sub.h"

#include "fan_link.h"
#include "hub.h"
#include "join.h"
#include "page.h"
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
    list_init(&s->page_link);
    if (c->n_subs == c->cap_subs) {
        c->cap_subs = c->cap_subs ? c->cap_subs * 2 : 2;
        c->subs = realloc(c->subs, c->cap_subs * sizeof *c->subs);
        assert(c->subs);
    }
    s->at_connection = c->n_subs;
    c->subs[c->n_subs++] = s;
    s->channel = hub_open(c->gateway, full_name);
    channel_add(s->channel, s);
    c->gateway->metrics.subscriptions++;
    return s;
}

struct bytes sub_info(const struct sub *s)
{
    return s->info ? bytes_str(s->info) : buf_bytes(&s->connection->info);
}

void sub_tell_presence(struct sub *s, bool silent)
{
    struct connection *c = s->connection;
    fan_presence_set(c->gateway->fan, s->channel,
                     &(struct fan_presence_set){.channel = s->channel->full,
                                                .client = bytes_str(c->client),
                                                .user = c->user,
                                                .info = sub_info(s),
                                                .silent = silent || !s->tells});
}

static void clear_presence(struct sub *s)
{
    if (s->present)
        fan_presence_clear(s->connection->gateway->fan, s->channel,
                           &(struct fan_presence_clear){.channel = s->channel->full,
                                                        .client = bytes_str(s->connection->client),
                                                        .silent = !s->tells});
}

void sub_end(struct sub *s)
{
    struct connection *c = s->connection;
    page_leave(s);
    if (s->joining)
        join_forget(s);
    clear_presence(s);
    channel_remove(s->channel, s);
    struct sub *last = c->subs[--c->n_subs];
    c->subs[s->at_connection] = last;
    last->at_connection = s->at_connection;
    c->gateway->metrics.subscriptions--;
    hub_release(s->channel);
    free(s->hold);
    free(s->info);
    free(s);
}

void sub_unsubscribe(struct sub *s, uint32_t code)
{
    struct connection *c = s->connection;
    c->gateway->metrics.unsubscribes_total++;
    push_unsubscribe(&c->out, channel_push_head(s->channel, s->full), code, unsubscribe_reason(code));
    sub_end(s);
    connection_said(c);
}

/* -> whether it is one too many */
static bool strike(struct connection *c, struct bytes channel)
{
    int64_t now = c->gateway->now_ns;
    uint64_t hash = hash_bytes(channel);
    struct strike *mine = NULL;
    for (struct strike *k = c->strikes; k < c->strikes + STRIKES && !mine; k++)
        if (k->channel == hash && k->since_ns && now - k->since_ns < STRIKE_NS)
            mine = k;
    if (mine)
        return ++mine->n >= STRIKES_MAX;
    struct strike *oldest = c->strikes;
    for (struct strike *k = c->strikes; k < c->strikes + STRIKES; k++)
        if (k->since_ns < oldest->since_ns)
            oldest = k;
    *oldest = (struct strike){.channel = hash, .since_ns = now, .n = 1};
    return false;
}

void sub_insufficient(struct sub *s)
{
    struct connection *c = s->connection;
    bool enough = strike(c, s->channel->full);
    sub_unsubscribe(s, UNSUBSCRIBE_INSUFFICIENT_STATE);
    if (enough)
        connection_disconnect(c, DISCONNECT_SLOW, NULL);
}
