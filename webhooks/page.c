#include "page.h"

#include "core/clock.h"
#include "webhooks.h"

static int metrics(struct webhooks *w, struct buf *body, const char **content_type)
{
    struct buf snapshot = {0};
    struct metrics_page *page = metrics_page_new();
    metrics_snapshot("webhooks", webhooks_metric_specs, webhooks_metric_count, &w->metrics, &snapshot);
    int error = metrics_page_add(page, "process=\"webhooks\"", buf_bytes(&snapshot));
    if (error == 0)
        metrics_page_render(page, body);
    metrics_page_free(page);
    buf_fini(&snapshot);
    *content_type = "text/plain; version=0.0.4";
    return error == 0 ? 200 : 500;
}

static int ready(const struct webhooks *w, struct buf *body)
{
    bool up = pg_is_up(w->pg) && !w->stopping;
    buf_printf(body, "{\"ready\":%s,\"sends\":%s,\"under_way\":%u}\n", up ? "true" : "false",
               webhooks_sends(w, clock_mono_ns()) ? "true" : "false", w->endpoints.busy);
    return up ? 200 : 503;
}

int page_answer(void *webhooks, const char *method, const char *path, struct bytes query, struct bytes request,
                struct buf *body, const char **content_type)
{
    struct webhooks *w = webhooks;
    struct bytes at = bytes_str(path);
    if (bytes_is(at, "/metrics"))
        return metrics(w, body, content_type);
    if (bytes_is(at, "/ready"))
        return ready(w, body);
    if (!bytes_is(at, "/health"))
        return 404;
    buf_append_str(body, "{}\n");
    return 200;
}
