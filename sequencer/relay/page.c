#include "page.h"

#include "core/clock.h"
#include "relay.h"
#include "wire/messages.h"

#include <stdio.h>

static void put_of_cell(struct buf *into, const char *cell, enum metric_kind kind,
                        const char *name, const char *help, uint64_t value)
{
    char labels[CELL_NAME_MAX + 16];
    snprintf(labels, sizeof labels, "cell=\"%s\"", cell);
    struct metric m = {.kind = (uint8_t)kind,
                       .name = bytes_str(name),
                       .labels = bytes_str(labels),
                       .help = bytes_str(help),
                       .value = value};
    wire_put_metric(into, &m);
}

static void put_cells(const struct relay *r, struct buf *into)
{
    int64_t now = clock_mono_ns();
    for (uint64_t left = r->sink.used; left; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctzll(left);
        const struct sink_cell *c = &r->sink.cells[n];
        put_of_cell(into, c->cell->name, METRIC_COUNTER, "relay_acknowledged_total",
                    "records that Kafka acknowledged", c->acknowledged);
        put_of_cell(into, c->cell->name, METRIC_GAUGE, "relay_pending",
                    "records waiting for Kafka", c->count);
        put_of_cell(into, c->cell->name, METRIC_GAUGE, "relay_topic_there",
                    "1: the cell's topic is there", c->open);
        put_of_cell(into, c->cell->name, METRIC_GAUGE, "relay_parked",
                    "1: set aside, or being caught up after that", r->parking.cells >> n & 1);
        put_of_cell(into, c->cell->name, METRIC_GAUGE_US, "relay_lag_seconds",
                    "since the oldest message came in that the topic may lack",
                    (uint64_t)parking_lag_ms(r, n, now) * 1000);
    }
}

static bool any_goes(const struct relay *r)
{
    for (uint64_t left = r->sink.used; left; left &= left - 1)
        if (sink_goes(&r->sink, (unsigned)__builtin_ctzll(left)))
            return true;
    return false;
}

/* A cell that is parked is no fault of the relay: cells_parked tells. */
static bool all_go(const struct relay *r)
{
    for (uint64_t left = r->sink.used & ~r->parking.cells; left; left &= left - 1)
        if (!sink_goes(&r->sink, (unsigned)__builtin_ctzll(left)))
            return false;
    return true;
}

static int metrics(struct relay *r, struct buf *body, const char **content_type)
{
    struct buf snapshot;
    struct metrics_page *page = metrics_page_new();
    r->metrics.outstanding = (int64_t)r->outstanding;
    r->metrics.outstanding_bytes = (int64_t)r->outstanding_bytes;
    r->metrics.invisible = (int64_t)r->gate.count;
    r->metrics.kafka_reachable = any_goes(r);
    r->metrics.cells_parked = __builtin_popcountll(r->parking.cells);
    buf_init(&snapshot);
    metrics_snapshot("relay", relay_metric_specs, relay_metric_count, &r->metrics, &snapshot);
    put_cells(r, &snapshot);
    int error = metrics_page_add(page, "process=\"relay\"", buf_bytes(&snapshot));
    if (error == 0)
        metrics_page_render(page, body);
    metrics_page_free(page);
    buf_fini(&snapshot);
    *content_type = "text/plain; version=0.0.4";
    return error == 0 ? 200 : 500;
}

static int ready(const struct relay *r, struct buf *body)
{
    bool comes = source_ready(&r->source), goes = all_go(r);
    buf_printf(body, "{\"ready\":%s,\"source\":\"%s\",\"kafka\":%s,\"parked\":%d,\"outstanding\":%zu}\n",
               comes && goes ? "true" : "false", source_name(r->source.state),
               goes ? "true" : "false", __builtin_popcountll(r->parking.cells), r->outstanding);
    return comes && goes && !r->stopping ? 200 : 503;
}

int page_answer(void *relay, const char *method, const char *path, struct bytes query,
                struct bytes request, struct buf *body, const char **content_type)
{
    struct relay *r = relay;
    struct bytes at = bytes_str(path);
    if (bytes_is(at, "/metrics"))
        return metrics(r, body, content_type);
    if (bytes_is(at, "/ready"))
        return ready(r, body);
    if (!bytes_is(at, "/health"))
        return 404;
    buf_append_str(body, "{\"health\":true}\n");
    return 200;
}
