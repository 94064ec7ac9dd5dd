#include "page.h"

#include "core/clock.h"
#include "gateways.h"
#include "sequencer.h"

#include <string.h>

#define ANSWER_NS (2 * NS_PER_S) /* PostgreSQL answered within */

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

/* Ready: it leads all that it was told to, and PostgreSQL answers. */
static int ready(struct sequencer *s, struct buf *body)
{
    bool leads = s->lead.phase == LEADING && s->leader.led == s->leader.wanted;
    bool answers = clock_mono_ns() - s->answered_ns < ANSWER_NS;
    buf_printf(
        body,
        "{\"ready\":%s,\"phase\":\"%s\",\"shards\":%d,\"wanted\":%d,\"postgres_answers\":%s}\n",
        leads && answers ? "true" : "false", phase_name(s->lead.phase),
        __builtin_popcountll(lead_mask(s)), __builtin_popcountll(s->leader.wanted),
        answers ? "true" : "false");
    return leads && answers ? 200 : 503;
}

int page_serve(void *owner, const char *method, const char *path, struct bytes query,
               struct bytes request, struct buf *body, const char **content_type)
{
    struct sequencer *s = owner;
    if (strcmp(method, "GET") != 0)
        return 404;
    if (strcmp(path, "/metrics") == 0)
        return metrics(s, body, content_type);
    if (strcmp(path, "/ready") == 0)
        return ready(s, body);
    if (strcmp(path, "/health") != 0)
        return 404;
    buf_append_str(body, "{}\n");
    return 200;
}
