#include "api.h"

#include "api_call.h"
#include "core/json.h"
#include "error.h"
#include "gateway.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- doors: which method, who asks */

bool api_is_path(struct bytes path)
{
    return bytes_is(path, "/api") || bytes_starts(path, BYTES("/api/"));
}

static bool is_batch(struct bytes name)
{
    return bytes_is(name, "batch");
}

/* RFC 3986, 2.1; a + stays a +, as keys have them. */
static void percent_decode(struct bytes text, struct buf *into)
{
    for (size_t i = 0; i < text.n; i++) {
        int high = i + 2 < text.n && text.p[i] == '%' ? bytes_hex_digit(text.p[i + 1]) : -1;
        int low = high >= 0 ? bytes_hex_digit(text.p[i + 2]) : -1;
        buf_append_char(into, low >= 0 ? (char)(high << 4 | low) : text.p[i]);
        i += low >= 0 ? 2 : 0;
    }
}

/* Value of a parameter of the query, decoded. Empty when there is none. */
static void query_value(struct bytes query, struct bytes name, struct buf *into)
{
    while (query.n) {
        const char *amp = memchr(query.p, '&', query.n);
        struct bytes one = bytes_of(query.p, amp ? (size_t)(amp - query.p) : query.n);
        size_t used = one.n + (amp ? 1 : 0);
        query = bytes_of(query.p + used, query.n - used);
        if (one.n > name.n && bytes_starts(one, name) && one.p[name.n] == '=')
            return percent_decode(bytes_of(one.p + name.n + 1, one.n - name.n - 1), into);
    }
}

/* The first of the three places that has a key decides. */
static const struct config_api_key *find_key(const struct api_request *r)
{
    const struct config_api_key *key;
    struct bytes given = r->api_key;
    struct buf decoded;
    buf_init(&decoded);
    if (given.n == 0 && r->authorization.n > 7 &&
        strncasecmp(r->authorization.p, "apikey ", 7) == 0)
        given = json_trim(bytes_of(r->authorization.p + 7, r->authorization.n - 7));
    if (given.n == 0) {
        query_value(r->query, BYTES("api_key"), &decoded);
        given = buf_bytes(&decoded);
    }
    key = config_api_key(r->config, given);
    buf_fini(&decoded);
    return key;
}

/* ---- an answer before there is a call */

static struct api_call *answer_text(api_done_fn *done, void *ctx, int status, const char *fmt,
                                    ...) __attribute__((format(printf, 4, 5)));

static struct api_call *answer_text(api_done_fn *done, void *ctx, int status, const char *fmt,
                                    ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct api_answer answer = {.status = status,
                                .content_type = "text/plain; charset=utf-8",
                                .body = bytes_str(text),
                                .method = ""};
    done(ctx, &answer);
    return NULL;
}

/* ---- from a body to commands */

static void add_op(struct api_call *call, struct bytes method, struct bytes params)
{
    struct api_op *op = &call->ops[call->n_ops++];
    op->call = call;
    op->method = api_method_find(method);
    op->too_deep = call->deep && json_check(params, API_PARAMS_DEPTH, NULL) < 0;
    op->params = op->too_deep ? bytes_of(NULL, 0) : params;
}

/* The name of a command is the member that is a method; {"publish":{…}}. */
static void add_command(struct api_call *call, struct bytes command)
{
    struct json_iter it;
    struct bytes key, value, name = {0}, params = {0};
    json_object_each (&it, command, &key, &value) {
        struct bytes bare = bytes_of(key.p + 1, key.n - 2);
        if (name.n == 0 || api_method_find(bare)) {
            name = bare;
            params = value;
        }
    }
    bool is_object = json_type(params) == JSON_OBJECT;
    add_op(call, is_object ? name : bytes_of(NULL, 0), is_object ? params : BYTES("{}"));
}

/* -> 0, or the error of the request as a whole */
static uint32_t add_commands(struct api_call *call, struct bytes params)
{
    struct json_iter it;
    struct bytes commands = json_member(params, "commands"),
                 parallel = json_member(params, "parallel"), item;
    size_t n = 0;
    bool none = json_is_absent(commands);
    if (!none && json_type(commands) != JSON_ARRAY)
        return 107;
    json_array_each (&it, commands, &item)
        n++;
    if (n > (size_t)call->gateway->options->api_commands_max)
        return 107;
    call->batch = true;
    call->window = json_type(parallel) == JSON_TRUE ? API_WINDOW : 1;
    call->ops = calloc(n + 1, sizeof *call->ops);
    assert(call->ops);
    json_array_each (&it, commands, &item)
        add_command(call, item);
    return 0;
}

static struct api_call *call_new(struct gateway *g, const struct api_request *r,
                                 const struct config_api_key *key, api_done_fn *done, void *ctx)
{
    struct api_call *call = calloc(1, sizeof *call);
    assert(call);
    call->gateway = g;
    call->config = config_ref(r->config);
    call->tenant = key->tenant;
    call->now_ms = r->now_ms;
    call->done = done;
    call->ctx = ctx;
    call->method = "";
    call->window = 1;
    call->transport_errors = bytes_is(r->error_mode, API_ERRORS_TRANSPORT);
    buf_append_bytes(&call->body, r->body);
    return call;
}

/* `method` is empty for the legacy form, whose body names it. -> 0, or the error of the request
 * as a whole */
static uint32_t call_fill(struct api_call *call, struct bytes method)
{
    struct bytes params = buf_bytes(&call->body);
    if (method.n == 0) {
        struct bytes name = json_member(params, "method");
        method = json_type(name) == JSON_STRING ? bytes_of(name.p + 1, name.n - 2)
                                                : bytes_of(NULL, 0);
        params = json_member(params, "params");
        if (json_type(params) != JSON_OBJECT)
            params = BYTES("{}");
    }
    if (is_batch(method)) {
        call->method = "batch";
        return add_commands(call, params);
    }
    call->ops = calloc(1, sizeof *call->ops);
    assert(call->ops);
    add_op(call, method, params);
    call->method = call->ops[0].method ? call->ops[0].method->name : "";
    return 0;
}

struct api_call *api_handle(struct gateway *g, const struct api_request *r, api_done_fn *done,
                            void *ctx)
{
    size_t at = 0;
    struct bytes method =
        r->path.n > 5 ? bytes_of(r->path.p + 5, r->path.n - 5) : bytes_of(NULL, 0);
    if (!api_is_path(r->path) || bytes_is(r->path, "/api/") ||
        (method.n && !is_batch(method) && !api_method_find(method)))
        return answer_text(done, ctx, 404, "there is no such method\n");
    if (!bytes_is(r->http_method, "POST"))
        return answer_text(done, ctx, 405, "the API takes POST only\n");
    if (!r->config)
        return answer_text(done, ctx, 503, "this gateway has no configuration yet\n");
    const struct config_api_key *key = find_key(r);
    if (!key)
        return answer_text(
            done, ctx, 401,
            "no API key, or not one of ours: X-API-Key, Authorization: apikey, ?api_key=\n");
    if (r->body.n > API_BODY_MAX)
        return answer_text(done, ctx, 413, "a body is at most %d bytes\n", API_BODY_MAX);
    int good = json_check(r->body, API_PARAMS_DEPTH, &at);
    if (good < 0 && good != -E2BIG)
        return answer_text(done, ctx, 400, "the body is not JSON: byte %zu of %zu\n", at,
                           r->body.n);
    if (json_type(r->body) != JSON_OBJECT)
        return answer_text(done, ctx, 400, "the body is not a JSON object\n");
    struct api_call *call = call_new(g, r, key, done, ctx);
    call->deep = good == -E2BIG;
    if (call_fill(call, method)) {
        api_call_free(call);
        return answer_text(done, ctx, 400, "commands: an array of at most %lld (--api-commands-max)\n",
                           (long long)g->options->api_commands_max);
    }
    return api_call_drive(call) ? NULL : call;
}

void api_cancel(struct api_call *call)
{
    api_call_free(call);
}

/* ---- from results to an answer */

static void print_replies(const struct api_call *call, struct buf *into)
{
    buf_append_str(into, "{\"replies\":[");
    for (size_t i = 0; i < call->n_ops; i++) {
        const struct api_op *op = &call->ops[i];
        buf_append_str(into, i ? ",{" : "{");
        if (op->code) {
            buf_append_str(into, "\"error\":");
            error_json(into, op->code, false);
        } else {
            buf_printf(into, "\"%s\":", op->method->name);
            buf_append_bytes(into, buf_bytes(&op->result));
        }
        buf_append_char(into, '}');
    }
    buf_append_str(into, "]}");
}

static void print_single(const struct api_call *call, const struct api_op *op, struct buf *into)
{
    bool bare = op->code && call->transport_errors;
    if (!bare)
        buf_append_str(into, op->code ? "{\"error\":" : "{\"result\":");
    if (op->code)
        error_json(into, op->code, false);
    else
        buf_append_bytes(into, buf_bytes(&op->result));
    if (!bare)
        buf_append_char(into, '}');
}

void api_call_answer(struct api_call *call)
{
    const struct api_op *op = call->ops;
    struct buf body;
    buf_init(&body);
    if (call->batch)
        print_replies(call, &body);
    else
        print_single(call, op, &body);
    uint32_t code = call->batch ? 0 : op->code;
    bool as_status = code && (op->malformed || call->transport_errors);
    struct api_answer answer = {
        .status = as_status ? error_http(code) : 200,
        .content_type = "application/json",
        .body = buf_bytes(&body),
        .detail = bytes_str(call->detail),
        .method = call->method,
        .code = code,
    };
    call->done(call->ctx, &answer);
    buf_fini(&body);
}
