/* Publishing by POST, over one connection that is kept: Centrifugo's API, or the data alone
 * (Nchan). */
#include "payload.h"
#include "route.h"

#include "core/json.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>

#define TIMEOUT_MS 30000L

struct http {
    const struct bench_options *options;
    CURL *curl;
    struct curl_slist *headers;
    struct buf url, body, answer;
};

/* ---- what is common */

static size_t on_answer(char *p, size_t size, size_t n, void *owner)
{
    buf_append(owner, p, size * n);
    return size * n;
}

static void *open_http(const struct bench_options *o)
{
    struct buf key = {0};
    struct http *h = calloc(1, sizeof *h);
    assert(h);
    h->options = o;
    h->curl = curl_easy_init();
    assert(h->curl);
    buf_printf(&key, "X-API-Key: %s", o->api_key);
    h->headers =
        curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), key.p);
    h->headers = curl_slist_append(h->headers, "Expect:");
    buf_fini(&key);
    curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, h->headers);
    curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, &h->answer);
    curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(h->curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(h->curl, CURLOPT_NOSIGNAL, 1L);
    return h;
}

static void close_http(void *session)
{
    struct http *h = session;
    curl_slist_free_all(h->headers);
    curl_easy_cleanup(h->curl);
    buf_fini(&h->url);
    buf_fini(&h->body);
    buf_fini(&h->answer);
    free(h);
}

/* -> the status, 0 when there was no answer */
static long post(struct http *h)
{
    long status = 0;
    buf_clear(&h->answer);
    curl_easy_setopt(h->curl, CURLOPT_URL, h->url.p);
    curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, h->body.p);
    curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE, (long)h->body.n);
    if (curl_easy_perform(h->curl) == CURLE_OK)
        curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* ---- Centrifugo's API */

static enum outcome outcome_of(struct bytes reply, const char *good)
{
    if (json_type(json_member(reply, "error")) == JSON_OBJECT)
        return OUTCOME_REFUSED;
    return json_type(json_member(reply, good)) == JSON_OBJECT ? OUTCOME_ACKNOWLEDGED
                                                              : OUTCOME_UNKNOWN;
}

void route_outcomes(struct bytes answer, size_t n, enum outcome *ret_outcomes)
{
    struct json_iter it;
    struct bytes reply;
    size_t i = 0;
    bool sound = json_check(answer, JSON_DEPTH_MAX, NULL) == 0;
    if (sound && n == 1)
        ret_outcomes[i++] = outcome_of(answer, "result");
    if (sound && n > 1)
        json_array_each (&it, json_member(answer, "replies"), &reply) {
            if (i < n)
                ret_outcomes[i++] = outcome_of(reply, "publish");
        }
    for (; i < n; i++)
        ret_outcomes[i] = OUTCOME_UNKNOWN;
}

static void append_publish(struct http *h, uint64_t message, uint64_t stamp_us)
{
    buf_append_str(&h->body, "{\"channel\":\"");
    route_append_channel(h->options, message, &h->body);
    buf_append_str(&h->body, "\",\"data\":");
    payload_append(&h->body, message, stamp_us, (size_t)h->options->payload);
    buf_append_char(&h->body, '}');
}

/* parallel: our commands need not wait for each other's commit; their order is kept. */
static void append_batch(struct http *h, const struct parcel *parcel)
{
    buf_append_str(&h->body, "{\"parallel\":true,\"commands\":[");
    for (size_t i = 0; i < parcel->n; i++) {
        buf_append_str(&h->body, i ? ",{\"publish\":" : "{\"publish\":");
        append_publish(h, parcel->first + i * parcel->step, parcel->stamp_us);
        buf_append_char(&h->body, '}');
    }
    buf_append_str(&h->body, "]}");
}

static void publish_centrifugo(void *session, const struct parcel *parcel,
                               enum outcome *ret_outcomes)
{
    struct http *h = session;
    buf_clear(&h->body);
    buf_clear(&h->url);
    buf_printf(&h->url, "%s/%s", h->options->api, parcel->n == 1 ? "publish" : "batch");
    if (parcel->n == 1)
        append_publish(h, parcel->first, parcel->stamp_us);
    else
        append_batch(h, parcel);
    bool answered = post(h) == 200;
    route_outcomes(answered ? buf_bytes(&h->answer) : (struct bytes){NULL, 0}, parcel->n,
                   ret_outcomes);
}

const struct route route_centrifugo = {.name = "centrifugo",
                                       .most = ROUTE_MOST,
                                       .open = open_http,
                                       .close = close_http,
                                       .publish = publish_centrifugo};

/* ---- the data alone */

static void publish_plain(void *session, const struct parcel *parcel,
                          enum outcome *ret_outcomes)
{
    struct http *h = session;
    buf_clear(&h->body);
    buf_clear(&h->url);
    buf_printf(&h->url, "%s/", h->options->api);
    route_append_channel(h->options, parcel->first, &h->url);
    payload_append(&h->body, parcel->first, parcel->stamp_us, (size_t)h->options->payload);
    long status = post(h);
    *ret_outcomes = status == 0         ? OUTCOME_UNKNOWN
                    : status / 100 == 2 ? OUTCOME_ACKNOWLEDGED
                                        : OUTCOME_REFUSED;
}

const struct route route_plain = {.name = "plain",
                                  .most = 1,
                                  .open = open_http,
                                  .close = close_http,
                                  .publish = publish_plain};
