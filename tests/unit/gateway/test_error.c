#include "error.h"

#include "unit.h"

START_TEST(the_codes_are_the_protocols)
{
    static const struct {
        uint32_t code;
        const char *message;
        bool temporary;
        int http;
    } want[] = {
        {100, "internal server error", true, 500},
        {101, "unauthorized", false, 401},
        {102, "unknown channel", false, 404},
        {103, "permission denied", false, 403},
        {104, "method not found", false, 404},
        {105, "already subscribed", false, 400},
        {106, "limit exceeded", false, 400},
        {107, "bad request", false, 400},
        {108, "not available", false, 400},
        {109, "token expired", false, 400},
        {110, "expired", false, 400},
        {111, "too many requests", true, 429},
        {112, "unrecoverable position", false, 416},
        {113, "concurrent pagination", true, 409},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        ck_assert_str_eq(error_message(want[i].code), want[i].message);
        ck_assert(error_temporary(want[i].code) == want[i].temporary);
        ck_assert_int_eq(error_http(want[i].code), want[i].http);
    }
}
END_TEST

START_TEST(a_code_that_is_none_is_internal)
{
    struct buf b = {0};
    error_json(&b, 4711, false);
    ck_assert_bytes(buf_bytes(&b), "{\"code\":100,\"message\":\"internal server error\"}");
    buf_fini(&b);
}
END_TEST

START_TEST(replies_to_clients_say_what_is_temporary)
{
    struct buf b = {0};
    error_json(&b, 111, true);
    error_json(&b, 103, true);
    ck_assert_bytes(buf_bytes(&b),
                    "{\"code\":111,\"message\":\"too many requests\",\"temporary\":true}"
                    "{\"code\":103,\"message\":\"permission denied\"}");
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("gateway/error", the_codes_are_the_protocols, a_code_that_is_none_is_internal,
          replies_to_clients_say_what_is_temporary)
