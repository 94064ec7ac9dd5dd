#include "control.h"

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
    uint32_t asked, missing;    /* gateways */
    bool waits[SLOTS_MAX + 1];  /* for the gateway in that seat */
    struct buf answers;         /* list of ctl_answer */
};

static void call_free(struct call *call)
{
    map_remove(&call->control->calls, &call->by_request);
    ev_timer_stop(call->control->cell->loop, &call->late);
    buf_fini(&call->answers);
    free(call);
}

static void send_result(struct child *asker, uint64_t request, uint32_t asked,
                        struct bytes answers)
{
    struct ctl_result m = {.request = request, .asked = asked, .answers = answers};
    struct buf body;
    buf_init(&body);
    wire_put_ctl_result(&body, &m);
    child_send(asker, CTL_RESULT, buf_bytes(&body));
    buf_fini(&body);
}

static void finish(struct call *call)
{
    if (call->missing)
        call->control->metrics->calls_late_total++;
    if (call->asker)
        send_result(call->asker, call->asker_request, call->asked, buf_bytes(&call->answers));
    else
        call->done(call->owner, call->request, call->asked, buf_bytes(&call->answers));
    call_free(call);
}

static void on_late(struct ev_loop *loop, ev_timer *w, int events)
{
    struct call *call = w->data;
    log_warn("call_late", "asker=%s asked=%u missing=%u", call->asker ? call->asker->name : "top", call->asked,
             call->missing);
    finish(call);
}

static struct call *call_new(struct control *k, struct child *asker, uint64_t asker_request)
{
    struct call *call = calloc(1, sizeof *call);
    assert(call);
    *call = (struct call){.control = k, .request = ++k->last_request, .asker = asker,
                          .asker_request = asker_request};
    buf_init(&call->answers);
    map_insert(&k->calls, &call->by_request, hash_u64(call->request));
    ev_timer_init(&call->late, on_late, k->cell->options->call_timeout / 1000., 0.);
    call->late.data = call;
    ev_timer_start(k->cell->loop, &call->late);
    return call;
}

static void send_to_all(struct call *call, struct ctl_call *m)
{
    struct child *g;
    struct buf body;
    buf_init(&body);
    m->request = call->request;
    wire_put_ctl_call(&body, m);
    for cell_each_gateway (g, call->control->cell) {
        if (!child_can_hear(g))
            continue;
        call->waits[g->seat] = true;
        call->asked++;
        child_send(g, CTL_CALL, buf_bytes(&body));
    }
    call->missing = call->asked;
    buf_fini(&body);
}

uint64_t control_ask(struct control *k, struct ctl_call *m, control_done *done, void *owner)
{
    if (k->calls.count >= (size_t)k->cell->options->calls_max)
        return 0;
    struct call *call = call_new(k, NULL, 0);
    call->done = done;
    call->owner = owner;
    send_to_all(call, m);
    return call->request;
}

int control_call(struct control *k, struct child *asker, struct bytes body)
{
    struct ctl_call m;
    if (asker->role != ROLE_GATEWAY || wire_get_ctl_call(body, &m) < 0)
        return -EBADMSG;
    k->metrics->calls_total++;
    if (k->calls.count >= (size_t)k->cell->options->calls_max) {
        k->metrics->calls_refused_total++;
        send_result(asker, m.request, k->cell->crews[ROLE_GATEWAY].wanted, bytes_of(NULL, 0));
        return 0;
    }
    send_to_all(call_new(k, asker, m.request), &m);
    return 0;
}

static void no_longer_waits(struct call *call, unsigned seat)
{
    if (!call->waits[seat])
        return;
    call->waits[seat] = false;
    call->missing--;
}

static bool is_complete(const struct call *call)
{
    for (unsigned i = 0; i <= SLOTS_MAX; i++)
        if (call->waits[i])
            return false;
    return true;
}

int control_answer(struct control *k, struct child *gateway, struct bytes body)
{
    struct ctl_answer m;
    if (gateway->role != ROLE_GATEWAY || wire_get_ctl_answer(body, &m) < 0)
        return -EBADMSG;
    struct call *call = map_find_u64(&k->calls, m.request, struct call, by_request, request);
    if (!call || !call->waits[gateway->seat])
        return 0; /* it came too late */
    if (call->answers.n + m.body.n <= ANSWERS_MAX) {
        m.request = call->asker_request;
        wire_put_ctl_answer(&call->answers, &m);
        no_longer_waits(call, gateway->seat);
    } else {
        call->waits[gateway->seat] = false; /* and stays missing */
    }
    if (is_complete(call))
        finish(call);
    return 0;
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

void control_init(struct control *k, struct cell *cell, struct supervisor_metrics *metrics)
{
    *k = (struct control){.cell = cell, .metrics = metrics};
    map_init(&k->calls);
}

void control_fini(struct control *k)
{
    struct call *call;
    map_for_each(call, &k->calls, by_request) call_free(call);
    map_fini(&k->calls);
}
