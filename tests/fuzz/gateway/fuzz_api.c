/* Requests to the HTTP API: the first line is the path, the rest the body. Whatever it starts
 * is answered, each third time with an error; some requests are given up half-way. Every answer
 * is one, and is JSON where it says so. */
#include "api.h"
#include "core/json.h"
#include "fake_ops.h"
#include "fuzz.h"

static struct config *config;
static unsigned answers;

static void setup(void)
{
    static const char json[] =
        "{\"tenants\":[{\"name\":\"default\"},{\"name\":\"acme\"}],\"namespaces\":["
        "{\"tenant\":\"default\",\"name\":\"\",\"options\":{\"presence\":true}},"
        "{\"tenant\":\"default\",\"name\":\"bin\",\"options\":{\"format\":\"binary\"}},"
        "{\"tenant\":\"acme\",\"name\":\"\",\"options\":{\"presence\":true}}],"
        "\"api_keys\":[{\"sha256\":"
        "\"86be9a55762d316a3026c2836d044f5fc76e34da10e1b45feee5f18be7edb177\"}]}";
    struct buf why = {0};
    if (!config)
        FUZZ_CHECK(config_parse(bytes_str(json), BYTES(""), &config, &why) == 0);
    buf_fini(&why);
}

static void done(void *ctx, const struct api_answer *a)
{
    answers++;
    FUZZ_CHECK(a->status >= 200 && a->status < 600 && a->body.n > 0);
    bool json = bytes_is(bytes_str(a->content_type), "application/json");
    FUZZ_CHECK(!json || json_check(a->body, JSON_DEPTH_MAX, NULL) == 0);
    for (size_t i = 0; i < a->detail.n; i++)
        FUZZ_CHECK(a->detail.p[i] >= 0x20 && a->detail.p[i] < 0x7f);
}

static void answer_range(size_t at, bool fail)
{
    struct buf list = {0};
    struct publication p = {
        .seq = 5, .id = 9, .time_ms = 4900, .data = BYTES("{\"a\":\n1}"), .tags = BYTES("{ }")};
    wire_put_publication(&list, &p);
    fake_range(at, fail ? 100 : 0, 7, 5, fake_ops[at].limit ? buf_bytes(&list) : BYTES(""));
    buf_fini(&list);
}

static void answer(size_t at)
{
    static const char *const good[] = {"{\"count\":1}", NULL}, *const bad[] = {
                                                                   "{\"error\":100}", NULL};
    const struct fake_op *op = &fake_ops[at];
    bool fail = at % 3 == 2;
    FUZZ_CHECK(op->kind != FAKE_PUBLISH ||
               (op->data.n > 0 && op->data.n <= DATA_MAX && op->after.n <= 8 * 320));
    FUZZ_CHECK(op->kind != FAKE_PUBLISH || format_is_binary(op->format) ||
               json_check(buf_bytes(&op->data), JSON_DEPTH_MAX, NULL) == 0);
    if (op->kind == FAKE_PUBLISH)
        fake_published(at, fail ? 111 : 0, 7, at + 1);
    else if (op->kind == FAKE_READ)
        answer_range(at, fail);
    else if (op->kind == FAKE_PRESENCE)
        fake_presence(at, fail ? 100 : 0, 2, 1, BYTES(""));
    else
        fake_called(at, 1, fail ? bad : good);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t n = line ? (size_t)(line - data) : size, skip = line ? n + 1 : n;
    setup();
    fake_reset();
    answers = 0;
    struct api_request r = {.config = config,
                            .http_method = BYTES("POST"),
                            .path = bytes_of(data, n),
                            .api_key = BYTES("K"),
                            .body = bytes_of(data + skip, size - skip),
                            .now_ms = 5000};
    struct api_call *call = api_handle(fake_gateway, &r, done, NULL);
    FUZZ_CHECK((call == NULL) == (answers == 1));
    size_t give_up = size % 7 == 0 ? size % 5 : SIZE_MAX, at = 0;
    for (; answers == 0 && at < give_up; at++) {
        FUZZ_CHECK(at < fake_n); /* else it waits for nothing */
        answer(at);
    }
    if (answers == 0)
        api_cancel(call);
    FUZZ_CHECK(fake_waiting() == 0);
    FUZZ_CHECK(answers == 1 || at == give_up);
    return 0;
}
