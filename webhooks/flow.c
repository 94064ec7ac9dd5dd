#include "flow.h"

#include "core/clock.h"
#include "core/random.h"
#include "message.h"
#include "run/log.h"
#include "store.h"
#include "webhooks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/*  flow_lease ── webhook_lease ──▶ it is the one that sends, for a while
 *  flow_look  ── webhook_waiting ─▶ endpoints: which tenants have something waiting
 *
 *  flow_go ──▶ endpoints_next ── webhook_read ──▶ on_rows: body, signature ── POST ──▶ the tenant's endpoint
 *                     on_answer ◀─────────────────────────────────────────────────────────┘
 *                         ├─ 2xx ──▶ webhook_taken: the rows go
 *                         └─ else ─▶ webhook_failed: they stay, but for those that are too many or too old; it rests a while */

#define TRIM_NS (10 * NS_PER_S) /* between two looks at how much waits for an endpoint that takes some */
#define HEADERS 8
#define HEADER_MAX 128

static void flow_go(struct webhooks *w, int64_t now_ns);

static void rest(struct endpoint *ep, int64_t due_ns)
{
    struct webhooks *w = ep->owner;
    endpoint_rests(ep, due_ns);
    w->metrics.posts = http_client_inflight(w->http);
}

/* ---- who sends */

static void on_lease(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct webhooks *w = ctx;
    bool sent = webhooks_sends(w, clock_mono_ns());
    w->leasing = false;
    if (status == PG_REFUSED)
        log_warn("lease_refused", "sqlstate=%s why=\"%s\"", pg_sqlstate(r), pg_message(r));
    if (status != PG_OK)
        return;
    bool mine = pg_bool(r, 0, 0);
    if (mine)
        w->leased_until_ns = w->lease_asked_ns + w->options.lease * NS_PER_MS;
    if (mine && !sent) {
        w->metrics.leases_total++;
        log_info("sends", "holder=%" PRId64, w->holder);
        flow_look(w);
    } else if (!mine && sent) {
        flow_stop_sending(w);
    }
}

void flow_lease(struct webhooks *w)
{
    if (w->leasing || w->stopping || !pg_is_up(w->pg))
        return;
    w->leasing = true;
    w->lease_asked_ns = clock_mono_ns();
    store_lease(w->pg, w->holder, w->options.lease, on_lease, w);
}

/* What is under way is cut: an endpoint may have taken it, and gets it once more. */
void flow_stop_sending(struct webhooks *w)
{
    struct endpoint *ep;
    w->leased_until_ns = 0;
    w->metrics.oldest_seconds = w->metrics.endpoints_waiting = w->metrics.endpoints_failing = 0; /* the sender's to say */
    log_warn("stands_by", "under_way=%u somebody else sends, or PostgreSQL does not answer", w->endpoints.busy);
    map_for_each(ep, &w->endpoints.all, by_tenant)
    {
        if (ep->state != ENDPOINT_POSTING)
            continue;
        http_transfer_cancel(ep->transfer);
        rest(ep, 0);
    }
}

/* ---- what waits */

static void take_text(struct buf *into, struct bytes text)
{
    buf_clear(into);
    buf_append_bytes(into, text);
}

static void on_waiting(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct webhooks *w = ctx;
    int64_t oldest_ms = 0;
    w->looking = false;
    if (status == PG_REFUSED)
        log_warn("look_refused", "sqlstate=%s why=\"%s\"", pg_sqlstate(r), pg_message(r));
    if (status != PG_OK)
        return;
    endpoints_look(&w->endpoints);
    for (int i = 0; i < pg_rows(r); i++) {
        struct endpoint *ep = endpoints_waits(&w->endpoints, pg_bytes(r, i, 0));
        ep->owner = w;
        take_text(&ep->url, pg_bytes(r, i, 2));
        take_text(&ep->secret, pg_bytes(r, i, 3));
        take_text(&ep->previous_secret, pg_bytes(r, i, 4));
        oldest_ms = pg_i64(r, i, 1) > oldest_ms ? pg_i64(r, i, 1) : oldest_ms;
    }
    endpoints_looked(&w->endpoints);
    w->metrics.oldest_seconds = oldest_ms * 1000;
    w->metrics.endpoints_waiting = pg_rows(r);
    w->metrics.endpoints_failing = endpoints_failing(&w->endpoints);
    flow_go(w, clock_mono_ns());
}

void flow_look(struct webhooks *w)
{
    if (w->looking || w->stopping || !pg_is_up(w->pg) || !webhooks_sends(w, clock_mono_ns()))
        return;
    w->looking = true;
    store_waiting(w->pg, on_waiting, w);
}

/* ---- what became of a batch */

static void on_settled(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct endpoint *ep = ctx;
    struct webhooks *w = ep->owner;
    if (status == PG_REFUSED)
        log_warn("settling_refused", "tenant=%.*s sqlstate=%s why=\"%s\"", BYTES_FMT(ep->tenant), pg_sqlstate(r), pg_message(r));
    if (status == PG_OK && endpoint_fails(ep))
        w->metrics.dropped_total += (uint64_t)pg_i64(r, 0, 0);
    rest(ep, status == PG_OK ? ep->due_ns : clock_mono_ns() + NS_PER_S);
    flow_go(w, clock_mono_ns());
}

static void taken(struct webhooks *w, struct endpoint *ep)
{
    if (endpoint_fails(ep))
        log_info("endpoint_takes", "tenant=%.*s again, after %u tries", BYTES_FMT(ep->tenant), ep->backoff.tries);
    ep->due_ns = endpoint_took(ep, clock_mono_ns());
    w->metrics.taken_total += ep->ids.n / sizeof(int64_t);
    endpoint_goto(ep, ENDPOINT_SETTLING);
    store_taken(w->pg, ep->tenant, &ep->ids, ep->dropped, on_settled, ep);
}

static void not_taken(struct webhooks *w, struct endpoint *ep, const char *why)
{
    bool first = !endpoint_fails(ep);
    ep->due_ns = endpoint_failed(ep, clock_mono_ns(), random_u64());
    if (first)
        log_warn("endpoint_fails", "tenant=%.*s why=\"%s\" its events wait", BYTES_FMT(ep->tenant), why);
    w->metrics.posts_failed_total++;
    endpoint_goto(ep, ENDPOINT_SETTLING);
    store_failed(w->pg, ep->tenant, why, on_settled, ep);
}

static void on_answer(void *owner, const struct http_response *r)
{
    struct endpoint *ep = owner;
    struct webhooks *w = ep->owner;
    char why[256];
    ep->transfer = NULL;
    w->metrics.posts_total++;
    histogram_record(&w->metrics.post_seconds, r->took_us);
    if (r->error == 0 && r->status >= 200 && r->status <= 299) {
        taken(w, ep);
        return;
    }
    if (r->error)
        snprintf(why, sizeof why, "%s", r->why);
    else
        snprintf(why, sizeof why, "status %d", r->status);
    not_taken(w, ep, why);
}

/* ---- a batch */

/* What says who signs it; texts: memory of the headers. */
static void put_headers(const struct endpoint *ep, struct bytes body, char texts[HEADERS][HEADER_MAX], const char **ret_headers)
{
    char hex[SIGNATURE_HEX + 1];
    size_t n = 0;
    snprintf(texts[n++], HEADER_MAX, "Content-Type: application/json");
    snprintf(texts[n++], HEADER_MAX, "User-Agent: Cellcast/" CELLCAST_VERSION);
    if (ep->secret.n) {
        message_sign(buf_bytes(&ep->secret), body, hex);
        snprintf(texts[n++], HEADER_MAX, "X-Cellcast-Signature: %s", hex);
        snprintf(texts[n++], HEADER_MAX, "X-Pusher-Key: %.*s", BYTES_FMT(ep->tenant));
        snprintf(texts[n++], HEADER_MAX, "X-Pusher-Signature: %s", hex);
    }
    if (ep->previous_secret.n) {
        message_sign(buf_bytes(&ep->previous_secret), body, hex);
        snprintf(texts[n++], HEADER_MAX, "X-Cellcast-Signature-Previous: %s", hex);
    }
    for (size_t i = 0; i < n; i++)
        ret_headers[i] = texts[i];
    ret_headers[n] = NULL;
}

static void post(struct webhooks *w, struct endpoint *ep, struct bytes body)
{
    char texts[HEADERS][HEADER_MAX];
    const char *headers[HEADERS + 1];
    struct http_transfer *transfer = NULL;
    put_headers(ep, body, texts, headers);
    struct http_request request = {.method = "POST",
                                   .url = ep->url.p,
                                   .headers = headers,
                                   .body = body,
                                   .body_max = (size_t)w->options.answer_max,
                                   .too_long = "the answer is above --answer-max",
                                   .timeout_ms = w->options.timeout,
                                   .destination = ep->tenant,
                                   .concurrency = 1};
    endpoint_goto(ep, ENDPOINT_POSTING);
    int error = http_client_send(w->http, &request, on_answer, ep, &transfer);
    ep->transfer = transfer;
    w->metrics.posts = http_client_inflight(w->http);
    if (error < 0)
        not_taken(w, ep, error == -EINVAL ? "webhook_url is no URL" : "too many requests are under way");
}

static void put_rows(struct webhooks *w, struct endpoint *ep, const struct pg_result *r, struct buf *body)
{
    ep->dropped = pg_i64(r, 0, 4);
    message_begin(body, ep->tenant, clock_real_ns() / NS_PER_MS, ep->dropped);
    for (int i = 0; i < pg_rows(r); i++) {
        struct event e = {
            .id = pg_i64(r, i, 0), .name = pg_bytes(r, i, 1), .detail = pg_bytes(r, i, 2), .time_ms = pg_i64(r, i, 3)};
        message_event(body, &e);
        buf_append(&ep->ids, &e.id, sizeof e.id);
    }
    message_end(body);
}

static void on_rows(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct endpoint *ep = ctx;
    struct webhooks *w = ep->owner;
    struct buf body = {0};
    if (status == PG_REFUSED)
        log_warn("read_refused", "tenant=%.*s sqlstate=%s why=\"%s\"", BYTES_FMT(ep->tenant), pg_sqlstate(r), pg_message(r));
    if (status != PG_OK) {
        rest(ep, clock_mono_ns() + NS_PER_S);
    } else if (pg_rows(r) == 0 || w->stopping || !webhooks_sends(w, clock_mono_ns())) {
        ep->look = 0; /* it is due when something waits for it again */
        rest(ep, 0);
    } else {
        put_rows(w, ep, r, &body);
        post(w, ep, buf_bytes(&body));
    }
    buf_fini(&body);
}

static void on_trimmed(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct webhooks *w = ctx;
    if (status == PG_OK)
        w->metrics.dropped_total += (uint64_t)pg_i64(r, 0, 0);
}

/* Whoever is due. */
static void flow_go(struct webhooks *w, int64_t now_ns)
{
    struct endpoint *ep;
    while (!w->stopping && pg_is_up(w->pg) && webhooks_sends(w, now_ns) && (ep = endpoints_next(&w->endpoints, now_ns))) {
        if (now_ns - ep->trim_ns >= TRIM_NS) {
            ep->trim_ns = now_ns;
            store_trim(w->pg, ep->tenant, on_trimmed, w);
        }
        store_read(w->pg, ep->tenant, w->options.batch, on_rows, ep);
    }
}
