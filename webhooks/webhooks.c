#include "webhooks.h"

#include "core/clock.h"
#include "core/random.h"
#include "flow.h"
#include "page.h"
#include "run/log.h"
#include "store.h"

bool webhooks_sends(const struct webhooks *w, int64_t now_ns)
{
    return now_ns < w->leased_until_ns;
}

/* ---- PostgreSQL */

static void on_up(void *owner, struct pg *p)
{
    struct webhooks *w = owner;
    w->metrics.postgres_up = 1;
    flow_lease(w);
}

static void on_down(void *owner, struct pg *p, const char *why)
{
    struct webhooks *w = owner;
    w->metrics.postgres_up = 0;
    log_warn("postgres_away", "why=\"%s\" events wait", why);
}

static const struct pg_handlers handlers = {.up = on_up, .down = on_down};

/* ---- leaving */

static void on_released(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct webhooks *w = ctx;
    ev_break(w->process.loop, EVBREAK_ALL);
}

void webhooks_stop(void *owner)
{
    struct webhooks *w = owner;
    w->stopping = true;
    w->stop_ns = clock_mono_ns() + w->options.drain * NS_PER_MS;
    log_info("drain", "under_way=%u wait_ms=%lld", w->endpoints.busy, (long long)w->options.drain);
}

/* Whoever stands by is not to wait for the end of the lease. */
static void finish(struct webhooks *w, int64_t now_ns)
{
    bool late = now_ns >= w->stop_ns + NS_PER_S;
    if (w->endpoints.busy && now_ns < w->stop_ns)
        return;
    if (late || !pg_is_up(w->pg))
        ev_break(w->process.loop, EVBREAK_ALL);
    else if (w->holder)
        store_release(w->pg, w->holder, on_released, w);
    w->holder = 0;
}

/* ---- the loop */

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct webhooks *w = timer->data;
    int64_t now_ns = clock_mono_ns();
    bool sends = webhooks_sends(w, now_ns);
    if (w->stopping)
        finish(w, now_ns);
    else if (!sends && w->metrics.sends)
        flow_stop_sending(w);
    w->metrics.sends = sends;
    flow_look(w);
}

static void on_lease(struct ev_loop *loop, ev_timer *timer, int events)
{
    flow_lease(timer->data);
}

static void start_timer(struct webhooks *w, ev_timer *t, void (*at)(struct ev_loop *, ev_timer *, int), double every)
{
    ev_timer_init(t, at, every, every);
    t->data = w;
    ev_timer_start(w->process.loop, t);
}

int webhooks_init(struct webhooks *w, struct buf *ret_error)
{
    const struct webhooks_options *o = &w->options;
    struct ev_loop *loop = w->process.loop;
    struct http_client_options http = {
        .transfers_max = (uint32_t)o->posts_max, .connections_idle = (uint32_t)o->posts_max, .ca_file = o->ca_file};
    w->holder = (int64_t)(random_u64() >> 1) | 1;
    endpoints_init(&w->endpoints, (uint32_t)o->posts_max, (uint32_t)o->retry_min, (uint32_t)o->retry_max);
    start_timer(w, &w->look, on_look, (double)o->poll / 1000);
    start_timer(w, &w->lease, on_lease, (double)o->lease / 3000);
    w->http = http_client_new(loop, &http);
    int error = admin_new(loop, o->admin, page_answer, w, &w->admin, ret_error);
    if (error < 0)
        return error;
    w->pg = pg_new(loop, o->postgres, "cellcast-webhooks", store_setup, &handlers, w);
    log_info("started", "batch=%lld posts_max=%lld", (long long)o->batch, (long long)o->posts_max);
    return 0;
}

void webhooks_run(struct webhooks *w)
{
    ev_run(w->process.loop, 0);
}

void webhooks_fini(struct webhooks *w)
{
    ev_timer_stop(w->process.loop, &w->look);
    ev_timer_stop(w->process.loop, &w->lease);
    pg_free(w->pg);
    http_client_free(w->http);
    admin_free(w->admin);
    endpoints_fini(&w->endpoints);
}
