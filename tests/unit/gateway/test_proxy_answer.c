#include "proxy_answer.h"

#include "nested.h"
#include "unit.h"

static struct proxy_answer a;
static const char *why;

static int read_status(int status, const char *body, struct texts transforms)
{
    proxy_answer_fini(&a);
    why = "";
    return proxy_answer_read(status, bytes_str(body), transforms, &a, &why);
}

static int read_body(const char *body)
{
    return read_status(200, body, (struct texts){0});
}

START_TEST(a_result_has_the_fields_of_all_events)
{
    ck_assert_int_eq(read_body(" {\"result\":{\"user\":\"\\u0062ob\",\"info\":{\"n\":1},\"data\":[1, 2],\"meta\":{\"m\":1},\"tags\":{\"t\":\"x\"},"
                               "\"channels\":[\"a\"],\"subs\":{\"b\":{}},\"override\":{},\"idempotency_key\":\"k\",\"expire_at\":1700000000,"
                               "\"expired\":true,\"version\":7,\"skip_history\":true,\"caps\":[]}} "),
                     0);
    ck_assert_uint_eq(a.error + a.disconnect, 0);
    ck_assert_bytes(a.result.user, "bob");
    ck_assert_bytes(a.result.info, "{\"n\":1}");
    ck_assert_bytes(a.result.data, "[1, 2]");
    ck_assert_bytes(a.result.meta, "{\"m\":1}");
    ck_assert_bytes(a.result.tags, "{\"t\":\"x\"}");
    ck_assert_bytes(a.result.channels, "[\"a\"]");
    ck_assert_bytes(a.result.subs, "{\"b\":{}}");
    ck_assert_bytes(a.result.key, "k");
    ck_assert_int_eq(a.result.expire_at, 1700000000);
    ck_assert(a.result.expired);
    ck_assert_uint_eq(a.result.version, 7);
    ck_assert_int_eq(read_body("{\"result\":{},\"error\":null}"), 0);
    ck_assert_uint_eq(a.result.user.n + a.result.data.n, 0);
}
END_TEST

START_TEST(base64_wins_and_has_to_hold_json)
{
    ck_assert_int_eq(read_body("{\"result\":{\"data\":1,\"b64data\":\"eyJhIjoxfQ==\",\"b64info\":\"MQ==\"}}"), 0);
    ck_assert_bytes(a.result.data, "{\"a\":1}");
    ck_assert_bytes(a.result.info, "1");
    ck_assert_int_eq(read_body("{\"result\":{\"data\":1,\"b64data\":\"\"}}"), 0);
    ck_assert_bytes(a.result.data, "1");
    ck_assert_int_lt(read_body("{\"result\":{\"b64data\":\"!\"}}"), 0);
    ck_assert_str_eq(why, "b64data");
    ck_assert_int_lt(read_body("{\"result\":{\"b64data\":\"AAE=\"}}"), 0);
}
END_TEST

START_TEST(an_error_goes_before_a_result_and_a_disconnect_before_both)
{
    ck_assert_int_eq(read_body("{\"result\":{},\"error\":{\"code\":1000,\"message\":\"not today\",\"temporary\":true}}"), 0);
    ck_assert_uint_eq(a.error, 1000);
    ck_assert_bytes(a.text, "not today");
    ck_assert(a.temporary);
    ck_assert_int_eq(read_body("{\"error\":{\"code\":1},\"disconnect\":{\"code\":4500,\"reason\":\"go\"}}"), 0);
    ck_assert_uint_eq(a.error, 0);
    ck_assert_uint_eq(a.disconnect, 4500);
    ck_assert_bytes(a.text, "go");
}
END_TEST

START_TEST(a_reason_is_cut_between_characters)
{
    char body[400] = "{\"disconnect\":{\"code\":4000,\"reason\":\"";
    for (int i = 0; i < 62; i++)
        strcat(body, "ü"); /* 124 bytes */
    strcat(body, "\"}}");
    ck_assert_int_eq(read_body(body), 0);
    ck_assert_uint_eq(a.text.n, 122);
}
END_TEST

START_TEST(what_is_no_answer_says_why)
{
    static const struct {
        const char *body, *why;
    } rows[] = {
        {"", "it is no JSON object"},
        {"[]", "it is no JSON object"},
        {"{\"result\":{}", "it is no JSON object"},
        {"{}", "result is no object"},
        {"{\"result\":null}", "result is no object"},
        {"{\"result\":1}", "result is no object"},
        {"{\"result\":{\"user\":42}}", "user"},
        {"{\"result\":{\"user\":\"\\u0000\"}}", "user"},
        {"{\"result\":{\"expire_at\":\"1\"}}", "expire_at"},
        {"{\"result\":{\"expired\":1}}", "expired"},
        {"{\"result\":{\"tags\":[]}}", "tags"},
        {"{\"result\":{\"channels\":{}}}", "channels"},
        {"{\"error\":{}}", "error is none: a code from 1 to 65535 is wanted"},
        {"{\"error\":{\"code\":0}}", "error is none: a code from 1 to 65535 is wanted"},
        {"{\"error\":{\"code\":1,\"message\":2}}", "error is none: a code from 1 to 65535 is wanted"},
        {"{\"disconnect\":{\"code\":1000}}", "disconnect is none: a code from 3000 to 4999 is wanted"},
        {"{\"disconnect\":{\"code\":5000}}", "disconnect is none: a code from 3000 to 4999 is wanted"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_int_lt(read_body(rows[i].body), 0);
        ck_assert_str_eq(why, rows[i].why);
    }
}
END_TEST

START_TEST(a_status_means_what_the_tenant_says)
{
    struct bytes rows[] = {BYTES("404 error 1404 not found"), BYTES("429 temporary 1429 later"), BYTES("403 disconnect 4403 go away")};
    struct texts transforms = {rows, 3};
    ck_assert_int_eq(read_status(404, "<html>", transforms), 0);
    ck_assert_uint_eq(a.error, 1404);
    ck_assert(!a.temporary);
    ck_assert_bytes(a.text, "not found");
    ck_assert_int_eq(read_status(429, "", transforms), 0);
    ck_assert(a.temporary);
    ck_assert_int_eq(read_status(403, "", transforms), 0);
    ck_assert_uint_eq(a.disconnect, 4403);
    ck_assert_int_lt(read_status(500, "{\"result\":{}}", transforms), 0);
    ck_assert_str_eq(why, "the status is not 200");
    proxy_answer_fini(&a);
}
END_TEST

START_TEST(data_is_as_deep_as_it_may_be_by_itself)
{
    for (int levels = 128; levels < 130; levels++) {
        struct buf body = nested("{\"result\":{\"data\":", levels, "}}");
        ck_assert_int_eq(read_body(body.p) == 0, levels == 128);
        buf_fini(&body);
    }
    ck_assert_str_eq(why, "it has data that is nested deeper than 128 levels");
}
END_TEST

UNIT_MAIN("gateway/proxy_answer", a_result_has_the_fields_of_all_events, base64_wins_and_has_to_hold_json,
          an_error_goes_before_a_result_and_a_disconnect_before_both, a_reason_is_cut_between_characters,
          what_is_no_answer_says_why, data_is_as_deep_as_it_may_be_by_itself, a_status_means_what_the_tenant_says)
