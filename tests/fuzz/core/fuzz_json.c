/* The scanner against its own promises, and against jansson: what that reads passes the check.
 */
#include "core/json.h"

#include "fuzz.h"
#include "jansson_reads.h"

#define DEPTH 2048 /* jansson's own bound */

static void walk(struct bytes whole, struct bytes value, int depth);

static void inside(struct bytes whole, struct bytes part)
{
    FUZZ_CHECK(part.n > 0 && part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_text(struct bytes value)
{
    struct buf text = {0}, again = {0}, back = {0};
    if (json_string(value, &text) == 0) {
        json_append_string(&again, buf_bytes(&text));
        FUZZ_CHECK(json_check(buf_bytes(&again), 1, NULL) == 0);
        FUZZ_CHECK(json_string(buf_bytes(&again), &back) == 0);
        FUZZ_CHECK(bytes_equal(buf_bytes(&text), buf_bytes(&back)));
    } else {
        FUZZ_CHECK(text.n == 0);
    }
    buf_fini(&text);
    buf_fini(&again);
    buf_fini(&back);
}

static void check_number(struct bytes value)
{
    uint64_t u;
    int64_t i;
    if (json_u64(value, &u) && u <= INT64_MAX)
        FUZZ_CHECK(json_i64(value, &i) && (uint64_t)i == u);
    (void)json_i64(value, &i);
}

static void walk_nested(struct bytes whole, struct bytes value, int depth)
{
    struct json_iter it;
    struct bytes key, item;
    json_object_each (&it, value, &key, &item) {
        inside(whole, key);
        FUZZ_CHECK(json_type(key) == JSON_STRING);
        check_text(key);
        (void)json_key_is(key, "a");
        walk(whole, item, depth + 1);
    }
    json_array_each (&it, value, &item)
        walk(whole, item, depth + 1);
}

static void walk(struct bytes whole, struct bytes value, int depth)
{
    inside(whole, value);
    FUZZ_CHECK(json_check(value, DEPTH, NULL) == 0);
    switch (json_type(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        if (depth < 6)
            walk_nested(whole, value, depth);
        break;
    case JSON_STRING:
        check_text(value);
        break;
    case JSON_NUMBER:
        check_number(value);
        break;
    default:
        FUZZ_CHECK(json_type(value) != JSON_NONE);
    }
}

static void check_line(struct bytes text)
{
    struct buf line = {0};
    json_append_line(&line, text);
    FUZZ_CHECK(line.n == text.n && !memchr(line.p, '\n', line.n) &&
               !memchr(line.p, '\r', line.n));
    FUZZ_CHECK(json_check(buf_bytes(&line), DEPTH, NULL) == 0);
    buf_fini(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    struct buf any = {0};
    size_t at = 0;
    int verdict = json_check(text, DEPTH, &at);
    FUZZ_CHECK(verdict == 0 || at <= size);
    json_append_string(&any, text);
    FUZZ_CHECK(json_check(buf_bytes(&any), 1, NULL) == 0);
    buf_fini(&any);
    if (verdict == 0) {
        walk(text, json_trim(text), 0);
        check_line(text);
        (void)json_member(text, "a");
        return 0;
    }
    if (size == 0 || memchr(text.p, 0, size))
        return 0; /* jansson stops at a NUL */
    FUZZ_CHECK(!jansson_reads(text));
    return 0;
}
