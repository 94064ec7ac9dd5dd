/* Answers of applications: the first byte chooses the status. What is taken must be what it promises. */
#include "core/json.h"
#include "fuzz.h"
#include "proxy_answer.h"

static void check_json(struct bytes json, enum json_type type)
{
    FUZZ_CHECK(json.n == 0 || json_check(json, JSON_DEPTH_MAX, NULL) == 0);
    FUZZ_CHECK(json.n == 0 || type == JSON_NONE || json_type(json) == type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes row = BYTES("404 error 404 gone");
    struct proxy_answer a;
    const char *why = NULL;
    if (size == 0)
        return 0;
    int status = data[0] == 4 ? 404 : data[0] == 5 ? 500 : 200;
    if (proxy_answer_read(status, bytes_of(data + 1, size - 1), (struct texts){&row, 1}, &a, &why) == 0) {
        FUZZ_CHECK(a.error <= 65535 && (a.disconnect == 0 || (a.disconnect >= 3000 && a.disconnect <= 4999)));
        FUZZ_CHECK(!a.disconnect || a.text.n <= 123);
        check_json(a.result.info, JSON_NONE);
        check_json(a.result.data, JSON_NONE);
        check_json(a.result.tags, JSON_OBJECT);
        check_json(a.result.meta, JSON_OBJECT);
        check_json(a.result.channels, JSON_ARRAY);
        FUZZ_CHECK(status != 500);
    } else {
        FUZZ_CHECK(why != NULL);
    }
    proxy_answer_fini(&a);
    return 0;
}
