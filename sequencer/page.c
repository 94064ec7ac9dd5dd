#include "page.h"

#include "core/clock.h"
#include "gateways.h"
#include "sequencer.h"

#include "run/log.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_NS (2 * NS_PER_S) /* PostgreSQL answered within */

static int64_t late_channels(const struct sequencer *s)
{
    const struct head *head;
    int64_t n = 0;
    list_for_each (head, &s->inbox.quotas.late, late)
        n++;
    return n;
}

static void gauges(struct sequencer *s)
{
    struct sequencer_metrics *m = &s->metrics;
    m->shards = __builtin_popcountll(lead_mask(s));
    m->epoch = (int64_t)s->leader.epoch;
    m->in_flight = s->flow.unanswered;
    m->waiting = (int64_t)s->inbox.waiting;
    m->waiting_bytes = (int64_t)s->inbox.waiting_bytes;
    m->heads = (int64_t)s->inbox.heads.by_name.count;
    m->tenants = (int64_t)s->inbox.heads.tenants.count;
    m->gateways = (int64_t)gateways_count(s->gateways);
    m->cells = (int64_t)gateways_cells(s->gateways);
    m->clock_held_back_seconds = id_clock_held_back(&s->clock) * 1000;
    m->clock_jumps_total = s->clock.jumps;
    m->outbox_late_channels = late_channels(s);
    m->outbox_late_total = s->inbox.quotas.late_total;
    m->peers = peers_heard(s->peers, clock_mono_ns());
}

static int metrics(struct sequencer *s, struct buf *body, const char **content_type)
{
    struct metrics_page *page = metrics_page_new();
    struct buf snapshot, labels;
    buf_init(&snapshot);
    buf_init(&labels);
    gauges(s);
    sequencer_metrics_snapshot(&s->metrics, &snapshot);
    buf_printf(&labels, "process=\"%s\"", s->options->name);
    metrics_page_add(page, labels.p, buf_bytes(&snapshot));
    metrics_page_render(page, body);
    metrics_page_free(page);
    buf_fini(&snapshot);
    buf_fini(&labels);
    *content_type = "text/plain; version=0.0.4";
    return 200;
}

/* Ready: each shard that it may lead is led, by itself or by a peer that is heard, and PostgreSQL
 * answers. */
static int ready(struct sequencer *s, struct buf *body)
{
    int64_t now_ns = clock_mono_ns();
    uint64_t led = lead_mask(s), unled = s->leader.wanted & ~led & ~peers_lead(s->peers, now_ns);
    bool works = s->lead.phase == LEADING || s->lead.phase == STANDING_BY;
    bool answers = now_ns - s->answered_ns < ANSWER_NS;
    bool is_ready = works && answers && !unled;
    buf_printf(body,
               "{\"ready\":%s,\"phase\":\"%s\",\"shards\":%d,\"wanted\":%d,\"unled\":%d,"
               "\"postgres_answers\":%s}\n",
               is_ready ? "true" : "false", phase_name(s->lead.phase), __builtin_popcountll(led),
               __builtin_popcountll(s->leader.wanted), __builtin_popcountll(unled),
               answers ? "true" : "false");
    return is_ready ? 200 : 503;
}

static int shards(struct sequencer *s, struct buf *body)
{
    buf_append_str(body, "{\"led\":\"");
    leader_print_shards(lead_mask(s), body);
    buf_append_str(body, "\",\"wanted\":\"");
    leader_print_shards(s->leader.wanted, body);
    buf_append_str(body, "\",\"claimed\":\"");
    leader_print_shards(s->lead.claimed & ~lead_mask(s), body);
    buf_append_str(body, "\",\"peers\":");
    peers_describe(s->peers, clock_mono_ns(), body);
    buf_append_str(body, "}\n");
    return 200;
}

/* POST /shards?take=0-15: answered at once; nothing is `claimed` any more once they are led here. */
static int take_shards(struct sequencer *s, struct bytes query, struct buf *body)
{
    char text[256];
    uint64_t mask;
    snprintf(text, sizeof text, "%.*s", BYTES_FMT(query));
    if (strncmp(text, "take=", 5) != 0 || leader_parse_shards(text + 5, &mask) < 0) {
        buf_append_str(body, "expected take= with numbers and ranges from 0 to 63, as in 0-31,40\n");
        return 400;
    }
    log_info("claimed", "shards=%s", text + 5);
    lead_claim(s, mask);
    return shards(s, body);
}

int page_serve(void *owner, const char *method, const char *path, struct bytes query,
               struct bytes request, struct buf *body, const char **content_type)
{
    struct sequencer *s = owner;
    if (strcmp(method, "POST") == 0 && strcmp(path, "/shards") == 0)
        return take_shards(s, query, body);
    if (strcmp(method, "GET") != 0)
        return 404;
    if (strcmp(path, "/shards") == 0)
        return shards(s, body);
    if (strcmp(path, "/metrics") == 0)
        return metrics(s, body, content_type);
    if (strcmp(path, "/ready") == 0)
        return ready(s, body);
    if (strcmp(path, "/health") != 0)
        return 404;
    buf_append_str(body, "{}\n");
    return 200;
}
