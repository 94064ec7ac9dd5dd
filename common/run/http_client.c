#include "run/http_client.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/map.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>

struct http_client {
    struct ev_loop *loop;
    CURLM *multi;
    ev_timer timer; /* libcurl's next deadline */
    struct map destinations; /* struct destination::by_name; only those with transfers */
    struct list transfers;   /* struct http_transfer::all */
    uint32_t running, waiting, transfers_max, running_max;
    char *ca_file; /* "": the system's */
};

struct destination {
    struct map_node by_name;
    struct bytes name; /* behind it */
    uint32_t running;
    struct list waiting; /* struct http_transfer::waiting */
    uint32_t n_waiting;
};

struct http_transfer {
    struct http_client *client;
    struct destination *destination;
    struct list all;
    struct list waiting; /* linked: it has yet to be started */
    uint32_t concurrency;
    int64_t timeout_ms;
    size_t body_max;
    const char *too_long;
    char *url, *method;
    struct curl_slist *headers;
    struct buf body;
    CURL *curl; /* NULL while it waits */
    struct buf answer;
    bool too_big;
    int64_t started_ns; /* when it was sent off to wait, or to run */
    ev_timer deadline;
    http_done *done;
    void *owner;
};

/* ---- destinations */

static struct destination *destination_get(struct http_client *c, struct bytes name)
{
    struct destination *d = map_find_bytes(&c->destinations, name, struct destination, by_name, name);
    if (d)
        return d;
    d = calloc(1, sizeof *d + name.n);
    assert(d);
    memcpy(d + 1, name.p, name.n);
    d->name = bytes_of(d + 1, name.n);
    list_init(&d->waiting);
    map_insert(&c->destinations, &d->by_name, hash_bytes(name));
    return d;
}

static void destination_drop_idle(struct http_client *c, struct destination *d)
{
    if (d->running || d->n_waiting)
        return;
    map_remove(&c->destinations, &d->by_name);
    free(d);
}

/* ---- what libcurl is told of one */

static size_t on_body(char *p, size_t size, size_t n, void *data)
{
    struct http_transfer *t = data;
    t->too_big = n > t->body_max - t->answer.n;
    if (t->too_big)
        return 0;
    buf_append(&t->answer, p, n);
    return n;
}

static void prepare_connection(const struct http_transfer *t)
{
    CURL *h = t->curl;
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L); /* else giving up a lookup waits for its thread */
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(h, CURLOPT_PROXY, ""); /* nor one of the environment */
    curl_easy_setopt(h, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(h, CURLOPT_USERAGENT, "cellcast/" CELLCAST_VERSION);
    if (t->client->ca_file[0])
        curl_easy_setopt(h, CURLOPT_CAINFO, t->client->ca_file);
}

static void prepare_request(const struct http_transfer *t)
{
    CURL *h = t->curl;
    curl_easy_setopt(h, CURLOPT_URL, t->url);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, t->headers);
    if (t->body.n || strcmp(t->method, "GET") != 0) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, t->body.p ? t->body.p : "");
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.n);
    }
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, t->method);
}

static void prepare_answer(struct http_transfer *t)
{
    curl_easy_setopt(t->curl, CURLOPT_PRIVATE, t);
    curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->body_max);
}

static void prepare(struct http_transfer *t)
{
    t->curl = curl_easy_init();
    assert(t->curl);
    prepare_connection(t);
    prepare_request(t);
    prepare_answer(t);
}

/* ---- a transfer's life: waits, runs, is over */

static void arm(struct http_transfer *t, int64_t ms)
{
    ev_timer_stop(t->client->loop, &t->deadline);
    ev_timer_set(&t->deadline, (double)ms / 1000, 0);
    ev_timer_start(t->client->loop, &t->deadline);
}

static void run(struct http_transfer *t)
{
    t->destination->running++;
    t->client->running++;
    prepare(t);
    arm(t, t->timeout_ms);
    CURLMcode code = curl_multi_add_handle(t->client->multi, t->curl);
    assert(code == CURLM_OK);
}

static void wait_turn(struct http_transfer *t, int64_t ms)
{
    arm(t, ms);
    list_append(&t->destination->waiting, &t->waiting);
    t->destination->n_waiting++;
    t->client->waiting++;
}

static void stop_waiting(struct http_transfer *t)
{
    list_remove(&t->waiting);
    t->destination->n_waiting--;
    t->client->waiting--;
}

/* A destination with nothing under way always may: nobody waits for others alone. */
static bool may_run(const struct http_client *c, const struct destination *d, uint32_t concurrency)
{
    size_t share = c->running_max / c->destinations.count;
    return d->running < concurrency && (c->running < c->running_max || d->running < share || d->running == 0);
}

static void run_next(struct http_client *c, struct destination *d)
{
    struct http_transfer *t;
    while ((t = list_first(&d->waiting, struct http_transfer, waiting)) && may_run(c, d, t->concurrency)) {
        stop_waiting(t);
        run(t);
    }
}

static void leave(struct http_transfer *t)
{
    struct http_client *c = t->client;
    struct destination *d = t->destination;
    ev_timer_stop(c->loop, &t->deadline);
    list_remove(&t->all);
    if (list_is_linked(&t->waiting)) {
        stop_waiting(t);
    } else {
        curl_multi_remove_handle(c->multi, t->curl);
        d->running--;
        c->running--;
        run_next(c, d);
    }
    destination_drop_idle(c, d);
}

static void destroy(struct http_transfer *t)
{
    curl_easy_cleanup(t->curl);
    curl_slist_free_all(t->headers);
    buf_fini(&t->body);
    buf_fini(&t->answer);
    free(t->url);
    free(t->method);
    free(t);
}

static void finish(struct http_transfer *t, int error, const char *why)
{
    long status = 0;
    if (t->curl)
        curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    leave(t);
    struct http_response r = {.error = error,
                              .why = error ? why : "",
                              .status = (int)status,
                              .body = buf_bytes(&t->answer),
                              .took_us = (clock_mono_ns() - t->started_ns) / NS_PER_US};
    t->done(t->owner, &r);
    destroy(t);
}

static int error_of(const struct http_transfer *t, CURLcode code)
{
    if (t->too_big)
        return -EMSGSIZE;
    switch (code) {
    case CURLE_OK: return 0;
    case CURLE_FILESIZE_EXCEEDED: return -EMSGSIZE;
    case CURLE_COULDNT_RESOLVE_HOST: return -EHOSTUNREACH;
    case CURLE_COULDNT_CONNECT: return -ECONNREFUSED;
    case CURLE_OPERATION_TIMEDOUT: return -ETIMEDOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return -EPROTO;
    default: return -EIO;
    }
}

static void finish_all(struct http_client *c)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(c->multi, &left))) {
        struct http_transfer *t = NULL;
        CURLcode code = m->data.result; /* m does not outlive the transfer */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        int error = error_of(t, code);
        finish(t, error, error == -EMSGSIZE ? t->too_long : curl_easy_strerror(code));
    }
}

/* ---- doorways */

static void act(struct http_client *c, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(c->multi, fd, what, &running);
    finish_all(c);
}

static void on_ready(struct ev_loop *loop, ev_io *w, int events)
{
    act(w->data, w->fd, (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    act(w->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events)
{
    struct http_transfer *t = w->data;
    if (t->curl)
        finish(t, -ETIMEDOUT, "no answer in time");
    else
        finish(t, -EBUSY, "too many were before it");
}

static int on_timer_wanted(CURLM *multi, long ms, void *data)
{
    struct http_client *c = data;
    ev_timer_stop(c->loop, &c->timer);
    if (ms < 0)
        return 0;
    ev_timer_set(&c->timer, (double)ms / 1000, 0);
    ev_timer_start(c->loop, &c->timer);
    return 0;
}

static void unwatch(struct http_client *c, ev_io *w)
{
    if (w)
        ev_io_stop(c->loop, w);
    free(w);
}

static int on_socket_wanted(CURL *curl, curl_socket_t fd, int what, void *data, void *socket_data)
{
    struct http_client *c = data;
    ev_io *w = socket_data;
    if (what == CURL_POLL_REMOVE) {
        unwatch(c, w);
        return 0;
    }
    if (!w) {
        w = calloc(1, sizeof *w);
        assert(w);
        w->data = c;
        ev_init(w, on_ready);
        curl_multi_assign(c->multi, fd, w);
    }
    ev_io_stop(c->loop, w);
    ev_io_set(w, fd, (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    ev_io_start(c->loop, w);
    return 0;
}

/* ---- making them */

bool http_url_is_good(const char *url)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL;
    assert(u);
    bool good = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && host[0] &&
                (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
    return good;
}

static bool header_is_good(const char *header)
{
    return !strpbrk(header, "\r\n") && strchr(header, ':');
}

static bool request_is_good(const struct http_request *r)
{
    for (const char *const *h = r->headers; h && *h; h++)
        if (!header_is_good(*h))
            return false;
    return http_url_is_good(r->url);
}

/* A header without a value is taken out by libcurl unless it is written with a semicolon. */
static void add_header(struct http_transfer *t, const char *header)
{
    const char *colon = strchr(header, ':');
    struct buf empty = {0};
    if (colon[strspn(colon, ": \t")] == '\0') {
        buf_append(&empty, header, (size_t)(colon - header));
        buf_append_char(&empty, ';');
        header = empty.p;
    }
    t->headers = curl_slist_append(t->headers, header);
    assert(t->headers);
    buf_fini(&empty);
}

static void add_headers(struct http_transfer *t, const char *const *headers)
{
    t->headers = curl_slist_append(NULL, "Expect:"); /* takes it out: the body is sent without being asked for */
    for (; headers && *headers; headers++)
        add_header(t, *headers);
}

static struct http_transfer *transfer_new(struct http_client *c, const struct http_request *r)
{
    struct http_transfer *t = calloc(1, sizeof *t);
    assert(t);
    t->client = c;
    t->concurrency = r->concurrency;
    t->timeout_ms = r->timeout_ms;
    t->body_max = r->body_max;
    t->too_long = r->too_long;
    t->started_ns = clock_mono_ns();
    t->url = strdup(r->url);
    t->method = strdup(r->method);
    assert(t->url && t->method);
    buf_append_bytes(&t->body, r->body);
    add_headers(t, r->headers);
    list_init(&t->waiting);
    ev_init(&t->deadline, on_deadline);
    t->deadline.data = t;
    return t;
}

int http_client_send(struct http_client *c, const struct http_request *r, http_done *done, void *owner,
                     struct http_transfer **ret_transfer)
{
    assert(r->concurrency > 0);
    if (!request_is_good(r))
        return -EINVAL;
    if (c->running + c->waiting >= c->transfers_max)
        return -EAGAIN;
    struct destination *d = destination_get(c, r->destination.n ? r->destination : bytes_str(r->url));
    bool runs = may_run(c, d, r->concurrency);
    if (!runs && d->n_waiting >= r->queue)
        return -EAGAIN; /* it is not idle, so it stays */
    struct http_transfer *t = transfer_new(c, r);
    t->destination = d;
    t->done = done;
    t->owner = owner;
    list_append(&c->transfers, &t->all);
    if (runs)
        run(t);
    else
        wait_turn(t, r->wait_ms ? r->wait_ms : r->timeout_ms);
    *ret_transfer = t;
    return 0;
}

void http_transfer_cancel(struct http_transfer *t)
{
    if (!t)
        return;
    leave(t);
    destroy(t);
}

struct http_client *http_client_new(struct ev_loop *loop, const struct http_client_options *options)
{
    struct http_client *c = calloc(1, sizeof *c);
    assert(c);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    c->loop = loop;
    c->multi = curl_multi_init();
    c->transfers_max = options->transfers_max;
    c->running_max = options->running_max;
    c->ca_file = strdup(options->ca_file ? options->ca_file : "");
    assert(c->multi && c->ca_file);
    list_init(&c->transfers);
    map_init(&c->destinations);
    ev_init(&c->timer, on_timer);
    c->timer.data = c;
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)options->connections_idle);
    return c;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    struct http_transfer *t;
    while ((t = list_first(&c->transfers, struct http_transfer, all)))
        http_transfer_cancel(t);
    curl_multi_cleanup(c->multi);
    ev_timer_stop(c->loop, &c->timer);
    map_fini(&c->destinations);
    free(c->ca_file);
    free(c);
    curl_global_cleanup();
}

uint32_t http_client_inflight(const struct http_client *c)
{
    return c->running;
}

uint32_t http_client_waiting(const struct http_client *c)
{
    return c->waiting;
}
