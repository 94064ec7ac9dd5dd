#include "connection.h"

#include "admission.h"
#include "attendance.h"
#include "deliver.h"
#include "entrance.h"
#include "errand.h"
#include "gateway.h"
#include "proxied.h"
#include "reply.h"
#include "session.h"
#include "slow.h"
#include "sub.h"
#include "tenant.h"
#include "verbs.h"
#include "ws.h"

#include "core/clock.h"
#include "core/random.h"

#include <assert.h>
#include <stdlib.h>

#define SPARED_NS (250 * NS_PER_MS) /* at the end of its lifetime, while commands are in flight */
#define UNANSWERED_NS (250 * NS_PER_MS) /* a subscription that ends before its reply ends behind it */
#define PING_YIELDS_NS (2 * NS_PER_S) /* while messages wait to be written for no longer */
#define PING_LATER_NS NS_PER_S
#define ACK_SLACK_MS 1000 /* of the kernel's ticks, and of a loop that comes late to look */
#define SPARED_MAX 40              /* so often: longer than any command takes */

static void on_deadline(struct wheel_timer *t);

/* ---- life */

/* Not with a code: 3502 would tell an SDK that is only slow to stay away. */
static void cut_stranger(struct stranger *s)
{
    ws_cut(container_of(s, struct connection_extras, stranger)->connection->socket);
}

static void count_transport(struct connection *c, int64_t change)
{
    char *metrics = (char *)&c->gateway->metrics;
    const struct transport *t = connection_transport(c);
    *(int64_t *)(metrics + t->open) += change;
    if (change > 0)
        ++*(uint64_t *)(metrics + t->opened);
}

struct connection *connection_new(struct gateway *g, struct ws_socket *socket, struct bytes tenant,
                                  enum transport_kind kind, enum encoding encoding)
{
    struct connection *c = calloc(1, sizeof *c);
    assert(c);
    c->gateway = g;
    c->socket = socket;
    c->kind = kind;
    c->encoding = encoding;
    list_init(&c->talking);
    list_init(&c->errands);
    list_init(&c->all);
    list_append(&g->connections, &c->all);
    connection_identify(c, &(struct identity){.tenant = tenant});
    wheel_timer_init(&c->timer, on_deadline);
    c->end_ns = g->now_ns + g->options->stale_timeout * NS_PER_MS;
    connection_rearm(c);
    stranger_enter(g, &connection_extras(c)->stranger, cut_stranger);
    if (kind != TRANSPORT_WEBSOCKET)
        c->extras->session = session_new(g, c);
    count_transport(c, 1);
    g->n_connections++;
    g->metrics.connections++;
    g->metrics.connections_total++;
    return c;
}

/* What it has to say is said in the tenant's turn. */
static void belong(struct connection *c, struct bytes tenant)
{
    struct tenant *before = c->tenant;
    bool talks = !c->blocked && list_is_linked(&c->talking);
    c->tenant = tenant_ref(c->gateway, tenant);
    if (talks) {
        list_remove(&c->talking);
        fairflush_connection(c);
    }
    tenant_unref(c->gateway, before);
}

static struct bytes at_most(struct bytes text, size_t n)
{
    return bytes_of(text.p, text.n < n ? text.n : n);
}

void connection_identify(struct connection *c, const struct identity *who)
{
    struct bytes name = at_most(who->name, PROGRAM_MAX), version = at_most(who->version, PROGRAM_MAX);
    struct bytes all[] = {who->tenant, who->user, who->info, name, version};
    struct buf texts = {0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_append_bytes(&texts, all[i]);
    buf_append_char(&texts, 0);
    const char *named = who->client.n ? memmem(who->info.p, who->info.n, who->client.p, who->client.n) : NULL;
    c->client_at = named ? (uint32_t)(who->tenant.n + who->user.n) + (uint32_t)(named - who->info.p) : 0;
    free(c->texts);
    c->texts = buf_take(&texts);
    c->tenant_n = (uint8_t)who->tenant.n;
    c->user_n = (uint32_t)who->user.n;
    c->info_n = (uint32_t)who->info.n;
    c->name_n = (uint8_t)name.n;
    c->version_n = (uint8_t)version.n;
    belong(c, connection_tenant(c));
}

struct connection_extras *connection_extras(struct connection *c)
{
    if (c->extras)
        return c->extras;
    struct connection_extras *e = calloc(1, sizeof *e);
    assert(e);
    e->connection = c;
    list_init(&e->resuming);
    list_init(&e->waiting);
    list_init(&e->stranger.by_age);
    return c->extras = e;
}

static bool has_strikes(const struct connection_extras *e)
{
    for (int i = 0; i < STRIKES; i++)
        if (e->strikes[i].since_ns)
            return true;
    return false;
}

void connection_tidy(struct connection *c)
{
    struct connection_extras *e = c->extras;
    if (!e || e->session || e->parked.n || e->entrance || e->proxied || list_is_linked(&e->resuming) || e->queue || list_is_linked(&e->stranger.by_age) ||
        has_strikes(e))
        return;
    free(e);
    c->extras = NULL;
}

static void drop_extras(struct connection *c)
{
    struct connection_extras *e = c->extras;
    if (!e)
        return;
    list_remove(&e->resuming);
    stranger_leave(c->gateway, &e->stranger);
    session_free(c->gateway, e->session);
    buf_fini(&e->parked);
    proxied_free(e->proxied);
    free(e);
}

void connection_drop_subs(struct connection *c)
{
    while (c->n_subs)
        sub_end(c->subs[c->n_subs - 1]);
}

/* Nothing of the cluster knows it any more. */
static void let_go(struct connection *c)
{
    connection_drop_subs(c);
    errand_drop_all(c);
    admission_leave(c);
    if (c->extras) {
        session_free(c->gateway, c->extras->session);
        c->extras->session = NULL;
    }
    entrance_free(c);
}

static void leave_place(const struct connection *c)
{
    budget_leave(c->gateway, connection_tenant(c));
    users_leave(c);
}

void connection_free(struct connection *c)
{
    let_go(c);
    if (connection_has_place(c))
        leave_place(c);
    attendance_went(c);
    wheel_cancel(&c->timer);
    list_remove(&c->all);
    list_remove(&c->talking);
    c->gateway->n_connections--;
    c->gateway->metrics.connections--;
    count_transport(c, -1);
    subs_free(c->subs, c->cap_subs);
    buf_fini(&c->out);
    free(c->texts);
    tenant_unref(c->gateway, c->tenant);
    drop_extras(c);
    free(c);
}

/* ---- states */

#define TO(state) (1u << CONNECTION_##state)
static const unsigned moves[] = {
    [CONNECTION_FRESH] = TO(WAITING) | TO(ENTERING) | TO(REJECTED) | TO(CLOSING),
    [CONNECTION_WAITING] = TO(ENTERING) | TO(REJECTED) | TO(CLOSING),
    [CONNECTION_ENTERING] = TO(OPEN) | TO(REJECTED) | TO(CLOSING),
    [CONNECTION_OPEN] = TO(CLOSING),
    [CONNECTION_REJECTED] = TO(CLOSING),
    [CONNECTION_CLOSING] = 0,
};

static void start_pings(struct connection *c)
{
    int64_t interval = c->gateway->options->ping_interval * NS_PER_MS;
    c->next_ns = c->gateway->now_ns + interval / 2 + (int64_t)(random_u64() % (uint64_t)(interval / 2 + 1));
}

static void start_life(struct connection *c)
{
    const struct gateway_options *o = c->gateway->options;
    int64_t life = o->lifetime * NS_PER_MS, spread = life / 100 * o->lifetime_spread;
    if (life)
        c->leaves_ns = c->gateway->now_ns + life - spread + (int64_t)(random_u64() % (uint64_t)(2 * spread + 1));
}

void connection_goto(struct connection *c, enum connection_state state)
{
    struct gateway *g = c->gateway;
    assert(moves[c->state] & 1u << state);
    if (c->state == CONNECTION_FRESH && c->extras) /* one that was cut has none, and may still be heard */
        stranger_leave(g, &c->extras->stranger);
    if (connection_has_place(c) && state != CONNECTION_OPEN)
        leave_place(c);
    attendance_went(c);
    c->state = state;
    c->next_ns = 0;
    switch (state) {
    case CONNECTION_WAITING:
        c->next_ns = g->now_ns + g->options->connect_wait * NS_PER_MS;
        break;
    case CONNECTION_ENTERING:
        c->end_ns = 0; /* its joins have their own */
        break;
    case CONNECTION_OPEN:
        connection_tidy(c);
        start_pings(c);
        start_life(c);
        attendance_came(c);
        break;
    case CONNECTION_REJECTED: /* on the way here it may have been without one */
        if (c->end_ns == 0)
            c->end_ns = g->now_ns + g->options->stale_timeout * NS_PER_MS;
        break;
    case CONNECTION_CLOSING:
        c->expires_ns = c->subs_expire_ns = c->leaves_ns = 0;
        c->end_ns = g->now_ns + g->options->close_timeout * NS_PER_MS;
        break;
    default:
        break;
    }
    connection_rearm(c);
}

void connection_disconnect(struct connection *c, uint32_t code, const char *reason)
{
    if (c->state == CONNECTION_CLOSING)
        return;
    c->gateway->metrics.disconnects_total++;
    c->gateway->metrics.no_pongs_total += code == DISCONNECT_NO_PONG;
    c->gateway->metrics.slow_total += code == DISCONNECT_SLOW;
    let_go(c);
    while (deliver_once(c) == DELIVER_MORE)
        ;
    connection_goto(c, CONNECTION_CLOSING);
    list_remove(&c->talking);
    buf_fini(&c->out);
    ws_close(c->socket, code, reason ? reason : disconnect_reason(code));
}

/* ---- deadlines */

static void earliest(int64_t *at, int64_t deadline)
{
    if (deadline && (*at == 0 || deadline < *at))
        *at = deadline;
}

int64_t connection_end_of(const struct gateway *g, int64_t expire_at)
{
    int64_t left = expire_at - gateway_unix_s(g);
    if (expire_at == 0)
        return 0;
    if (left > AUTH_TTL_MAX)
        left = AUTH_TTL_MAX;
    return g->now_ns + left * NS_PER_S + g->options->expiry_grace * NS_PER_MS;
}

void connection_rearm(struct connection *c)
{
    int64_t at = 0;
    earliest(&at, c->end_ns);
    earliest(&at, c->next_ns);
    earliest(&at, c->expires_ns);
    earliest(&at, c->subs_expire_ns);
    earliest(&at, c->leaves_ns);
    if (at == 0)
        wheel_cancel(&c->timer);
    else
        wheel_set(&c->gateway->wheel, &c->timer, at);
}

static void waited_too_long(struct connection *c)
{
    admission_leave(c);
    entrance_fail(c, 111);
}

/* Messages go first, for a while: SDKs grant a ping ten seconds more than its interval. */
static bool ping_gives_way(const struct gateway *g)
{
    return g->behind_ns && g->now_ns - g->behind_ns < PING_YIELDS_NS;
}

static void ping(struct connection *c)
{
    struct gateway *g = c->gateway;
    if (ping_gives_way(g)) {
        c->next_ns = g->now_ns + PING_LATER_NS;
        return;
    }
    c->pings++;
    c->next_ns = g->now_ns + g->options->ping_interval * NS_PER_MS;
    if (c->end_ns == 0) {
        c->acked = 0;
        c->end_ns = g->now_ns + g->options->pong_timeout * NS_PER_MS;
    }
    connection_reply(c, &(struct reply){.kind = REPLY_PING});
}

/* Since the pong's time began. */
static bool took_something(const struct connection *c, const struct ws_progress *progress)
{
    if (c->acked)
        return progress->acked > c->acked;
    return progress->silent_ms < c->gateway->options->pong_timeout + ACK_SLACK_MS;
}

/* A reader that is slow but takes bytes has not come to the ping yet; of one that is paused the answer is not read
 * (unless it is paused since it reads nothing). For a
 * one-way client its kernel answers: it has taken the ping. */
static void no_pong(struct connection *c)
{
    struct ws_progress progress = ws_progress(c->socket);
    if (connection_is_one_way(c) && !progress.waiting) {
        c->pings = 0;
        c->end_ns = 0;
        return;
    }
    bool is_heard = !c->paused || c->blocked;
    if (is_heard && (!progress.waiting || !took_something(c, &progress))) {
        connection_disconnect(c, DISCONNECT_NO_PONG, NULL);
        return;
    }
    c->acked = progress.acked;
    c->end_ns = c->gateway->now_ns + c->gateway->options->pong_timeout * NS_PER_MS;
}

static void end_expired_subs(struct connection *c)
{
    int64_t now = c->gateway->now_ns, next = 0;
    for (uint32_t i = c->n_subs; i-- > 0 && i < c->n_subs;) { /* it may be disconnected, and has none then */
        int64_t expires = c->subs[i]->extras ? c->subs[i]->extras->expires_ns : 0;
        if (expires && expires <= now && !c->subs[i]->live)
            earliest(&next, now + UNANSWERED_NS);
        else if (expires && expires <= now && !verb_sub_refresh_by_application(c->subs[i]))
            sub_unsubscribe(c->subs[i], UNSUBSCRIBE_EXPIRED);
        else if (expires > now)
            earliest(&next, expires);
    }
    c->subs_expire_ns = next;
}

static void end_of_life(struct connection *c)
{
    if (c->n_errands && c->overdue < SPARED_MAX) {
        c->overdue++;
        c->leaves_ns = c->gateway->now_ns + SPARED_NS;
        return;
    }
    c->gateway->metrics.lifetimes_total++;
    connection_disconnect(c, DISCONNECT_FORCE_RECONNECT, NULL);
}

static bool is_due(const struct connection *c, int64_t deadline)
{
    return deadline && deadline <= c->gateway->now_ns;
}

static void end(struct connection *c)
{
    if (c->state == CONNECTION_OPEN) {
        no_pong(c);
    } else if (c->state == CONNECTION_CLOSING) {
        c->end_ns = 0;
        ws_cut(c->socket);
    } else {
        connection_disconnect(c, DISCONNECT_STALE, NULL);
    }
}

static void on_deadline(struct wheel_timer *t)
{
    struct connection *c = container_of(t, struct connection, timer);
    if (is_due(c, c->end_ns))
        end(c);
    if (is_due(c, c->expires_ns) && !verb_refresh_by_application(c))
        connection_disconnect(c, DISCONNECT_EXPIRED, NULL);
    if (is_due(c, c->next_ns) && c->state == CONNECTION_WAITING)
        waited_too_long(c);
    if (is_due(c, c->next_ns))
        ping(c);
    if (is_due(c, c->subs_expire_ns))
        end_expired_subs(c);
    if (is_due(c, c->leaves_ns))
        end_of_life(c);
    connection_rearm(c);
}

/* ---- saying */

void connection_dirty(struct connection *c)
{
    if (!c->blocked && c->state != CONNECTION_CLOSING)
        fairflush_connection(c);
}

bool connection_said(struct connection *c)
{
    size_t most = (size_t)c->gateway->options->replies_max;
    c->gateway->metrics.lines_total++;
    while (c->out.n > most && deliver_once(c) == DELIVER_MORE)
        ;
    if (c->out.n > most)
        connection_disconnect(c, DISCONNECT_SLOW, NULL);
    connection_dirty(c);
    return c->state != CONNECTION_CLOSING;
}

bool connection_reply(struct connection *c, const struct reply *r)
{
    reply_put(c->encoding, &c->out, r);
    return connection_said(c);
}

bool connection_reply_error(struct connection *c, uint32_t id, uint32_t code)
{
    c->gateway->metrics.reply_errors_total++;
    return connection_reply(c, &(struct reply){.id = id, .kind = REPLY_ERROR, .error = code});
}

bool connection_reply_own_error(struct connection *c, uint32_t id, uint32_t code, struct bytes message, bool temporary)
{
    struct reply_own_error e = {.code = code, .message = message, .temporary = temporary};
    c->gateway->metrics.reply_errors_total++;
    return connection_reply(c, &(struct reply){.id = id, .kind = REPLY_OWN_ERROR, .own_error = e});
}

bool connection_reply_empty(struct connection *c, uint32_t id, enum reply_kind kind)
{
    return connection_reply(c, &(struct reply){.id = id, .kind = kind});
}

void connection_writable(struct connection *c)
{
    slow_ends(c);
    slow_conflate(c);
    connection_dirty(c);
    connection_resume_if_due(c);
}

struct sub *connection_sub(const struct connection *c, const struct channel *channel)
{
    for (uint32_t i = 0; i < c->n_subs; i++)
        if (c->subs[i]->channel == channel)
            return c->subs[i];
    return NULL;
}
