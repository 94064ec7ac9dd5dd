/* What a client says, command by command in order, and what of it has to wait: declared in connection.h. */
#include "connection.h"

#include "command.h"
#include "gateway.h"
#include "tenant.h"
#include "verbs.h"
#include "ws.h"

#include "core/clock.h"

#define UNREAD_SHARE 16 /* part of --replies-max that may wait for a client before its next command waits, too */

static bool has_no_answer(const struct connection *c) /* its connect */
{
    return c->state == CONNECTION_WAITING || c->state == CONNECTION_ENTERING;
}

/* What has to wait stays in the socket, but for the rest of a message. */
static void read_or_pause(struct connection *c)
{
    bool paused = c->held || has_no_answer(c);
    if (paused != c->paused && c->state != CONNECTION_CLOSING)
        ws_pause(c->socket, c->paused = paused);
}

static void pong(struct connection *c)
{
    if (!connection_is_open(c) || c->pings == 0) {
        connection_disconnect(c, DISCONNECT_BAD_REQUEST, NULL);
        return;
    }
    if (--c->pings == 0)
        c->end_ns = 0;
}

static void send_nowhere(struct connection *c, const struct command *m)
{
    connection_disconnect(c, DISCONNECT_NOT_AVAILABLE, NULL);
}

static const struct {
    void (*run)(struct connection *c, const struct command *m);
    bool on_channel;
} verbs[COMMAND_KINDS] = {
    [COMMAND_SUBSCRIBE] = {verb_subscribe, true},
    [COMMAND_UNSUBSCRIBE] = {verb_unsubscribe, true},
    [COMMAND_PUBLISH] = {verb_publish, true},
    [COMMAND_PRESENCE] = {verb_presence, true},
    [COMMAND_PRESENCE_STATS] = {verb_presence_stats, true},
    [COMMAND_HISTORY] = {verb_history, true},
    [COMMAND_SEND] = {send_nowhere, false},
    [COMMAND_RPC] = {verb_rpc, false},
    [COMMAND_REFRESH] = {verb_refresh, false},
    [COMMAND_SUB_REFRESH] = {verb_sub_refresh, true},
};

static void run(struct connection *c, const struct command *m)
{
    c->gateway->metrics.commands_total++;
    if (m->id == 0 && m->kind != COMMAND_SEND)
        pong(c);
    else if (c->state == CONNECTION_FRESH && m->kind == COMMAND_CONNECT)
        verb_connect(c, m);
    else if (!connection_is_open(c) || !verbs[m->kind].run || (verbs[m->kind].on_channel && m->channel.n == 0))
        connection_disconnect(c, DISCONNECT_BAD_REQUEST, NULL);
    else
        verbs[m->kind].run(c, m);
}

/* Commands are handled in order, and the effect of a subscribe comes with its reply: what could see it waits, all but other
 * subscribes (of the same channel: 105); an unsubscribe, too, or a subscribe behind it would find the channel taken. An application
 * is asked of one publish or rpc of a connection at a time, in their order. Too many without a reply: what would add one
 * waits. */
static bool has_to_wait(const struct connection *c, const struct command *m)
{
    bool takes_nothing = c->blocked && c->out.n > (size_t)c->gateway->options->replies_max / UNREAD_SHARE;
    if (m->id == 0 || m->kind == COMMAND_REFRESH)
        return false;
    if (takes_nothing) /* further replies to who does not read them would be memory alone */
        return true;
    if (c->ordered && (m->kind == COMMAND_PUBLISH || m->kind == COMMAND_RPC))
        return true;
    return (c->n_joining && m->kind != COMMAND_SUBSCRIBE) || c->n_errands >= c->gateway->options->commands_max;
}

static void hear_one(struct connection *c, struct bytes *frame)
{
    struct command m;
    if (encoders[c->encoding].take_command(frame, &m) < 0) {
        connection_disconnect(c, DISCONNECT_BAD_REQUEST, NULL);
        return;
    }
    c->held = has_to_wait(c, &m);
    if (!c->held)
        run(c, &m);
    command_fini(&m);
}

static void park(struct connection *c, struct bytes commands)
{
    struct buf *parked = &connection_extras(c)->parked;
    char separator = encoders[c->encoding].separator;
    if (parked->n + commands.n >= (size_t)c->gateway->options->frame_max) {
        connection_disconnect(c, DISCONNECT_TOO_MANY_REQUESTS, NULL);
        return;
    }
    if (separator && parked->n && parked->p[parked->n - 1] != separator)
        buf_append_char(parked, separator);
    buf_append_bytes(parked, commands);
}

static void hear_all(struct connection *c, struct bytes commands)
{
    struct bytes rest = commands;
    while (rest.n && !has_no_answer(c) && !c->held) {
        commands = rest;
        hear_one(c, &rest);
        if (c->state == CONNECTION_REJECTED || c->state == CONNECTION_CLOSING)
            return;
    }
    if (c->held)
        park(c, commands); /* the one that is held, too */
    else if (rest.n)
        park(c, rest);
}

void connection_began(struct connection *c, bool joining)
{
    c->n_errands++;
    c->n_joining += joining;
}

void connection_resume_if_due(struct connection *c)
{
    bool enough = c->n_joining == 0 && !c->ordered && c->n_errands <= c->gateway->options->commands_max / 2;
    if (c->held && enough && !list_is_linked(&c->extras->resuming))
        list_append(&c->gateway->resuming, &c->extras->resuming);
}

void connection_ended(struct connection *c, bool joining)
{
    c->n_errands--;
    c->n_joining -= joining;
    connection_resume_if_due(c);
}

void connection_go_on(struct connection *c)
{
    struct buf parked = {0};
    if (has_no_answer(c))
        return;
    if (c->extras) {
        parked = c->extras->parked;
        c->extras->parked = (struct buf){0};
        connection_tidy(c);
    }
    if (c->state == CONNECTION_OPEN)
        hear_all(c, buf_bytes(&parked));
    read_or_pause(c);
    buf_fini(&parked);
}

static void resume(struct connection *c)
{
    c->held = false;
    connection_go_on(c);
}

void connection_resume_due(struct gateway *g)
{
    struct connection_extras *e;
    while ((e = list_first(&g->resuming, struct connection_extras, resuming))) {
        list_remove(&e->resuming);
        if (e->connection->state != CONNECTION_CLOSING)
            resume(e->connection);
    }
}

/* The first message; what a one-way client says after that is nothing to us. */
static void hear_connect(struct connection *c, struct bytes request)
{
    struct command m;
    if (c->state != CONNECTION_FRESH)
        return;
    c->gateway->metrics.commands_total++;
    if (command_take_connect(request, &m) < 0) {
        connection_disconnect(c, DISCONNECT_BAD_REQUEST, NULL);
        return;
    }
    verb_connect(c, &m);
    command_fini(&m);
    read_or_pause(c);
}

static void hear(struct connection *c, struct bytes message, bool binary)
{
    if (c->state == CONNECTION_CLOSING)
        return;
    if (connection_is_one_way(c)) {
        hear_connect(c, message);
        return;
    }
    if (message.n == 0 || c->state == CONNECTION_REJECTED || (encoders[c->encoding].binary && !binary)) {
        connection_disconnect(c, DISCONNECT_BAD_REQUEST, NULL);
        return;
    }
    hear_all(c, message);
    read_or_pause(c);
}

void connection_message(struct connection *c, struct bytes message, bool binary)
{
    int64_t began_ns = clock_mono_ns();
    c->gateway->metrics.frames_received_total++;
    hear(c, message, binary);
    c->tenant->noise.busy_ns += clock_mono_ns() - began_ns;
}
