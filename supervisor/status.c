#include "status.h"

#include "core/clock.h"
#include "core/json.h"
#include "dashboard.h"
#include "order.h"
#include "taken.h"

#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#define TOP_PATH "/top/"

static void put_text(struct buf *into, const char *name, struct bytes value)
{
    buf_printf(into, "\"%s\":", name);
    json_append_string(into, value);
}

static void put_why(struct buf *why, const char *hop, const char *what, struct bytes more)
{
    struct buf text;
    buf_init(&text);
    buf_printf(&text, "%s%.*s", what, BYTES_FMT(more));
    buf_printf(why, "%s{\"hop\":\"%s\",", why->n ? "," : "", hop);
    put_text(why, "text", buf_bytes(&text));
    buf_append_char(why, '}');
    buf_fini(&text);
}

static bool put_untaken(const struct supervisor *s, int64_t now_ns, struct buf *why)
{
    const struct child *c;
    bool any = false;
    for cell_each_gateway (c, &s->cell) {
        struct buf text = {0};
        if (cell_counts(&s->cell, c) && taken_not(c, s->config.facts.version, now_ns, &text)) {
            put_why(why, "config", "", buf_bytes(&text));
            any = true;
        }
        buf_fini(&text);
    }
    return any;
}

/* Canaries pass gateways that clients are kept from: who has no configuration, who is set aside. */
static bool put_unserved(const struct supervisor *s, struct buf *why)
{
    const struct child *c, *first = NULL;
    struct buf text = {0};
    for cell_each_gateway (c, &s->cell) {
        enum child_state state = child_headroom(c).state;
        if (state == CHILD_UP || state == CHILD_WAITING)
            return false;
        first = first || !cell_counts(&s->cell, c) ? first : c;
    }
    if (first)
        buf_printf(&text, ": %s is %s%s%.*s", first->name, first->set_aside ? "set aside" : child_state_name(first->state),
                   first->why.n ? ": " : "", BYTES_FMT(buf_bytes(&first->why)));
    put_why(why, "gateway", "no gateway takes clients", buf_bytes(&text));
    buf_fini(&text);
    return true;
}

bool status_ready(const struct supervisor *s, int64_t now_ns, struct buf *why)
{
    if (s->drain.state != DRAIN_RUNNING) {
        put_why(why, "supervisor", "the cell stops", bytes_of(NULL, 0));
        return false;
    }
    if (s->config.source == CONFIG_NONE) {
        put_why(why, "config", "there is no configuration: ", buf_bytes(&s->config.problem));
        return false;
    }
    bool untaken = put_untaken(s, now_ns, why), unserved = put_unserved(s, why);
    return canary_ready(&s->canary, now_ns, why) && !untaken && !unserved;
}

/* ---- /metrics */

static const struct metric_spec metric_specs[] = {
#define METRIC(KIND, field, help)                                                                  \
    {METRIC_##KIND, #field, offsetof(struct supervisor_metrics, field), help},
#include "metrics.def"
#undef METRIC
};

static void put_counts(const struct child *c, struct buf *into)
{
    struct child_counts counts = c->counts;
    counts.up = c->state == CHILD_UP;
    counts.set_aside = c->set_aside;
#define CHILD_METRIC(KIND, field, text)                                                            \
    wire_put_metric(into, &(struct metric){.kind = METRIC_##KIND,                                  \
                                           .name = BYTES("supervisor_child_" #field),              \
                                           .help = BYTES(text),                                    \
                                           .value = counts.field});
#include "child_metrics.def"
#undef CHILD_METRIC
}

static void add_child(struct metrics_page *page, const struct supervisor *s,
                      const struct child *c)
{
    char labels[96];
    struct buf counts;
    buf_init(&counts);
    snprintf(labels, sizeof labels, "cell=\"%s\",process=\"%s\"", s->options.cell, c->name);
    put_counts(c, &counts);
    metrics_page_add(page, labels, buf_bytes(&counts));
    metrics_page_add(page, labels, buf_bytes(&c->metrics));
    buf_fini(&counts);
}

static void set_gauges(struct supervisor *s, int64_t now_ns)
{
    s->metrics.postgres_up = !config_postgres_away(&s->config, now_ns);
    s->metrics.kafka_up = kafka_watch_up(s->kafka);
    s->metrics.config_version = (int64_t)s->config.facts.version;
    s->metrics.config_untaken = taken_count_not(&s->cell, s->config.facts.version, now_ns);
    s->metrics.map_generation = (int64_t)s->cell.plan.generation;
}

static int metrics(struct supervisor *s, int64_t now_ns, struct buf *body)
{
    struct metrics_page *page = metrics_page_new();
    struct child *c;
    struct buf own;
    char labels[96];
    buf_init(&own);
    set_gauges(s, now_ns);
    snprintf(labels, sizeof labels, "cell=\"%s\",process=\"supervisor\"", s->options.cell);
    metrics_snapshot("supervisor", metric_specs, sizeof metric_specs / sizeof *metric_specs,
                     &s->metrics, &own);
    metrics_page_add(page, labels, buf_bytes(&own));
    for cell_each (c, &s->cell)
        add_child(page, s, c);
    metrics_page_render(page, body);
    metrics_page_free(page);
    buf_fini(&own);
    return 200;
}

/* ---- /status */

/* The address as somebody on this machine would use it. */
static void put_url(struct buf *into, const char *name, const char *scheme, const char *listen,
                    int port, const char *path)
{
    const char *colon = strrchr(listen, ':');
    struct bytes host = bytes_of(listen, colon ? (size_t)(colon - listen) : 0);
    if (host.n == 0 || bytes_is(host, "0.0.0.0") || bytes_is(host, "[::]"))
        host = BYTES("127.0.0.1");
    buf_printf(into, "\"%s\":\"%s://%.*s:%d%s\"", name, scheme, BYTES_FMT(host), port, path);
}

static void put_urls(const struct supervisor *s, struct buf *into)
{
    const char *listen = s->options.listen, *admin = s->options.admin;
    int port = acceptor_port(&s->acceptor), admin_at = admin_port(s->admin);
    buf_append_str(into, "\"urls\":{");
    put_url(into, "websocket", "ws", listen, port, "/connection/websocket");
    buf_append_char(into, ',');
    put_url(into, "api", "http", listen, port, "/api");
    buf_append_char(into, ',');
    put_url(into, "metrics", "http", admin, admin_at, "/metrics");
    buf_append_char(into, '}');
}

/* Clients that are to go: how many there still are, how many go in a second, how long that takes. */
static void put_drain(const struct child *c, struct buf *into)
{
    struct evacuation_progress p;
    if (!evacuation_progress(c, &p))
        return;
    buf_printf(into, "\"drain\":{\"set_aside\":%s,\"left\":%u,\"rate\":%u,\"eta_ms\":",
               c->set_aside ? "true" : "false", p.left, p.rate);
    buf_printf(into, p.eta_ms < 0 ? "null}," : "%lld},", (long long)p.eta_ms);
}

static void put_roll(const struct roll *r, struct buf *into)
{
    buf_printf(into, "\"roll\":{\"done\":%u,\"of\":%u,", r->done, r->of);
    put_text(into, "turn", bytes_str(r->old ? r->old->name : ""));
    buf_append_char(into, ',');
    put_text(into, "stopped", buf_bytes(&r->stopped));
    buf_append_char(into, '}');
}

/* That it does not go by the configuration that it should, or else what it says of itself. */
static void put_child_why(const struct child *c, uint64_t version, int64_t now_ns, struct buf *into)
{
    struct buf text = {0};
    if (c->role != ROLE_GATEWAY || !taken_not(c, version, now_ns, &text))
        buf_append_bytes(&text, buf_bytes(&c->why));
    put_text(into, "why", buf_bytes(&text));
    buf_fini(&text);
}

static void put_process(const struct child *c, uint64_t version, int64_t now_ns, struct buf *into)
{
    bool runs = child_state_has_process(c->state);
    buf_printf(into, "{\"name\":\"%s\",\"role\":\"%s\",\"slot\":%u,\"pid\":%d,\"state\":\"%s\",",
               c->name, role_name(c->role), c->slot, (int)c->pid, child_state_name(c->state));
    buf_printf(into, "\"ready\":%s,\"restarts\":%llu,\"up_ms\":%lld,",
               c->state == CHILD_UP ? "true" : "false",
               (unsigned long long)c->counts.restarts_total,
               runs ? (long long)((now_ns - c->started_ns) / NS_PER_MS) : 0);
    if (c->role == ROLE_GATEWAY)
        buf_printf(into,
                   "\"port\":%u,\"connections\":%u,\"capacity\":%u,\"passed\":%llu,"
                   "\"url\":\"ws://127.0.0.1:%u/connection/websocket\",",
                   c->port, c->report.connections, c->report.capacity,
                   (unsigned long long)c->counts.passed_total, c->port);
    put_drain(c, into);
    put_child_why(c, version, now_ns, into);
    buf_append_char(into, ',');
    put_text(into, "last_end", bytes_str(c->last_end));
    buf_append_char(into, '}');
}

static void put_processes(const struct supervisor *s, int64_t now_ns, struct buf *into)
{
    struct child *c;
    const char *comma = "";
    buf_append_str(into, "\"processes\":[");
    for cell_each (c, &s->cell) {
        buf_append_str(into, comma);
        put_process(c, s->config.facts.version, now_ns, into);
        comma = ",\n";
    }
    buf_append_char(into, ']');
}

static void put_map(const struct plan *plan, struct buf *into)
{
    buf_printf(into, "\"map\":{\"generation\":%llu,\"partitions\":%u,\"lanes\":%u,\"owners\":[",
               (unsigned long long)plan->generation, plan->hashed, plan->partitions - plan->hashed);
    for (uint32_t i = 0; i < plan->partitions; i++)
        buf_printf(into, "%s%u", i ? "," : "", plan->owners[i]);
    buf_append_str(into, "]}");
}

static void put_config(const struct config *c, struct buf *into)
{
    buf_printf(into, "\"config\":{\"version\":%llu,\"source\":\"%s\",",
               (unsigned long long)c->facts.version, config_source_name(c->source));
    put_text(into, "problem", buf_bytes(&c->problem));
    buf_append_char(into, '}');
}

static void put_gate(const struct supervisor *s, struct buf *into)
{
    const struct supervisor_metrics *m = &s->metrics;
    buf_printf(into,
               "\"gate\":{\"rate\":%lld,\"lag_ms\":%lld,\"backlog\":%lld,\"backlog_max\":%lld,\"silent\":%lld,\"held\":%lld}",
               (long long)m->accept_rate, (long long)m->gateway_lag_seconds / 1000, (long long)m->backlog_waiting,
               (long long)m->backlog_max, (long long)m->arrivals_silent, (long long)m->arrivals_held);
}

static int status(struct supervisor *s, int64_t now_ns, struct buf *body)
{
    struct buf why;
    buf_init(&why);
    bool ready = status_ready(s, now_ns, &why);
    buf_printf(body, "{\"cell\":\"%s\",\"version\":\"%s\",\"pid\":%d,\"up_ms\":%lld,\n",
               s->options.cell, CELLCAST_VERSION, (int)getpid(),
               (long long)((now_ns - s->started_ns) / NS_PER_MS));
    buf_printf(body, "\"ready\":%s,\"why\":[%.*s],\"stopping\":%s,\"rolling\":%s,\n",
               ready ? "true" : "false", BYTES_FMT(buf_bytes(&why)),
               s->drain.state != DRAIN_RUNNING ? "true" : "false",
               roll_is_under_way(&s->roll) ? "true" : "false");
    put_roll(&s->roll, body);
    buf_append_str(body, ",\n");
    buf_printf(body, "\"postgres\":%s,\"kafka\":%s,\"accepting\":%s,\n",
               config_postgres_away(&s->config, now_ns) ? "false" : "true",
               kafka_watch_up(s->kafka) ? "true" : "false",
               s->metrics.accept_paused ? "false" : "true");
    put_config(&s->config, body);
    buf_append_str(body, ",\n");
    put_gate(s, body);
    buf_append_str(body, ",\n");
    put_urls(s, body);
    buf_append_str(body, ",\n");
    put_map(&s->cell.plan, body);
    buf_append_str(body, ",\n");
    put_processes(s, now_ns, body);
    buf_append_str(body, ",\n\"canaries\":");
    canary_put_pairs(&s->canary, now_ns, body);
    buf_append_str(body, "}\n");
    buf_fini(&why);
    return 200;
}

/* ---- the paths */

static int ready(struct supervisor *s, int64_t now_ns, struct buf *body)
{
    struct buf why;
    buf_init(&why);
    bool is = status_ready(s, now_ns, &why);
    buf_printf(body, "{\"ready\":%s,\"why\":[%.*s]}\n", is ? "true" : "false",
               BYTES_FMT(buf_bytes(&why)));
    buf_fini(&why);
    return is ? 200 : 503;
}

int status_handle(void *owner, const char *method, const char *path, struct bytes query,
                  struct bytes request, struct buf *body, const char **content_type)
{
    struct supervisor *s = owner;
    int64_t now_ns = clock_mono_ns();
    if (order_is(path))
        return order_take(s, method, path, query, body);
    bool gets = strcmp(method, "GET") == 0;
    if (strncmp(path, TOP_PATH, sizeof TOP_PATH - 1) == 0) {
        struct bytes question = bytes_str(path + sizeof TOP_PATH - 1);
        return gets ? top_watch(&s->watched, &s->control, question, now_ns, body) : top_ask(&s->top, &s->control, question, body);
    }
    if (!gets)
        return 404;
    if (strcmp(path, "/") == 0) {
        *content_type = "text/html; charset=utf-8";
        buf_append(body, dashboard_html, dashboard_bytes);
        return 200;
    }
    if (strcmp(path, "/top") == 0)
        return top_tell(&s->top, body);
    if (strcmp(path, "/ready") == 0)
        return ready(s, now_ns, body);
    if (strcmp(path, "/status") == 0)
        return status(s, now_ns, body);
    if (strcmp(path, "/metrics") != 0)
        return 404;
    *content_type = "text/plain; version=0.0.4; charset=utf-8";
    return metrics(s, now_ns, body);
}
