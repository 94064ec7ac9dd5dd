#include "publisher.h"

#include "payload.h"

#include "core/clock.h"
#include "core/json.h"
#include "run/process.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>

#define TIMEOUT_MS 30000L
#define POLL_NS (2 * NS_PER_MS)
#define BATCH_MOST 1000 /* of --batch-max */

struct publisher {
    const struct bench_options *options;
    struct board *board;
    struct publisher_report *report;
    uint64_t next; /* message; the others are n_publishers apart */
    CURL *curl;
    struct curl_slist *headers;
    struct buf body, answer;
    char *publish_url, *batch_url;
};

int64_t publisher_due_ns(const struct bench_options *options, uint64_t message)
{
    return (int64_t)((double)message * (double)options->per * (double)NS_PER_MS / (double)options->rate);
}

static enum outcome outcome_of(struct bytes reply, const char *good)
{
    if (json_type(json_member(reply, "error")) == JSON_OBJECT)
        return OUTCOME_REFUSED;
    return json_type(json_member(reply, good)) == JSON_OBJECT ? OUTCOME_ACKNOWLEDGED : OUTCOME_UNKNOWN;
}

void publisher_outcomes(struct bytes answer, size_t n, enum outcome *ret_outcomes)
{
    struct json_iter it;
    struct bytes reply;
    size_t i = 0;
    bool sound = json_check(answer, JSON_DEPTH_MAX, NULL) == 0;
    if (sound && n == 1)
        ret_outcomes[i++] = outcome_of(answer, "result");
    if (sound && n > 1)
        json_array_each(&it, json_member(answer, "replies"), &reply)
        {
            if (i < n)
                ret_outcomes[i++] = outcome_of(reply, "publish");
        }
    for (; i < n; i++)
        ret_outcomes[i] = OUTCOME_UNKNOWN;
}

/* ---- HTTP */

static size_t on_answer(char *p, size_t size, size_t n, void *owner)
{
    buf_append(owner, p, size * n);
    return size * n;
}

/* -> false when there was no answer */
static bool post(struct publisher *p, const char *url)
{
    long status = 0;
    buf_clear(&p->answer);
    curl_easy_setopt(p->curl, CURLOPT_URL, url);
    curl_easy_setopt(p->curl, CURLOPT_POSTFIELDS, p->body.p);
    curl_easy_setopt(p->curl, CURLOPT_POSTFIELDSIZE, (long)p->body.n);
    if (curl_easy_perform(p->curl) != CURLE_OK)
        return false;
    curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
    return status == 200;
}

static char *url_of(const char *api, const char *method)
{
    struct buf url = {0};
    buf_printf(&url, "%s/%s", api, method);
    return buf_take(&url);
}

static void set_up(struct publisher *p)
{
    struct buf key = {0};
    p->publish_url = url_of(p->options->api, "publish");
    p->batch_url = url_of(p->options->api, "batch");
    p->curl = curl_easy_init();
    assert(p->curl);
    buf_printf(&key, "X-API-Key: %s", p->options->api_key);
    p->headers = curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), key.p);
    p->headers = curl_slist_append(p->headers, "Expect:");
    buf_fini(&key);
    curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, p->headers);
    curl_easy_setopt(p->curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(p->curl, CURLOPT_WRITEDATA, &p->answer);
    curl_easy_setopt(p->curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(p->curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(p->curl, CURLOPT_NOSIGNAL, 1L);
}

static void tear_down(struct publisher *p)
{
    curl_slist_free_all(p->headers);
    curl_easy_cleanup(p->curl);
    free(p->publish_url);
    free(p->batch_url);
    buf_fini(&p->body);
    buf_fini(&p->answer);
}

/* ---- messages */

static int64_t due(const struct publisher *p, uint64_t message)
{
    return p->board->begun_ns + publisher_due_ns(p->options, message);
}

static uint64_t after(const struct publisher *p, uint64_t message)
{
    return message + p->board->n_publishers;
}

/* -> messages that are due and fit into a request, from p->next on; at least one */
static size_t count_due(const struct publisher *p, int64_t now_ns)
{
    size_t n = 1;
    for (uint64_t m = after(p, p->next); m < p->board->messages && n < (size_t)p->options->batch_max && due(p, m) <= now_ns;
         m = after(p, m))
        n++;
    return n;
}

static void append_publish(struct publisher *p, uint64_t message, uint64_t stamp_us)
{
    buf_append_str(&p->body, "{\"channel\":\"");
    buf_append_str(&p->body, p->options->channel);
    buf_append_u64(&p->body, message % (uint64_t)p->options->channels);
    buf_append_str(&p->body, "\",\"data\":");
    payload_append(&p->body, message, stamp_us, (size_t)p->options->payload);
    buf_append_char(&p->body, '}');
}

static void write_body(struct publisher *p, size_t n)
{
    uint64_t stamp = clock_real_us(), message = p->next;
    buf_clear(&p->body);
    if (n == 1) {
        append_publish(p, message, stamp);
        return;
    }
    buf_append_str(&p->body, "{\"parallel\":true,\"commands\":[");
    for (size_t i = 0; i < n; i++, message = after(p, message)) {
        buf_append_str(&p->body, i ? ",{\"publish\":" : "{\"publish\":");
        append_publish(p, message, stamp);
        buf_append_char(&p->body, '}');
    }
    buf_append_str(&p->body, "]}");
}

static void note(struct publisher *p, size_t n, const enum outcome *outcomes)
{
    struct publisher_report *r = p->report;
    r->requests++;
    r->sent += n;
    for (size_t i = 0; i < n; i++, p->next = after(p, p->next)) {
        r->acknowledged += outcomes[i] == OUTCOME_ACKNOWLEDGED;
        r->refused += outcomes[i] == OUTCOME_REFUSED;
        r->unknown += outcomes[i] == OUTCOME_UNKNOWN;
        p->board->outcomes[p->next] = (uint8_t)outcomes[i];
    }
}

static void publish_due(struct publisher *p)
{
    enum outcome outcomes[BATCH_MOST];
    int64_t begun = clock_mono_ns();
    size_t n = count_due(p, begun);
    histogram_record(&p->report->late, (begun - due(p, p->next)) / NS_PER_US);
    write_body(p, n);
    bool answered = post(p, n == 1 ? p->publish_url : p->batch_url);
    publisher_outcomes(answered ? buf_bytes(&p->answer) : (struct bytes){NULL, 0}, n, outcomes);
    histogram_record(&p->report->call, (clock_mono_ns() - begun) / NS_PER_US);
    note(p, n, outcomes);
}

static void sleep_until(int64_t mono_ns)
{
    struct timespec t = {mono_ns / NS_PER_S, mono_ns % NS_PER_S};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

void publisher_run(const struct bench_options *options, struct board *board, size_t number)
{
    struct publisher p = {.options = options, .board = board, .report = &board->publishers[number], .next = number};
    struct process process;
    process_init(&process, true, NULL, NULL, NULL);
    set_up(&p);
    while (board->phase == PHASE_JOIN)
        sleep_until(clock_mono_ns() + POLL_NS);
    while (p.next < board->messages && board->phase == PHASE_PUBLISH) {
        sleep_until(due(&p, p.next));
        publish_due(&p);
    }
    p.report->done = 1;
    tear_down(&p);
}
