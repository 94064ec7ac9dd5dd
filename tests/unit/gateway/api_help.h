/* One request to the API under test, and what came of it. */
#ifndef TESTS_GATEWAY_API_HELP_H
#define TESTS_GATEWAY_API_HELP_H

#include "api.h"
#include "fake_ops.h"
#include "unit.h"

#include <stdio.h>

/* Keys: K is for all tenants, D for default, A for acme. Namespaces of default: "" (presence,
 * history), off (neither), bin (binary), typing (ephemeral); acme: "". */
static const char api_config[] =
    "{\"tenants\":[{\"name\":\"default\"},{\"name\":\"acme\"},{\"name\":\"cellcast\"}],"
    "\"namespaces\":["
    "{\"tenant\":\"default\",\"name\":\"\",\"options\":{\"presence\":true}},"
    "{\"tenant\":\"default\",\"name\":\"off\",\"options\":{\"history_limit\":0}},"
    "{\"tenant\":\"default\",\"name\":\"bin\",\"options\":{\"format\":\"binary\"}},"
    "{\"tenant\":\"default\",\"name\":\"typing\",\"options\":{\"ephemeral\":true}},"
    "{\"tenant\":\"acme\",\"name\":\"\",\"options\":{\"presence\":true}},{\"tenant\":"
    "\"cellcast\",\"name\":\"\"}],"
    "\"api_keys\":[{\"sha256\":"
    "\"86be9a55762d316a3026c2836d044f5fc76e34da10e1b45feee5f18be7edb177\",\"tenant\":null},"
    "{\"sha256\":\"3f39d5c348e5b79d06e842c114e6cc571583bbf44e4b0ebfda1a01ec05745d43\","
    "\"tenant\":\"default\"},"
    "{\"sha256\":\"559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd\","
    "\"tenant\":\"acme\"}]}";

static struct {
    int times, status;
    uint32_t code;
    char content_type[64], method[32], detail[128];
    struct buf body;
    struct api_call *call; /* under way */
} api;

static inline void api_done(void *ctx, const struct api_answer *a)
{
    ck_assert_ptr_eq(ctx, &api);
    api.times++;
    api.status = a->status;
    api.code = a->code;
    snprintf(api.content_type, sizeof api.content_type, "%s", a->content_type);
    snprintf(api.method, sizeof api.method, "%s", a->method);
    snprintf(api.detail, sizeof api.detail, "%.*s", BYTES_FMT(a->detail));
    buf_clear(&api.body);
    buf_append_bytes(&api.body, a->body);
}

/* Sends a request whose memory is gone afterwards. */
static inline void api_send(struct api_request r)
{
    struct config *config = NULL;
    struct buf why = {0};
    fake_reset();
    buf_fini(&api.body);
    memset(&api, 0, sizeof api);
    ck_assert_int_eq(config_parse(bytes_str(api_config), BYTES(""), &config, &why), 0);
    char *body = malloc(r.body.n + 1);
    memcpy(body, r.body.n ? r.body.p : "", r.body.n);
    r.body.p = body;
    r.config = config;
    r.now_ms = r.now_ms ? r.now_ms : 5000;
    r.http_method = r.http_method.n ? r.http_method : BYTES("POST");
    api.call = api_handle(fake_gateway, &r, api_done, &api);
    ck_assert((api.call == NULL) == (api.times == 1));
    free(body);
    config_unref(config);
    buf_fini(&why);
}

static inline void api_post(const char *key, const char *path, const char *body)
{
    api_send((struct api_request){
        .path = bytes_str(path), .api_key = bytes_str(key), .body = bytes_str(body)});
}

static inline void api_end(void)
{
    fake_reset();
    buf_fini(&api.body);
}

#define API_ANSWERED(want_status, want_body)                                                   \
    do {                                                                                       \
        ck_assert_msg(api.times == 1, "answered %d times", api.times);                         \
        ck_assert_msg(api.status == (want_status), "%d %s", api.status, api.body.p);           \
        ck_assert_bytes(buf_bytes(&api.body), want_body);                                      \
    } while (0)
#define API_ERROR(want_code, message)                                                          \
    API_ANSWERED(200, "{\"error\":{\"code\":" #want_code ",\"message\":\"" message "\"}}")

#endif
