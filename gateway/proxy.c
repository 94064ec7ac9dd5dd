#include "proxy.h"

#include "error.h"
#include "gateway.h"
#include "proxied.h"
#include "tenant.h"

#include "run/http_client.h"
#include "run/log.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define TIMEOUT_MIN 100 /* ms */
#define TIMEOUT_MAX 30000
#define CONCURRENCY_MAX 1000

struct proxy_call {
    struct gateway *gateway;
    struct tenant *tenant; /* a counted reference */
    struct bytes name;     /* of the configuration's tenant, behind it */
    enum proxy_event event;
    struct http_transfer *transfer; /* NULL: it could not be sent, `due` answers */
    struct wheel_timer due;
    uint32_t code; /* why it could not */
    proxy_done *done;
    void *ctx;
};

/* ---- the tenant's options */

static const struct {
    size_t endpoint, timeout; /* in struct tenant_options */
} places[PROXY_EVENTS] = {
#define PROXY(NAME, name)                                                                                     \
    [PROXY_##NAME] = {offsetof(struct tenant_options, proxy_##name##_endpoint),                                \
                      offsetof(struct tenant_options, proxy_##name##_timeout)},
#include "proxy.def"
#undef PROXY
};

static struct bytes endpoint_of(const struct config_tenant *t, enum proxy_event event)
{
    return *(const struct bytes *)((const char *)&t->options + places[event].endpoint);
}

static int64_t within(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

static int64_t timeout_of(const struct config_tenant *t, enum proxy_event event)
{
    return within(*(const int64_t *)((const char *)&t->options + places[event].timeout), TIMEOUT_MIN, TIMEOUT_MAX);
}

bool proxy_is_set(const struct config_tenant *t, enum proxy_event event)
{
    return t && endpoint_of(t, event).n > 0;
}

/* ---- answers */

static void end(struct proxy_call *p)
{
    struct tenant *tenant = p->tenant;
    struct gateway *g = p->gateway;
    wheel_cancel(&p->due);
    free(p);
    tenant_unref(g, tenant);
}

/* The call is gone before its asker is told: that one may ask again, or end its connection. */
static void answer(struct proxy_call *p, const struct proxy_answer *a)
{
    proxy_done *done = p->done;
    void *ctx = p->ctx;
    end(p);
    done(ctx, a);
}

static void fail(struct proxy_call *p, uint32_t code)
{
    answer(p, &(struct proxy_answer){
                  .error = code, .temporary = error_temporary(code), .text = bytes_str(error_message(code))});
}

static void too_soon(struct wheel_timer *t)
{
    struct proxy_call *p = container_of(t, struct proxy_call, due);
    fail(p, p->code);
}

/* Once while it lasts: a backend that is away is asked thousands of times a second. */
static void tell(struct proxy_call *p, const char *why, int status)
{
    if (episode_happens(&p->tenant->proxy_fails, p->gateway->now_ns))
        log_warn("proxy_failed", "tenant=%.*s asked=%s status=%d why=\"%s\" clients get an error", BYTES_FMT(p->name),
                 proxy_event_name(p->event), status, why);
}

static void no_answer(struct proxy_call *p, const struct http_response *r)
{
    bool refused = r->error == -EBUSY;
    tell(p, r->why, 0);
    *(refused ? &p->gateway->metrics.proxy_refused_total : &p->gateway->metrics.proxy_errors_total) += 1;
    fail(p, refused ? 111 : 100);
}

static void read_answer(struct proxy_call *p, const struct http_response *r)
{
    struct gateway *g = p->gateway;
    const struct config_tenant *t = config_tenant(g->config, p->name);
    struct proxy_answer a;
    const char *why = "";
    if (proxy_answer_read(r->status, r->body, t ? t->options.proxy_status_transforms : (struct texts){0}, &a, &why) == 0) {
        answer(p, &a);
    } else {
        g->metrics.proxy_errors_total++;
        tell(p, why, r->status);
        fail(p, 100);
    }
    proxy_answer_fini(&a);
}

static void on_response(void *owner, const struct http_response *r)
{
    struct proxy_call *p = owner;
    p->transfer = NULL;
    histogram_record(&p->gateway->metrics.proxy_seconds, (uint64_t)r->took_us);
    if (r->error)
        no_answer(p, r);
    else
        read_answer(p, r);
}

/* ---- asking */

/* lines: list of const char * */
static void put_header(struct buf *lines, const char *line)
{
    buf_append(lines, &line, sizeof line);
}

/* What is configured goes last, where a server that takes the last of two finds it; nobody may bring its name himself. */
static void put_headers(const struct connection *c, const struct config_tenant *t, struct buf *lines, struct buf *forwarded)
{
    size_t at = 0;
    const char *line;
    put_header(lines, "Content-Type: application/json");
    while ((line = proxied_next_header(c, t->options.proxy_http_headers, &at)))
        put_header(lines, line);
    proxied_forwarded_for(c, t->options.proxy_http_headers, forwarded);
    if (forwarded->n)
        put_header(lines, forwarded->p);
    for (size_t i = 0; i < t->options.proxy_static_http_headers.n; i++)
        put_header(lines, t->options.proxy_static_http_headers.items[i].p);
    put_header(lines, NULL);
}

static int send_request(struct proxy_call *p, const struct connection *c, const struct config_tenant *t, struct bytes body)
{
    struct gateway *g = p->gateway;
    struct buf headers = {0}, forwarded = {0}, destination = {0};
    put_headers(c, t, &headers, &forwarded);
    buf_printf(&destination, "%.*s %s", BYTES_FMT(p->name), proxy_event_name(p->event));
    struct http_request r = {.method = "POST",
                             .url = endpoint_of(t, p->event).p,
                             .headers = (const char *const *)headers.p,
                             .body = body,
                             .body_max = (size_t)g->options->proxy_answer_max,
                             .too_long = "the answer is above --proxy-answer-max",
                             .timeout_ms = timeout_of(t, p->event),
                             .wait_ms = p->event == PROXY_CONNECT ? g->options->connect_wait : 0,
                             .destination = buf_bytes(&destination),
                             .concurrency = (uint32_t)within(t->options.proxy_concurrency, 1, CONCURRENCY_MAX),
                             .queue = (uint32_t)within(t->options.proxy_queue, 0, UINT32_MAX)};
    int error = proxy_send(g, &r, on_response, p, &p->transfer);
    buf_fini(&headers);
    buf_fini(&forwarded);
    buf_fini(&destination);
    return error;
}

static void not_sent(struct proxy_call *p, int error)
{
    struct gateway *g = p->gateway;
    bool full = error == -EAGAIN;
    *(full ? &g->metrics.proxy_refused_total : &g->metrics.proxy_errors_total) += 1;
    tell(p, full ? "too many wait: proxy_queue, --proxy-requests-max" : "the URL or a header is none", 0);
    p->code = full ? 111 : 100;
    wheel_set(&g->wheel, &p->due, g->now_ns);
}

static void describe(const struct connection *c, const struct config_tenant *t, struct proxy_question *q)
{
    if (q->client.n == 0)
        q->client = connection_client(c);
    q->user = connection_user(c);
    q->transport = bytes_str(connection_transport(c)->name);
    q->protocol = encoders[c->encoding].binary ? BYTES("protobuf") : BYTES("json");
    q->binary |= t->options.proxy_binary_encoding;
    if (t->options.proxy_include_connection_meta)
        q->meta = proxied_meta(c);
}

struct proxy_call *proxy_ask(struct connection *c, const struct config_tenant *t, struct proxy_question *q, proxy_done *done,
                             void *ctx)
{
    struct gateway *g = c->gateway;
    struct proxy_call *p = calloc(1, sizeof *p + t->name.n);
    struct buf body = {0};
    assert(p);
    *p = (struct proxy_call){
        .gateway = g, .tenant = tenant_ref(g, t->name), .event = q->event, .done = done, .ctx = ctx};
    p->name = bytes_of(memcpy(p + 1, t->name.p, t->name.n), t->name.n);
    wheel_timer_init(&p->due, too_soon);
    describe(c, t, q);
    proxy_question_json(&body, q);
    g->metrics.proxy_requests_total++;
    int error = send_request(p, c, t, buf_bytes(&body));
    if (error < 0)
        not_sent(p, error);
    buf_fini(&body);
    return p;
}

void proxy_cancel(struct proxy_call *p)
{
    if (!p)
        return;
    if (p->transfer)
        proxy_unsend(p->transfer);
    end(p);
}
