#include "worker.h"

#include "core/clock.h"
#include "flow.h"
#include "kafka/access.h"
#include "run/log.h"

#include <errno.h>
#include <stdio.h>

#define TICK_S 0.05
#define TICKS_PER_S 20

static void on_stop(void *owner)
{
    worker_stop(owner);
}

void worker_stop(struct worker *w)
{
    ev_break(w->process.loop, EVBREAK_ALL);
}

/* Brings gauges up to date that nobody keeps. */
static void count(struct worker *w)
{
    w->metrics.presence_entries = (int64_t)w->presence.entries;
    w->metrics.presence_followed_total = w->presence.followed;
    w->metrics.joins_missed_total = w->presence.missed;
    w->metrics.presence_vacancies = (int64_t)w->presence.vacancies.by_client.count;
    telling_count(&w->telling);
    w->metrics.kafka_lag = source_lag(w->source);
    w->metrics.kafka_up = source_is_up(w->source);
    w->metrics.postgres_up = history_is_up(w->history);
}

static void each_second(struct worker *w)
{
    int64_t now_ns = clock_mono_ns();
    weights_tick(&w->weights, history_connection(w->history), now_ns);
    gateways_weigh(w);
    gateways_tick(w, now_ns);
    count(w);
    control_status(&w->control);
    control_metrics(&w->control);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *w = timer->data;
    flow_tick(w);
    if (++w->ticks % TICKS_PER_S == 0)
        each_second(w);
}

static void on_turn(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    flow_turn(prepare->data);
}

bool worker_ready(const struct worker *w, struct buf *ret_why)
{
    if (!w->generation)
        buf_printf(ret_why, "no partition map from the supervisor yet");
    else if (!w->caught_up)
        buf_printf(ret_why, "%lld of %lld partitions are read up%s",
                   (long long)w->metrics.partitions_caught_up, (long long)w->metrics.partitions,
                   source_is_up(w->source) ? "" : ", Kafka does not answer");
    return w->generation && w->caught_up;
}

static int serve_admin(void *owner, const char *method, const char *path, struct bytes query,
                       struct bytes request, struct buf *body, const char **content_type)
{
    struct worker *w = owner;
    struct buf text = {0};
    int status = 404;
    if (strcmp(path, "/health") == 0) {
        buf_append_str(body, "{}\n");
        status = 200;
    } else if (strcmp(path, "/ready") == 0) {
        status = worker_ready(w, &text) ? 200 : 503;
        buf_printf(body, "{\"ready\":%s,\"why\":\"%.*s\"}\n", status == 200 ? "true" : "false",
                   BYTES_FMT(buf_bytes(&text)));
    } else if (strcmp(path, "/metrics") == 0) {
        struct metrics_page *page = metrics_page_new();
        count(w);
        worker_metrics_snapshot(&w->metrics, &text);
        metrics_page_add(page, "", buf_bytes(&text));
        metrics_page_render(page, body);
        metrics_page_free(page);
        *content_type = "text/plain; version=0.0.4";
        status = 200;
    }
    buf_fini(&text);
    return status;
}

/* All partitions of the topic are this worker's, and nobody says otherwise. */
static void own_everything(struct worker *w)
{
    struct buf owners = {0};
    for (int64_t i = 0; i < w->options.standalone_map; i++)
        wire_put_u32(&owners, (uint32_t)w->options.slot);
    flow_map(w, &(struct ctl_map){.generation = 1,
                                  .partitions = (uint32_t)w->options.standalone_map,
                                  .owners = buf_bytes(&owners)});
    buf_fini(&owners);
}

static void start_parts(struct worker *w)
{
    const struct worker_options *o = &w->options;
    struct routes_limits limits = {
        .ring = {.messages = (uint32_t)o->ring_messages, .bytes = (size_t)o->ring_bytes},
        .cache_bytes = (size_t)o->cache_bytes,
        .sweep_ns = (o->sweep_interval - o->sweep_interval / 10) *
                    NS_PER_MS, /* the answer takes time, too */
        .in_order = !o->fair_queuing,
    };
    char name[128];
    snprintf(name, sizeof name, "cellcast-worker-%s-%lld", o->cell, (long long)o->slot);
    routes_init(&w->routes, &flow_ports, w, &limits, &w->metrics);
    presence_init(&w->presence, &flow_presence, w, o->presence_grace * NS_PER_MS,
                  (size_t)o->presence_bytes);
    abroad_init(&w->abroad, w->process.loop, o, &w->metrics, flow_unsaid, w);
    weights_init(&w->weights);
    telling_init(&w->telling, w->process.loop, o, &w->metrics);
    w->history = history_new(w->process.loop, o->postgres, name, (unsigned)o->queries_max,
                             &flow_history, w, &w->metrics);
    ev_timer_init(&w->tick, on_tick, TICK_S, TICK_S);
    ev_prepare_init(&w->turn, on_turn);
    w->tick.data = w->turn.data = w;
    ev_timer_start(w->process.loop, &w->tick);
    ev_prepare_start(w->process.loop, &w->turn);
}

int worker_init(struct worker *w, struct buf *ret_error)
{
    const struct worker_options *o = &w->options;
    list_init(&w->gateways);
    if (o->topic[0])
        snprintf(w->topic, sizeof w->topic, "%s", o->topic);
    else
        snprintf(w->topic, sizeof w->topic, "cellcast.%s", o->cell);
    process_init(&w->process, !o->standalone_map, on_stop, NULL, w);
    start_parts(w);
    int error = kafka_access_read(o->kafka_config, ret_error);
    if (error == 0)
        error = source_new(w, &w->source, ret_error);
    if (error == 0 && o->admin[0])
        error = admin_new(w->process.loop, o->admin, serve_admin, w, &w->admin, ret_error);
    if (error < 0)
        return error;
    log_info("started", "cell=%s slot=%lld topic=%s kafka=%s", o->cell, (long long)o->slot,
             w->topic, o->kafka);
    if (o->standalone_map)
        own_everything(w);
    else
        control_open(&w->control, w);
    return 0;
}

void worker_run(struct worker *w)
{
    if (!w->failed)
        ev_run(w->process.loop, 0);
}

void worker_fini(struct worker *w)
{
    gateways_close(w);
    listener_free(w->listener);
    admin_free(w->admin);
    control_close(&w->control);
    source_free(w->source);
    routes_fini(&w->routes);
    history_free(w->history);
    weights_fini(&w->weights);
    presence_fini(&w->presence);
    abroad_fini(&w->abroad);
    telling_fini(&w->telling);
    hosted_fini(&w->hosted);
    ev_timer_stop(w->process.loop, &w->tick);
    ev_prepare_stop(w->process.loop, &w->turn);
    process_fini(&w->process);
    buf_fini(&w->scratch);
}
