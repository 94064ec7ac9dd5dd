#include "server_sub.h"

#include "gateway.h"
#include "hub.h"
#include "join.h"
#include "permission.h"
#include "sub_options.h"
#include "tenant.h"
#include "verb_proxy.h"
#include "verbs.h"

#include "run/log.h"

#include <assert.h>
#include <stdlib.h>

static struct sub *find(const struct connection *c, struct bytes full)
{
    const struct channel *channel = hub_find(c->gateway, full);
    return channel ? connection_sub(c, channel) : NULL;
}

static struct sub *make(struct connection *c, const struct config_channel *ch, const struct want *want)
{
    struct sub *s = sub_new(c, ch->full, want->channel.n == ch->full.n);
    s->server = true;
    sub_take_options(s, ch, &want->overrides, &(struct sub_asked){0});
    sub_take_info(s, want->info);
    sub_take_expiry(s, want->expire_at);
    return s;
}

static bool is_full(const struct connection *c, const struct config_channel *ch)
{
    return !config_may_subscribe(ch->tenant, c->n_subs + 1ULL);
}

uint64_t server_subs_print(const struct connection *c, const struct wants *granted)
{
    struct config_channel ch;
    uint64_t sum = 0;
    for (size_t i = 0; i < granted->n; i++)
        if (verb_resolve(c, granted->items[i].channel, &ch) == 0)
            sum += hash_bytes(ch.full);
    return sum;
}

/* ---- at connect */

struct plan {
    struct sub *sub;
    const struct want *want;
    const struct since *since;
};

/* All of them are made before the first one begins: the client's positions are behind what is granted. */
struct entry {
    struct connection *connection;
    struct plan *plans;
    size_t n;
};

static void plan(struct entry *e, const struct config_channel *ch, const struct want *want)
{
    e->plans[e->n++] = (struct plan){make(e->connection, ch, want), want, &want->since};
}

static struct server_subs_answer plan_granted(struct entry *e, const struct wants *granted)
{
    struct config_channel ch;
    for (size_t i = 0; i < granted->n; i++) {
        const struct want *want = &granted->items[i];
        uint32_t error = verb_resolve(e->connection, want->channel, &ch);
        if (error)
            return (struct server_subs_answer){.error = error};
        if (find(e->connection, ch.full))
            continue;
        if (is_full(e->connection, &ch))
            return (struct server_subs_answer){.disconnect = DISCONNECT_CHANNEL_LIMIT};
        plan(e, &ch, want);
    }
    return (struct server_subs_answer){0};
}

static void go_on_from(struct entry *e, const struct sub *s, const struct since *since)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->plans[i].sub == s)
            e->plans[i].since = since;
}

static struct server_subs_answer plan_asked(struct entry *e, const struct wants *asked)
{
    struct connection *c = e->connection;
    struct config_channel ch;
    for (size_t i = 0; i < asked->n; i++) {
        const struct want *want = &asked->items[i];
        if (verb_resolve(c, want->channel, &ch) || permission_name(&ch))
            return (struct server_subs_answer){.disconnect = DISCONNECT_BAD_REQUEST};
        struct sub *s = find(c, ch.full);
        if (s)
            go_on_from(e, s, &want->since);
        else if (verb_subscribe_asks(&ch, (struct bytes){0}) || permission_subscribe(&ch, connection_user(c), false))
            continue; /* the application decides about a subscribe, not about a connect's wish */
        else if (is_full(c, &ch))
            return (struct server_subs_answer){.disconnect = DISCONNECT_CHANNEL_LIMIT};
        else
            plan(e, &ch, want);
    }
    return (struct server_subs_answer){0};
}

static void want_personal(struct wants *w, const struct connection *c)
{
    const struct config_tenant *tenant = config_tenant(c->gateway->config, connection_tenant(c));
    struct buf name = {0};
    if (!tenant || !tenant->options.subscribe_to_user_personal_channel || connection_user(c).n == 0)
        return;
    buf_append_bytes(&name, tenant->options.user_personal_channel_namespace);
    buf_append_str(&name, name.n ? ":#" : "#");
    buf_append_bytes(&name, connection_user(c));
    wants_add(w, &(struct want){.channel = buf_bytes(&name)});
    buf_fini(&name);
}

/* None of the tenant's clients with a user can connect: `cellcastctl apply` would have refused it. */
static void say_personal_fails(const struct connection *c)
{
    const struct config_tenant *tenant = config_tenant(c->gateway->config, connection_tenant(c));
    if (tenant && episode_happens(&c->tenant->personal_fails, c->gateway->now_ns))
        log_warn("personal_channel_fails", "tenant=%.*s namespace=\"%.*s\" is not there: its clients with a user can't connect",
                 BYTES_FMT(tenant->name), BYTES_FMT(tenant->options.user_personal_channel_namespace));
}

static void begin(const struct plan *p)
{
    join_begin(p->sub, &(struct joining){.answers = JOIN_CONNECT, .since = *p->since, .data = p->want->data});
}

static struct server_subs_answer enter_personal(struct entry *e, const struct wants *personal)
{
    struct server_subs_answer answer = plan_granted(e, personal);
    if (answer.error == 102)
        say_personal_fails(e->connection);
    return answer;
}

struct server_subs_answer server_subs_enter(struct connection *c, const struct wants *granted, const struct wants *asked)
{
    struct wants personal = {0};
    want_personal(&personal, c);
    struct entry e = {.connection = c, .plans = calloc(granted->n + asked->n + 1, sizeof *e.plans)};
    assert(e.plans);
    struct server_subs_answer answer = plan_granted(&e, granted);
    if (!answer.error && !answer.disconnect)
        answer = enter_personal(&e, &personal);
    if (!answer.error && !answer.disconnect)
        answer = plan_asked(&e, asked);
    for (size_t i = 0; i < e.n && !answer.error && !answer.disconnect; i++)
        begin(&e.plans[i]);
    free(e.plans);
    wants_fini(&personal);
    return answer;
}

/* ---- on demand */

void server_sub_add(struct connection *c, const struct config_channel *ch, const struct want *want, struct invitation *invitation)
{
    if (find(c, ch->full) || !verb_carries(c, ch))
        return;
    if (is_full(c, ch)) {
        connection_disconnect(c, DISCONNECT_CHANNEL_LIMIT, NULL);
        return;
    }
    join_begin(make(c, ch, want),
               &(struct joining){.answers = JOIN_PUSH, .since = want->since, .data = want->data, .invitation = invitation});
}
