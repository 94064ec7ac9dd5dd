#include "emulation.h"

#include "connection.h"
#include "ctl_link.h"
#include "emulated.h"
#include "gateway.h"
#include "session.h"
#include "ws.h"

#include "run/link.h"

#include <assert.h>
#include <stdlib.h>

#define MALFORMED "wanted: {\"session\":\"…\",\"node\":\"…\",\"data\":\"commands\"}, none of them empty\n"
#define NO_NODE "no such node\n"
#define TOO_MANY "too much waits: --emulations-max, --emulations-bytes, or the supervisor's --emulation-backlog\n"

#define WORDS_MAX (LINK_FRAME_MAX - 64) /* bytes of session, node and data: with their head they are a frame of the link */

/* A request that waits for the supervisor's word. */
struct emulation {
    struct map_node by_request; /* of struct emulations::waiting */
    uint64_t request;
    struct ws_socket *socket; /* that is to be answered; NULL: it has gone */
    size_t bytes;
};

/* ---- for us */

static void hear(struct gateway *g, struct bytes session, struct bytes data)
{
    struct connection *c = session_find(g, session);
    if (c)
        connection_message(c, data, true);
    else
        g->metrics.emulations_late_total++;
}

void emulation_heard(struct gateway *g, const struct ctl_emulate *m)
{
    hear(g, m->session, m->data);
}

/* ---- for another */

void emulations_init(struct emulations *e)
{
    *e = (struct emulations){0};
    map_init(&e->waiting);
}

static void forget(struct emulations *all, struct emulation *e)
{
    map_remove(&all->waiting, &e->by_request);
    all->bytes -= e->bytes;
    free(e);
}

void emulations_fini(struct emulations *all)
{
    struct emulation *e;
    map_for_each(e, &all->waiting, by_request) forget(all, e);
    map_fini(&all->waiting);
}

/* It counts until its answer comes: what it is bounded for is on its way. */
static void asker_gone(void *data)
{
    struct emulation *e = data;
    e->socket = NULL;
}

static struct emulation *wait_for_word(struct gateway *g, struct ws_socket *s, size_t bytes)
{
    struct emulation *e = calloc(1, sizeof *e);
    assert(e);
    e->request = ++g->emulations.last_request;
    e->socket = s;
    e->bytes = bytes;
    g->emulations.bytes += bytes;
    map_insert(&g->emulations.waiting, &e->by_request, hash_u64(e->request));
    ws_keep(s, e, asker_gone);
    return e;
}

static void answer(struct gateway *g, struct ws_socket *s, int status)
{
    g->metrics.emulations_unknown_total += status == 404;
    g->metrics.emulations_refused_total += status == 503;
    if (status == 204)
        ws_answer(s, 204, NULL, (struct bytes){0});
    else
        ws_answer_text(s, status, status == 404 ? NO_NODE : TOO_MANY);
}

static bool has_room(const struct gateway *g, size_t bytes)
{
    return bytes <= WORDS_MAX && g->emulations.waiting.count < (size_t)g->options->emulations_max &&
           g->emulations.bytes + bytes <= (size_t)g->options->emulations_bytes;
}

static void pass_on(struct gateway *g, struct ws_socket *s, const struct emulated *e)
{
    struct ctl_emulate m = {.node = e->node, .session = e->session, .data = e->data};
    if (!g->ctl) {
        answer(g, s, 404);
        return;
    }
    if (!has_room(g, e->text.n)) {
        answer(g, s, 503);
        return;
    }
    g->metrics.emulations_passed_total++;
    m.request = wait_for_word(g, s, e->text.n)->request;
    ctl_emulate_send(g->ctl, &m);
}

void emulation_answered(struct gateway *g, const struct ctl_emulated *m)
{
    struct emulation *e = map_find_u64(&g->emulations.waiting, m->request, struct emulation, by_request, request);
    if (!e)
        return;
    struct ws_socket *s = e->socket;
    forget(&g->emulations, e);
    if (!s)
        return;
    ws_keep(s, NULL, NULL);
    answer(g, s, (int)m->status);
}

void emulation_asked(struct gateway *g, struct ws_socket *s, enum encoding encoding, struct bytes body)
{
    struct emulated e;
    g->metrics.emulations_total++;
    if (emulated_read(encoding, body, &e) < 0) {
        ws_answer_text(s, 400, MALFORMED);
        return;
    }
    if (bytes_is(e.node, g->uid)) {
        hear(g, e.session, e.data);
        answer(g, s, 204);
    } else {
        pass_on(g, s, &e);
    }
    emulated_fini(&e);
}
