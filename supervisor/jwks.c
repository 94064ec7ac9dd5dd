#include "jwks.h"

#include "config_copy.h"

#include "core/json.h"
#include "core/random.h"
#include "run/http_client.h"
#include "run/log.h"
#include "wire/messages.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define AGAIN_NS (30 * NS_PER_S) /* after a failure, or the interval, whichever is less */
#define CONNECTIONS_KEPT 16
#define DEPTH_MAX (JSON_DEPTH_MAX - 2) /* of a set: in the copy it lies two levels deep */

struct jwks_source {
    struct list all;
    struct jwks *jwks;
    char *url;
    struct buf set;      /* the last good one, or empty */
    uint64_t fetched_ms; /* since 1970; 0: never */
    int64_t asked_ns, due_ns;
    struct http_transfer *transfer; /* under way, or NULL */
    bool wanted; /* by the newest configuration */
    bool failing;
};

/* ---- the sources */

static struct jwks_source *find(const struct jwks *j, struct bytes url)
{
    struct jwks_source *s;
    list_for_each(s, &j->sources, all)
    {
        if (bytes_is(url, s->url))
            return s;
    }
    return NULL;
}

static struct jwks_source *add(struct jwks *j, struct bytes url)
{
    struct jwks_source *s = calloc(1, sizeof *s);
    assert(s);
    s->jwks = j;
    s->url = strndup(url.p, url.n);
    assert(s->url);
    list_append(&j->sources, &s->all);
    j->n_sources++;
    return s;
}

static void drop(struct jwks_source *s)
{
    http_transfer_cancel(s->transfer);
    list_remove(&s->all);
    s->jwks->n_sources--;
    buf_fini(&s->set);
    free(s->url);
    free(s);
}

static void count(struct jwks *j)
{
    struct jwks_source *s;
    j->metrics->jwks_stale = 0;
    list_for_each(s, &j->sources, all)
        j->metrics->jwks_stale += s->failing;
}

static void put(const struct jwks_source *s, struct buf *into)
{
    struct ctl_jwks m = {.url = bytes_str(s->url), .fetched_ms = s->fetched_ms, .json = buf_bytes(&s->set)};
    wire_put_ctl_jwks(into, &m);
}

static void tell(const struct jwks_source *s)
{
    struct buf body = {0};
    put(s, &body);
    s->jwks->changed(s->jwks->owner, buf_bytes(&body));
    buf_fini(&body);
}

/* ---- the copy: [{"url":"…","fetched":…,"set":{…}},…] */

static void save(const struct jwks *j)
{
    struct buf text = {0};
    const struct jwks_source *s;
    buf_append_char(&text, '[');
    list_for_each(s, &j->sources, all)
    {
        if (s->set.n == 0)
            continue;
        buf_append_str(&text, text.n > 1 ? ",{\"url\":" : "{\"url\":");
        json_append_string(&text, bytes_str(s->url));
        buf_printf(&text, ",\"fetched\":%llu,\"set\":", (unsigned long long)s->fetched_ms);
        buf_append_bytes(&text, buf_bytes(&s->set));
        buf_append_char(&text, '}');
    }
    buf_append_char(&text, ']');
    int error = config_save(j->path, buf_bytes(&text));
    if (error < 0)
        log_error("jwks_copy", "path=%s errno=%s after a restart there are no keys until they are fetched", j->path, strerror(-error));
    buf_fini(&text);
}

static void load_one(struct jwks *j, struct bytes one)
{
    struct buf url = {0};
    struct bytes set = json_member(one, "set");
    uint64_t fetched_ms;
    if (json_string(json_member(one, "url"), &url) == 0 && json_u64(json_member(one, "fetched"), &fetched_ms) &&
        json_type(set) == JSON_OBJECT && !find(j, buf_bytes(&url))) {
        struct jwks_source *s = add(j, buf_bytes(&url));
        s->fetched_ms = fetched_ms;
        buf_append_bytes(&s->set, set);
    }
    buf_fini(&url);
}

static void load(struct jwks *j)
{
    struct buf text = {0};
    struct json_iter it;
    struct bytes one;
    if (config_load(j->path, &text) == 0 && json_check(buf_bytes(&text), JSON_DEPTH_MAX, NULL) == 0)
        json_array_each(&it, buf_bytes(&text), &one)
            load_one(j, one);
    buf_fini(&text);
}

/* ---- fetching */

static size_t size_of_others(const struct jwks_source *one)
{
    const struct jwks_source *s;
    size_t n = 0;
    list_for_each(s, &one->jwks->sources, all)
        n += s == one ? 0 : s->set.n + strlen(s->url);
    return n;
}

static const char *what_is_wrong(const struct jwks_source *s, const struct http_response *r)
{
    if (r->error)
        return r->why;
    if (r->status != 200)
        return "its status is not 200";
    if (json_check(r->body, DEPTH_MAX, NULL) < 0 || json_type(json_member(json_trim(r->body), "keys")) != JSON_ARRAY)
        return "it is no JWK set";
    if (size_of_others(s) + r->body.n > JWKS_SETS_MAX)
        return "the sets of all tenants are too much together";
    return NULL;
}

/* Everybody at the same moment after a start would stay so. */
static int64_t with_jitter(int64_t ns)
{
    return ns - ns / 10 + (int64_t)(random_u64() % (uint64_t)(ns / 5 + 1));
}

static void failed(struct jwks_source *s, const struct http_response *r, const char *why)
{
    struct jwks *j = s->jwks;
    int64_t interval = j->options->jwks_interval * NS_PER_MS;
    s->due_ns = clock_mono_ns() + with_jitter(interval < AGAIN_NS ? interval : AGAIN_NS);
    j->metrics->jwks_failed_total++;
    if (!s->failing)
        log_error("jwks_failed", "url=%s status=%d why=\"%s\" %s", s->url, r->status, why,
                  s->set.n ? "the keys that were there stay" : "there are none: tokens that need them are answered with error 100");
    s->failing = true;
}

static void fetched(struct jwks_source *s, struct bytes set)
{
    struct jwks *j = s->jwks;
    bool same = bytes_equal(set, buf_bytes(&s->set));
    s->due_ns = clock_mono_ns() + with_jitter(j->options->jwks_interval * NS_PER_MS);
    s->fetched_ms = (uint64_t)(clock_real_ns() / NS_PER_MS);
    j->metrics->jwks_fetched_total++;
    if (!same || s->failing)
        log_info("jwks_fetched", "url=%s bytes=%zu %s", s->url, set.n, same ? "it answers again" : "");
    s->failing = false;
    buf_clear(&s->set);
    buf_append_bytes(&s->set, set);
    if (!same)
        save(j);
    tell(s); /* when it was fetched says how fresh it is */
}

static void on_response(void *owner, const struct http_response *r)
{
    struct jwks_source *s = owner;
    const char *why = what_is_wrong(s, r);
    s->transfer = NULL;
    if (why)
        failed(s, r, why);
    else
        fetched(s, json_trim(r->body));
    count(s->jwks);
}

static struct http_client *client(struct jwks *j)
{
    struct http_client_options how = {.transfers_max = (uint32_t)j->options->jwks_urls_max,
                                      .running_max = (uint32_t)j->options->jwks_urls_max,
                                      .connections_idle = CONNECTIONS_KEPT,
                                      .ca_file = j->options->jwks_ca_file};
    if (!j->http)
        j->http = http_client_new(j->loop, &how);
    return j->http;
}

static void fetch(struct jwks_source *s, int64_t now_ns)
{
    static const char *const headers[] = {"Accept: application/jwk-set+json, application/json", NULL};
    struct http_request r = {.method = "GET",
                             .url = s->url,
                             .headers = headers,
                             .body_max = (size_t)s->jwks->options->jwks_bytes,
                             .too_long = "the set is above --jwks-bytes",
                             .timeout_ms = s->jwks->options->jwks_timeout,
                             .concurrency = 1};
    s->asked_ns = now_ns;
    s->due_ns = now_ns + AGAIN_NS;
    if (http_client_send(client(s->jwks), &r, on_response, s, &s->transfer) == 0)
        return;
    failed(s, &(struct http_response){0}, "the URL is none");
    count(s->jwks);
}

void jwks_tick(struct jwks *j, int64_t now_ns)
{
    struct jwks_source *s;
    list_for_each(s, &j->sources, all)
    {
        if (!s->transfer && s->due_ns <= now_ns)
            fetch(s, now_ns);
    }
}

int jwks_asked(struct jwks *j, struct bytes body, int64_t now_ns)
{
    struct ctl_jwks_ask m;
    if (wire_get_ctl_jwks_ask(body, &m) < 0)
        return -EBADMSG;
    struct jwks_source *s = find(j, m.url);
    if (!s || s->transfer)
        return 0;
    if (s->due_ns > s->asked_ns + JWKS_PAUSE_NS)
        s->due_ns = s->asked_ns + JWKS_PAUSE_NS;
    if (s->due_ns <= now_ns)
        fetch(s, now_ns);
    return 0;
}

/* ---- the configuration */

static void want(struct jwks *j, struct bytes tenant, unsigned *ret_left_out)
{
    struct buf url = {0};
    struct bytes option = json_member(json_member(tenant, "options"), "token_jwks_public_endpoint");
    if (json_string(option, &url) == 0 && url.n) {
        struct jwks_source *s = find(j, buf_bytes(&url));
        if (!s && j->n_sources < (unsigned)j->options->jwks_urls_max)
            s = add(j, buf_bytes(&url));
        if (s)
            s->wanted = true;
        *ret_left_out += !s;
    }
    buf_fini(&url);
}

static void tell_left_out(struct jwks *j, unsigned n)
{
    if (n && n != j->n_left_out)
        log_error("jwks_left_out", "urls=%u --jwks-urls-max=%lld tokens that need them are answered with error 100", n,
                  (long long)j->options->jwks_urls_max);
    j->n_left_out = n;
}

void jwks_configured(struct jwks *j, struct bytes config)
{
    unsigned left_out = 0;
    struct jwks_source *s, *spare;
    struct json_iter it;
    struct bytes tenant;
    list_for_each(s, &j->sources, all)
        s->wanted = false;
    json_array_each(&it, json_member(config, "tenants"), &tenant)
        want(j, tenant, &left_out);
    tell_left_out(j, left_out);
    list_for_each_safe(s, spare, &j->sources, all)
    {
        if (!s->wanted)
            drop(s);
    }
    count(j);
    jwks_tick(j, clock_mono_ns());
}

void jwks_each(const struct jwks *j, void (*each)(void *ctx, struct bytes body), void *ctx)
{
    const struct jwks_source *s;
    list_for_each(s, &j->sources, all)
    {
        struct buf body = {0};
        if (s->set.n == 0)
            continue;
        put(s, &body);
        each(ctx, buf_bytes(&body));
        buf_fini(&body);
    }
}

/* ---- life */

void jwks_init(struct jwks *j, struct ev_loop *loop, const struct supervisor_options *options, struct supervisor_metrics *metrics,
               void (*changed)(void *owner, struct bytes body), void *owner)
{
    *j = (struct jwks){.loop = loop, .options = options, .metrics = metrics, .changed = changed, .owner = owner};
    list_init(&j->sources);
    int n = asprintf(&j->path, "%s/jwks.json", options->run_dir);
    assert(n > 0);
    load(j);
}

void jwks_fini(struct jwks *j)
{
    struct jwks_source *s;
    if (!j->path)
        return;
    while ((s = list_first(&j->sources, struct jwks_source, all)))
        drop(s);
    http_client_free(j->http);
    free(j->path);
}
