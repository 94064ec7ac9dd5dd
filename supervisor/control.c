#include "control.h"

#include "core/random.h"
#include "crossing.h"
#include "run/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct call {
    struct map_node by_request; /* of struct control::calls */
    struct control *control;
    uint64_t request;           /* ours */
    struct child *asker;        /* NULL: ourselves */
    uint64_t asker_request;     /* the asker's own number */
    control_done *done;         /* when it is ours */
    void *owner;
    ev_timer late;
    uint32_t asked, missing;    /* gateways; and cells of which nothing is known */
    uint32_t missing_here;      /* gateways of this cell */
    bool waits[SLOTS_MAX + 1];  /* for the gateway in that seat */
    struct buf cells;           /* list of cell_name: other cells that it waits for */
    struct buf partial;         /* the same: those that have answered in part, or can't be asked */
    struct buf answers;         /* list of ctl_answer */
};

static void call_free(struct call *call)
{
    map_remove(&call->control->calls, &call->by_request);
    ev_timer_stop(call->control->cell->loop, &call->late);
    buf_fini(&call->answers);
    buf_fini(&call->cells);
    buf_fini(&call->partial);
    free(call);
}

static void send_result(struct child *asker, const struct ctl_result *m)
{
    struct buf body = {0};
    wire_put_ctl_result(&body, m);
    child_send(asker, CTL_RESULT, buf_bytes(&body));
    buf_fini(&body);
}

static void tell_asker(struct call *call)
{
    struct buf missing = {0};
    buf_append_bytes(&missing, buf_bytes(&call->partial));
    buf_append_bytes(&missing, buf_bytes(&call->cells));
    if (call->missing_here)
        wire_put_cell_name(&missing, &(struct cell_name){.name = bytes_str(call->control->cell->options->cell)});
    send_result(call->asker, &(struct ctl_result){.request = call->asker_request,
                                                  .asked = call->asked,
                                                  .answers = buf_bytes(&call->answers),
                                                  .missing = buf_bytes(&missing)});
    buf_fini(&missing);
}

static void finish(struct call *call)
{
    if (call->missing)
        call->control->metrics->calls_late_total++;
    if (call->asker)
        tell_asker(call);
    else
        call->done(call->owner, call->request, call->asked, buf_bytes(&call->answers));
    call_free(call);
}

static void on_late(struct ev_loop *loop, ev_timer *w, int events)
{
    struct call *call = w->data;
    log_warn("call_late", "asker=%s asked=%u missing=%u", call->asker ? call->asker->name : "cell", call->asked,
             call->missing);
    finish(call);
}

static struct call *call_new(struct control *k, double patience_s)
{
    struct call *call = calloc(1, sizeof *call);
    assert(call);
    *call = (struct call){.control = k, .request = ++k->last_request};
    buf_init(&call->answers);
    map_insert(&k->calls, &call->by_request, hash_u64(call->request));
    ev_timer_init(&call->late, on_late, patience_s, 0.);
    call->late.data = call;
    ev_timer_start(k->cell->loop, &call->late);
    return call;
}

static bool is_full(const struct control *k)
{
    return k->calls.count >= (size_t)k->cell->options->calls_max;
}

static double timeout_s(const struct control *k)
{
    return (double)k->cell->options->call_timeout / 1000.;
}

/* ---- who is asked */

static void ask_gateway(struct call *call, struct child *g, struct bytes body)
{
    call->waits[g->seat] = true;
    call->asked++;
    call->missing++;
    call->missing_here++;
    child_send(g, CTL_CALL, body);
}

static void ask_gateways(struct call *call, struct ctl_call *m, bool one)
{
    struct child *g;
    struct buf body;
    buf_init(&body);
    m->request = call->request;
    wire_put_ctl_call(&body, m);
    for cell_each_gateway (g, call->control->cell) {
        if (!child_can_hear(g) || (one && (call->asked || !g->report.ready)))
            continue;
        ask_gateway(call, g, buf_bytes(&body));
    }
    buf_fini(&body);
}

static void ask_cells(struct call *call, const struct ctl_ask *m)
{
    struct control *k = call->control;
    struct seq_cross_call question = {.request = k->crossing_from + call->request,
                                      .patience_ms = (uint32_t)(timeout_s(k) * 750), /* its answer has to come here yet */
                                      .one = m->one,
                                      .method = m->method,
                                      .tenant = m->tenant,
                                      .body = m->body};
    struct bytes cells = m->cells;
    struct cell_name cell;
    while (wire_next_cell_name(&cells, &cell) > 0) {
        question.to = cell.name;
        bool sent = crossing_send_call(k->crossing, &question);
        if (!sent && crossing_is_unused(k->crossing, cell.name))
            continue;
        wire_put_cell_name(sent ? &call->cells : &call->partial, &cell);
        call->asked++;
        call->missing++;
    }
}

static bool is_complete(const struct call *call)
{
    for (unsigned i = 0; i <= SLOTS_MAX; i++)
        if (call->waits[i])
            return false;
    return call->cells.n == 0;
}

/* ---- who asks */

uint64_t control_ask(struct control *k, struct ctl_call *m, control_done *done, void *owner)
{
    if (is_full(k))
        return 0;
    struct call *call = call_new(k, timeout_s(k));
    call->done = done;
    call->owner = owner;
    ask_gateways(call, m, false);
    return call->request;
}

uint64_t control_ask_for(struct control *k, const struct seq_cross_call *m, control_done *done, void *owner)
{
    struct ctl_call question = {.method = m->method, .tenant = m->tenant, .body = m->body};
    double own_s = timeout_s(k), patience_s = m->patience_ms / 1000.;
    if (is_full(k))
        return 0;
    struct call *call = call_new(k, patience_s < own_s ? patience_s : own_s);
    call->done = done;
    call->owner = owner;
    ask_gateways(call, &question, m->one);
    if (call->asked)
        return call->request;
    call_free(call);
    return 0;
}

int control_call(struct control *k, struct child *asker, struct bytes body)
{
    struct ctl_ask m;
    if (asker->role != ROLE_GATEWAY || wire_get_ctl_ask(body, &m) < 0)
        return -EBADMSG;
    k->metrics->calls_total++;
    if (is_full(k)) {
        k->metrics->calls_refused_total++;
        send_result(asker, &(struct ctl_result){.request = m.request, .asked = k->cell->crews[ROLE_GATEWAY].wanted});
        return 0;
    }
    struct call *call = call_new(k, timeout_s(k));
    call->asker = asker;
    call->asker_request = m.request;
    if (!m.one)
        ask_gateways(call, &(struct ctl_call){.method = m.method, .tenant = m.tenant, .body = m.body}, false);
    ask_cells(call, &m);
    if (is_complete(call))
        finish(call);
    return 0;
}

/* ---- who answers */

static void no_longer_waits(struct call *call, unsigned seat)
{
    if (!call->waits[seat])
        return;
    call->waits[seat] = false;
    call->missing--;
    call->missing_here--;
}

static bool has_room(const struct call *call, struct bytes more)
{
    return call->answers.n + more.n <= (size_t)call->control->cell->options->call_answers_max;
}

int control_answer(struct control *k, struct child *gateway, struct bytes body)
{
    struct ctl_answer m;
    if (gateway->role != ROLE_GATEWAY || wire_get_ctl_answer(body, &m) < 0)
        return -EBADMSG;
    struct call *call = map_find_u64(&k->calls, m.request, struct call, by_request, request);
    if (!call || !call->waits[gateway->seat])
        return 0; /* it came too late */
    m.request = call->asker_request;
    if (!has_room(call, m.body))
        m.body = BYTES(CTL_ANSWER_FULL);
    wire_put_ctl_answer(&call->answers, &m);
    no_longer_waits(call, gateway->seat);
    if (is_complete(call))
        finish(call);
    return 0;
}

/* -> whether it had waited for that cell, and does no longer */
static bool forget_cell(struct call *call, struct bytes name)
{
    struct buf others = {0};
    struct bytes cells = buf_bytes(&call->cells);
    struct cell_name cell;
    size_t before = call->cells.n;
    while (wire_next_cell_name(&cells, &cell) > 0)
        if (!bytes_equal(cell.name, name))
            wire_put_cell_name(&others, &cell);
    buf_fini(&call->cells);
    call->cells = others;
    return call->cells.n < before;
}

static uint32_t count_answers(struct bytes answers)
{
    struct ctl_answer one;
    uint32_t n = 0;
    while (wire_next_ctl_answer(&answers, &one) > 0)
        n++;
    return n;
}

/* The cell counted as one that is missing; now its gateways do. */
static void take_answers(struct call *call, const struct seq_cross_result *m)
{
    uint32_t answered = count_answers(m->answers);
    if (m->asked == 0 || answered != m->asked)
        wire_put_cell_name(&call->partial, &(struct cell_name){.name = m->from});
    if (m->asked == 0 || answered > m->asked)
        return;
    if (!has_room(call, m->answers)) {
        struct ctl_answer full = {.request = call->asker_request, .body = BYTES(CTL_ANSWER_FULL)};
        wire_put_ctl_answer(&call->answers, &full);
        call->missing--;
        return;
    }
    buf_append_bytes(&call->answers, m->answers);
    call->asked += m->asked - 1;
    call->missing += m->asked - answered - 1;
}

void control_crossed(struct control *k, const struct seq_cross_result *m)
{
    struct call *call = map_find_u64(&k->calls, m->request - k->crossing_from, struct call, by_request, request);
    if (!call || !forget_cell(call, m->from))
        return; /* it came too late */
    take_answers(call, m);
    if (is_complete(call))
        finish(call);
}

void control_gone(struct control *k, const struct child *gateway)
{
    struct call *call;
    map_for_each(call, &k->calls, by_request)
    {
        if (call->asker == gateway) {
            call_free(call);
            continue;
        }
        call->waits[gateway->seat] = false; /* if it had not answered, it stays missing */
        if (is_complete(call))
            finish(call);
    }
}

void control_init(struct control *k, struct cell *cell, struct crossing *crossing, struct supervisor_metrics *metrics)
{
    *k = (struct control){.cell = cell, .crossing = crossing, .metrics = metrics, .crossing_from = random_u64()};
    map_init(&k->calls);
}

void control_fini(struct control *k)
{
    struct call *call;
    map_for_each(call, &k->calls, by_request) call_free(call);
    map_fini(&k->calls);
}
