/* The doors of the API: method, path, key, body, batch, cancelling. */
#include "api_help.h"
#include "nested.h"

#define EMPTY "{\"channel\":\"news\"}"

START_TEST(only_post_is_taken)
{
    api_send((struct api_request){.http_method = BYTES("GET"),
                                  .path = BYTES("/api/info"),
                                  .api_key = BYTES("K"),
                                  .body = BYTES("{}")});
    API_ANSWERED(405, "the API takes POST only\n");
    api_send((struct api_request){
        .http_method = BYTES("PUT"), .path = BYTES("/api"), .api_key = BYTES("K")});
    ck_assert_int_eq(api.status, 405);
    api_end();
}
END_TEST

START_TEST(unknown_paths_are_404)
{
    static const char *const bad[] = {
        "/api/", "/api/nope", "/api/publish/", "/api/Publish", "/apix",
        "/",     "",          "/api//publish", "/api/method"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        api_post("K", bad[i], "{}");
        ck_assert_msg(api.status == 404, "%s: %d", bad[i], api.status);
    }
    ck_assert(api_is_path(BYTES("/api")) && api_is_path(BYTES("/api/x")) &&
              !api_is_path(BYTES("/apix")) && !api_is_path(BYTES("/")));
    api_end();
}
END_TEST

START_TEST(a_key_comes_in_one_of_three_places)
{
    static const struct {
        const char *header, *authorization, *query;
        int status;
    } cases[] = {
        {"K", "", "", 200},
        {"", "apikey K", "", 200},
        {"", "ApiKey  K ", "", 200},
        {"", "", "api_key=K", 200},
        {"", "", "x=1&api_key=%4b&y", 200},
        {"", "Basic Zm9v", "api_key=K", 200},
        {"K", "apikey wrong", "api_key=wrong", 200}, /* the first that speaks */
        {"wrong", "apikey K", "", 401},
        {"", "apikey wrong", "api_key=K", 401},
        {"", "", "", 401},
        {"", "K", "", 401},
        {"", "apikey", "", 401},
        {"", "apikey ", "", 401},
        {"", "Bearer K", "", 401},
        {"", "", "api_key=", 401},
        {"", "", "api_key", 401},
        {"", "", "api_keys=K", 401},
        {"", "", "api_key=%4", 401},
        {"k", "", "", 401},
        {"86be9a55762d316a3026c2836d044f5fc76e34da10e1b45feee5f18be7edb177", "", "", 401},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        api_send((struct api_request){.path = BYTES("/api/rpc"),
                                      .api_key = bytes_str(cases[i].header),
                                      .authorization = bytes_str(cases[i].authorization),
                                      .query = bytes_str(cases[i].query),
                                      .body = BYTES("{}")});
        ck_assert_msg(api.status == cases[i].status, "case %zu: %d", i, api.status);
    }
    api_end();
}
END_TEST

START_TEST(a_body_that_is_no_json_object_is_400)
{
    static const char *const bad[] = {"",     " ",          "x",
                                      "[]",   "\"a\"",      "null",
                                      "1",    "{",          "{\"channel\":\"news\"",
                                      "{}{}", "{\"a\":1,}", "{'a':1}",
                                      "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        api_post("K", "/api/publish", bad[i]);
        ck_assert_msg(api.status == 400, "%s: %d", bad[i], api.status);
        ck_assert_str_eq(api.content_type, "text/plain; charset=utf-8");
    }
    api_post("K", "/api/publish", "{\"channel\":\"x\",\"data\":}");
    API_ANSWERED(400, "the body is not JSON: byte 22 of 23\n");
    api_end();
}
END_TEST

START_TEST(a_body_beyond_the_limit_is_413)
{
    struct buf body = {0};
    buf_append_str(&body, "{}");
    while (body.n <= API_BODY_MAX)
        buf_append_char(&body, ' ');
    api_send((struct api_request){
        .path = BYTES("/api/info"), .api_key = BYTES("K"), .body = buf_bytes(&body)});
    ck_assert_int_eq(api.status, 413);
    buf_fini(&body);
    api_end();
}
END_TEST

START_TEST(what_is_not_offered_says_so)
{
    api_post("K", "/api/rpc", "{\"method\":\"x\"}");
    API_ERROR(104, "method not found");
    api_end();
}
END_TEST

START_TEST(the_legacy_form_names_the_method_in_its_body)
{
    api_post("K", "/api", "{\"method\":\"presence_stats\",\"params\":{\"channel\":\"news\"}}");
    ck_assert_bytes(buf_bytes(&fake_ops[0].channel), "default/news");
    fake_presence(0, 0, 1, 1, BYTES(""));
    API_ANSWERED(200, "{\"result\":{\"num_clients\":1,\"num_users\":1}}");
    ck_assert_str_eq(api.method, "presence_stats");
    api_post("K", "/api", "{\"method\":\"nope\",\"params\":{}}");
    API_ERROR(104, "method not found");
    api_post("K", "/api", "{}");
    API_ERROR(104, "method not found");
    api_post("K", "/api", "{\"method\":5}");
    API_ERROR(104, "method not found");
    api_post("K", "/api", "{\"method\":\"publish\"}");
    API_ERROR(107, "bad request");
    api_post("K", "/api", "{\"method\":\"batch\",\"params\":{\"commands\":[]}}");
    API_ANSWERED(200, "{\"replies\":[]}");
    api_end();
}
END_TEST

START_TEST(in_transport_mode_an_error_is_a_status)
{
    static const struct {
        const char *path, *body;
        int status;
        const char *answer;
    } cases[] = {
        {"/api/rpc", "{}", 404, "{\"code\":104,\"message\":\"method not found\"}"},
        {"/api/publish", "{\"channel\":\"nope:x\",\"data\":{}}", 404,
         "{\"code\":102,\"message\":\"unknown channel\"}"},
        {"/api/publish", "{\"data\":{}}", 400, "{\"code\":107,\"message\":\"bad request\"}"},
        {"/api/history", "{\"channel\":\"off:x\"}", 400,
         "{\"code\":108,\"message\":\"not available\"}"},
        {"/api/history", "{\"channel\":\"news\",\"since\":{\"offset\":1,\"epoch\":\"x\"}}", 416,
         "{\"code\":112,\"message\":\"unrecoverable position\"}"},
        {"/api/batch", "{\"commands\":[{\"rpc\":{}}]}", 200,
         "{\"replies\":[{\"error\":{\"code\":104,\"message\":\"method not found\"}}]}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        api_send((struct api_request){.path = bytes_str(cases[i].path),
                                      .api_key = BYTES("K"),
                                      .error_mode = BYTES("transport"),
                                      .body = bytes_str(cases[i].body)});
        API_ANSWERED(cases[i].status, cases[i].answer);
    }
    api_send((struct api_request){.path = BYTES("/api/presence_stats"),
                                  .api_key = BYTES("K"),
                                  .error_mode = BYTES("transport"),
                                  .body = BYTES(EMPTY)});
    fake_presence(0, 0, 2, 1, BYTES(""));
    API_ANSWERED(200, "{\"result\":{\"num_clients\":2,\"num_users\":1}}");
    api_end();
}
END_TEST

/* Every code that the cluster can answer with, protocol.md 15 and our own. */
START_TEST(each_code_has_its_status_in_transport_mode)
{
    static const struct {
        uint32_t code;
        int status;
    } cases[] = {{100, 500}, {102, 404}, {103, 403}, {104, 404}, {106, 400}, {107, 400}, {108, 400},
                 {111, 429}, {112, 416}, {113, 409}, {131, 429}, {132, 429}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char start[32];
        api_send((struct api_request){.path = BYTES("/api/publish"),
                                      .api_key = BYTES("K"),
                                      .error_mode = BYTES(API_ERRORS_TRANSPORT),
                                      .body = BYTES("{\"channel\":\"news\",\"data\":1}")});
        fake_published(0, cases[i].code, 0, 0);
        snprintf(start, sizeof start, "{\"code\":%u,", cases[i].code);
        ck_assert_int_eq(api.status, cases[i].status);
        ck_assert(bytes_starts(buf_bytes(&api.body), bytes_str(start)));
    }
    api_end();
}
END_TEST

START_TEST(a_batch_runs_one_after_the_other)
{
    api_post("K", "/api/batch",
             "{\"commands\":[{\"publish\":{\"channel\":\"a\",\"data\":{}}},{\"nope\":{}},{"
             "\"publish\":{\"channel\":\"b\",\"data\":{}}},{\"presence_stats\":{\"channel\":"
             "\"a\"}}]}");
    ck_assert_uint_eq(fake_n, 1);
    fake_published(0, 0, 7, 1);
    ck_assert_uint_eq(fake_n, 2);
    fake_published(1, 111, 0, 0);
    ck_assert_uint_eq(fake_n, 3);
    fake_presence(2, 0, 0, 0, BYTES(""));
    API_ANSWERED(200,
                 "{\"replies\":[{\"publish\":{\"offset\":1,\"epoch\":\"7\"}},{\"error\":{"
                 "\"code\":104,\"message\":\"method not found\"}},"
                 "{\"error\":{\"code\":111,\"message\":\"too many "
                 "requests\"}},{\"presence_stats\":{\"num_clients\":0,\"num_users\":0}}]}");
    ck_assert_str_eq(api.method, "batch");
    ck_assert_uint_eq(api.code, 0);
    api_end();
}
END_TEST

START_TEST(a_parallel_batch_runs_at_once_and_answers_in_order)
{
    struct buf body = {0};
    buf_append_str(&body, "{\"parallel\":true,\"commands\":[");
    for (int i = 0; i < 100; i++)
        buf_append_str(&body, i ? ",{\"publish\":{\"channel\":\"a\",\"data\":1}}"
                                : "{\"publish\":{\"channel\":\"a\",\"data\":1}}");
    buf_append_str(&body, "]}");
    api_post("K", "/api/batch", body.p);
    ck_assert_uint_eq(fake_n, API_WINDOW);
    fake_published(1, 0, 7, 2);
    ck_assert_uint_eq(fake_n, API_WINDOW + 1);
    for (size_t i = 0; i < 100; i++)
        if (i != 1)
            fake_published(i, 0, 7, i + 1);
    ck_assert_int_eq(api.times, 1);
    ck_assert(bytes_starts(
        buf_bytes(&api.body),
        BYTES("{\"replies\":[{\"publish\":{\"offset\":1,\"epoch\":\"7\"}},{\"publish\":{"
              "\"offset\":2,\"epoch\":\"7\"}},{\"publish\":{\"offset\":3,")));
    buf_fini(&body);
    api_end();
}
END_TEST

START_TEST(bad_batches_are_refused_as_a_whole_or_command_by_command)
{
    static const struct {
        const char *body;
        int status;
        const char *answer;
    } cases[] = {
        {"{}", 200, "{\"replies\":[]}"},
        {"{\"commands\":null}", 200, "{\"replies\":[]}"},
        {"{\"commands\":[]}", 200, "{\"replies\":[]}"},
        {"{\"commands\":{}}", 400, "commands: an array of at most 1000 (--api-commands-max)\n"},
        {"{\"commands\":5}", 400, "commands: an array of at most 1000 (--api-commands-max)\n"},
        {"{\"commands\":[5]}", 200,
         "{\"replies\":[{\"error\":{\"code\":104,\"message\":\"method not found\"}}]}"},
        {"{\"commands\":[{}]}", 200,
         "{\"replies\":[{\"error\":{\"code\":104,\"message\":\"method not found\"}}]}"},
        {"{\"commands\":[{\"batch\":{\"commands\":[]}}]}", 200,
         "{\"replies\":[{\"error\":{\"code\":104,\"message\":\"method not found\"}}]}"},
        {"{\"commands\":[{\"publish\":[]}]}", 200,
         "{\"replies\":[{\"error\":{\"code\":104,\"message\":\"method not found\"}}]}"},
        {"{\"commands\":[{\"publish\":{\"channel\":5,\"data\":{}}}]}", 200,
         "{\"replies\":[{\"error\":{\"code\":107,\"message\":\"bad request\"}}]}"},
        {"{\"commands\":[{\"publish\":{\"channel\":\"x\"}}]}", 200,
         "{\"replies\":[{\"error\":{\"code\":107,\"message\":\"bad request\"}}]}"},
        {"{\"commands\":[{\"x\":1,\"rpc\":{}}]}", 200,
         "{\"replies\":[{\"error\":{\"code\":104,\"message\":\"method not found\"}}]}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        api_post("K", "/api/batch", cases[i].body);
        API_ANSWERED(cases[i].status, cases[i].answer);
    }
    struct buf body = {0};
    buf_append_str(&body, "{\"commands\":[");
    for (int i = 0; i <= 1000; i++)
        buf_append_str(&body, i ? ",{}" : "{}");
    buf_append_str(&body, "]}");
    api_post("K", "/api/batch", body.p);
    API_ANSWERED(400, "commands: an array of at most 1000 (--api-commands-max)\n");
    fake_options.api_commands_max = 1001;
    api_post("K", "/api/batch", body.p);
    fake_options.api_commands_max = 1000;
    ck_assert_int_eq(api.status, 200);
    buf_fini(&body);
    api_end();
}
END_TEST

START_TEST(commands_behind_results_that_are_too_much_are_refused)
{
    fake_options.api_answer_max = 10;
    api_post("K", "/api/batch", "{\"commands\":[{\"presence_stats\":{\"channel\":\"a\"}},{\"presence_stats\":{\"channel\":\"a\"}}]}");
    fake_presence(0, 0, 3, 2, BYTES(""));
    fake_options.api_answer_max = 16 << 20;
    API_ANSWERED(200, "{\"replies\":[{\"presence_stats\":{\"num_clients\":3,\"num_users\":2}},"
                      "{\"error\":{\"code\":106,\"message\":\"limit exceeded\"}}]}");
    ck_assert_str_eq(api.detail, "the results are above --api-answer-max");
    api_end();
}
END_TEST

START_TEST(who_has_gone_is_told_nothing_and_leaves_nothing_behind)
{
    api_post("K", "/api/publish", "{\"channel\":\"a\",\"data\":{}}");
    api_cancel(api.call);
    ck_assert_uint_eq(fake_waiting(), 0);
    api_post("K", "/api/broadcast", "{\"channels\":[\"a\",\"b\",\"c\"],\"data\":{}}");
    fake_published(1, 0, 7, 1);
    api_cancel(api.call);
    ck_assert_uint_eq(fake_waiting(), 0);
    api_post("K", "/api/history", "{\"channel\":\"a\",\"limit\":1}");
    fake_range(0, 0, 7, 4, BYTES(""));
    api_cancel(api.call);
    ck_assert_uint_eq(fake_waiting(), 0);
    api_post("K", "/api/batch",
             "{\"parallel\":true,\"commands\":[{\"info\":{}},{\"presence\":{\"channel\":\"a\"}}"
             ",{\"rpc\":{}}]}");
    ck_assert_uint_eq(fake_n, 2);
    api_cancel(api.call);
    ck_assert_uint_eq(fake_waiting(), 0);
    ck_assert_int_eq(api.times, 0);
    api_end();
}
END_TEST

START_TEST(without_a_configuration_nobody_is_let_in)
{
    struct api_request r = {.http_method = BYTES("POST"),
                            .path = BYTES("/api/info"),
                            .api_key = BYTES("K"),
                            .body = BYTES("{}")};
    memset(&api, 0, sizeof api);
    ck_assert_ptr_null(api_handle(fake_gateway, &r, api_done, &api));
    ck_assert_int_eq(api.status, 503);
    api_end();
}
END_TEST

#define DEEP "nested deeper than 128 levels"

static void post_nested(const char *path, const char *before, int levels, const char *behind)
{
    struct buf body = nested(before, levels, behind);
    api_post("K", path, body.p);
    buf_fini(&body);
}

START_TEST(data_is_as_deep_as_it_may_be_by_itself_however_it_is_wrapped)
{
    static const struct {
        const char *path, *before, *behind;
    } rows[] = {
        {"/api/publish", "{\"channel\":\"news\",\"data\":", "}"},
        {"/api", "{\"method\":\"publish\",\"params\":{\"channel\":\"news\",\"data\":", "}}"},
        {"/api/batch", "{\"commands\":[{\"publish\":{\"channel\":\"news\",\"data\":", "}}]}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        post_nested(rows[i].path, rows[i].before, 128, rows[i].behind);
        ck_assert_msg(api.call, "%s: %d %s", rows[i].path, api.status, api.detail);
        api_cancel(api.call);
        api_end();
        for (int levels = 129; levels < 100000; levels = levels < 134 ? levels + 1 : 100 * levels) {
            post_nested(rows[i].path, rows[i].before, levels, rows[i].behind);
            ck_assert_int_eq(api.status, 200);
            ck_assert_str_eq(api.detail, DEEP);
            ck_assert_ptr_nonnull(memmem(api.body.p, api.body.n, "\"code\":107", 10));
        }
    }
    api_end();
}
END_TEST

START_TEST(who_is_in_a_batch_with_what_is_too_deep_is_not_concerned)
{
    post_nested("/api/batch", "{\"commands\":[{\"rpc\":{}},{\"publish\":{\"channel\":\"news\",\"data\":", 200, "}},{\"rpc\":{}}]}");
    API_ANSWERED(200, "{\"replies\":[{\"error\":{\"code\":104,\"message\":\"method not found\"}},{\"error\":{\"code\":107,\"message\":\"bad request\"}},"
                      "{\"error\":{\"code\":104,\"message\":\"method not found\"}}]}");
    ck_assert_str_eq(api.detail, DEEP);
    post_nested("/api/publish", "{\"channel\":\"news\",\"data\":", 200, "} x");
    ck_assert_int_eq(api.status, 400);
    api_end();
}
END_TEST

UNIT_MAIN("gateway/api", only_post_is_taken, unknown_paths_are_404,
          a_key_comes_in_one_of_three_places, a_body_that_is_no_json_object_is_400, data_is_as_deep_as_it_may_be_by_itself_however_it_is_wrapped,
          who_is_in_a_batch_with_what_is_too_deep_is_not_concerned,
          a_body_beyond_the_limit_is_413, what_is_not_offered_says_so,
          the_legacy_form_names_the_method_in_its_body, in_transport_mode_an_error_is_a_status, each_code_has_its_status_in_transport_mode,
          a_batch_runs_one_after_the_other, a_parallel_batch_runs_at_once_and_answers_in_order,
          bad_batches_are_refused_as_a_whole_or_command_by_command,
          commands_behind_results_that_are_too_much_are_refused,
          who_has_gone_is_told_nothing_and_leaves_nothing_behind,
          without_a_configuration_nobody_is_let_in)
