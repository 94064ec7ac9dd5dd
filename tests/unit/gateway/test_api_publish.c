#include "api_help.h"

#include "base64.h"

static void publish(const char *key, const char *body)
{
    api_post(key, "/api/publish", body);
}

START_TEST(a_publish_is_handed_on_byte_for_byte_and_answers_its_position)
{
    publish("K", "{\"channel\":\"chat\",\"data\": {\"z\":1.0,\n "
                 "\"a\":[12345678901234567890,1e400,\"\\ud83d\\u00e9\"] ,\"z\":2} "
                 ",\"idempotency_key\":\"m\\u00311\"}");
    ck_assert_uint_eq(fake_n, 1);
    ck_assert_bytes(buf_bytes(&fake_ops[0].channel), "default/chat");
    ck_assert_bytes(
        buf_bytes(&fake_ops[0].data),
        "{\"z\":1.0,\n \"a\":[12345678901234567890,1e400,\"\\ud83d\\u00e9\"] ,\"z\":2}");
    ck_assert_bytes(buf_bytes(&fake_ops[0].key), "m11");
    ck_assert_bytes(buf_bytes(&fake_ops[0].tags), "");
    ck_assert_bytes(buf_bytes(&fake_ops[0].after), "");
    ck_assert_uint_eq(fake_ops[0].format, FORMAT_JSON);
    fake_published(0, 0, 3, 41);
    API_ANSWERED(200, "{\"result\":{\"offset\":41,\"epoch\":\"3\"}}");
    ck_assert_str_eq(api.content_type, "application/json");
    api_end();
}
END_TEST

START_TEST(any_json_value_is_data)
{
    static const char *const values[] = {"0",     "-1.5", "\"\"", "\"x\"", "true",
                                         "false", "[]",   "{}",   "[null]"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char body[100];
        snprintf(body, sizeof body, "{\"data\":%s,\"channel\":\"c\"}", values[i]);
        publish("K", body);
        ck_assert_bytes(buf_bytes(&fake_ops[0].data), values[i]);
        fake_published(0, 0, 1, 1);
    }
    api_end();
}
END_TEST

START_TEST(what_the_cluster_refuses_is_the_answer)
{
    publish("K", "{\"channel\":\"chat\",\"data\":{}}");
    fake_published(0, 100, 0, 0);
    API_ERROR(100, "internal server error");
    ck_assert_str_eq(api.detail, "the sequencer said no");
    ck_assert_uint_eq(api.code, 100);
    publish("K", "{\"channel\":\"chat\",\"data\":{}}");
    fake_published(0, 111, 0, 0);
    API_ERROR(111, "too many requests");
    api_end();
}
END_TEST

START_TEST(tags_references_and_unknown_keys)
{
    publish("K", "{\"channel\":\"a\",\"data\":1,\"tags\":{\"k\":\"v\",\"ID\":\"x\"},\"after\":["
                 "\"b@2\",\"default/"
                 "chat:1@3@4\"],\"delta\":true,\"skip_history\":true,\"colour\":{\"red\":[]}}");
    API_ERROR(102, "unknown channel"); /* default has no namespace chat */
    publish(
        "K",
        "{\"channel\":\"a\",\"data\":1,\"tags\":{\"k\":\"v\",\"ID\":\"x\"},\"after\":[\"b@2\","
        "\"default/c@3@4\"],\"delta\":true,\"skip_history\":true,\"colour\":{\"red\":[]}}");
    ck_assert_bytes(buf_bytes(&fake_ops[0].tags), "{\"k\":\"v\",\"ID\":\"x\"}");
    ck_assert_bytes(buf_bytes(&fake_ops[0].after), "default/b@2 default/c@3@4");
    fake_published(0, 0, 1, 9);
    API_ANSWERED(200, "{\"result\":{\"offset\":9,\"epoch\":\"1\"}}");
    api_end();
}
END_TEST

START_TEST(null_is_as_good_as_absent_but_for_a_payload)
{
    publish("K",
            "{\"channel\":\"a\",\"data\":1,\"b64data\":null,\"tags\":null,\"after\":null,"
            "\"idempotency_key\":null,\"version\":null,\"delta\":null,\"skip_history\":null}");
    ck_assert_uint_eq(fake_n, 1);
    fake_published(0, 0, 1, 9);
    ck_assert_int_eq(api.status, 200);
    publish("K", "{\"channel\":\"a\",\"data\":null}");
    ck_assert_bytes(buf_bytes(&fake_ops[0].data), "null");
    fake_published(0, 0, 1, 10);
    API_ANSWERED(200, "{\"result\":{\"offset\":10,\"epoch\":\"1\"}}");
    api_end();
}
END_TEST

START_TEST(base64_wins_and_must_be_what_the_namespace_holds)
{
    publish("K", "{\"channel\":\"a\",\"data\":1,\"b64data\":\"eyJhIjoxfQ==\"}");
    ck_assert_bytes(buf_bytes(&fake_ops[0].data), "{\"a\":1}");
    fake_published(0, 0, 1, 1);
    publish("K", "{\"channel\":\"a\",\"b64data\":\"AP8K\"}");
    API_ERROR(107, "bad request");
    ck_assert_str_eq(api.detail, "b64data is not JSON");
    publish("K", "{\"channel\":\"a\",\"data\":1,\"b64data\":\"\"}");
    ck_assert_bytes(buf_bytes(&fake_ops[0].data), "1");
    fake_published(0, 0, 1, 1);
    publish("K", "{\"channel\":\"bin:a\",\"b64data\":\"AP8K\"}");
    ck_assert(bytes_equal(buf_bytes(&fake_ops[0].data), bytes_of("\x00\xff\n", 3)));
    ck_assert_uint_eq(fake_ops[0].format, FORMAT_BINARY);
    fake_published(0, 0, 1, 1);
    publish("K", "{\"channel\":\"bin:a\",\"data\":{\"a\" :1}}");
    ck_assert_bytes(buf_bytes(&fake_ops[0].data), "{\"a\" :1}");
    ck_assert_uint_eq(fake_ops[0].format, FORMAT_BINARY);
    fake_published(0, 0, 1, 1);
    api_end();
}
END_TEST

START_TEST(history_is_removed_by_what_is_no_publication)
{
    api_post("K", "/api/history_remove", "{\"channel\":\"a\"}");
    ck_assert_bytes(buf_bytes(&fake_ops[0].channel), "default/a");
    ck_assert_uint_eq(fake_ops[0].format, FORMAT_JSON | FORMAT_REMOVAL);
    fake_published(0, 0, 1, 7);
    API_ANSWERED(200, "{\"result\":{}}");
    api_post("K", "/api/history_remove", "{\"channel\":\"a\"}");
    fake_published(0, 111, 0, 0);
    API_ERROR(111, "too many requests");
    api_post("K", "/api/history_remove", "{}");
    API_ERROR(107, "bad request");
    api_post("K", "/api/history_remove", "{\"channel\":\"nope:a\"}");
    API_ERROR(102, "unknown channel");
    ck_assert_str_eq(api.detail, "channel: its tenant has no such namespace (what stands before the first colon)");
    api_post("A", "/api/history_remove", "{\"channel\":\"default/a\"}");
    API_ERROR(103, "permission denied");
    api_post("K", "/api/history_remove", "{\"channel\":\"cellcast/canary-a-1\"}");
    API_ERROR(103, "permission denied");
    api_end();
}
END_TEST

START_TEST(deltas_are_asked_for_with_the_publication)
{
    publish("K", "{\"channel\":\"a\",\"data\":1,\"delta\":true}");
    ck_assert_uint_eq(fake_ops[0].format, FORMAT_JSON | FORMAT_DELTA);
    fake_published(0, 0, 1, 1);
    publish("K", "{\"channel\":\"bin:a\",\"data\":1,\"delta\":true}");
    ck_assert_uint_eq(fake_ops[0].format, FORMAT_BINARY | FORMAT_DELTA);
    fake_published(0, 0, 1, 1);
    publish("K", "{\"channel\":\"a\",\"data\":1,\"delta\":false}");
    ck_assert_uint_eq(fake_ops[0].format, FORMAT_JSON);
    fake_published(0, 0, 1, 1);
    api_end();
}
END_TEST

START_TEST(a_key_uses_its_own_tenants_channels)
{
    static const struct {
        const char *key, *channel, *full;
    } good[] = {
        {"K", "news", "default/news"}, {"K", "acme/news", "acme/news"},
        {"D", "news", "default/news"}, {"D", "default/news", "default/news"},
        {"A", "news", "acme/news"},    {"A", "acme/news", "acme/news"},
    };
    char body[200];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(body, sizeof body, "{\"channel\":\"%s\",\"data\":1}", good[i].channel);
        publish(good[i].key, body);
        ck_assert_bytes(buf_bytes(&fake_ops[0].channel), good[i].full);
        fake_published(0, 0, 1, 1);
    }
    static const char *const bad[][2] = {{"D", "acme/news"},
                                         {"A", "default/news"},
                                         {"A", "cellcast/canary-a-1"},
                                         {"K", "cellcast/canary-a-1"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(body, sizeof body, "{\"channel\":\"%s\",\"data\":1}", bad[i][1]);
        publish(bad[i][0], body);
        API_ERROR(103, "permission denied");
        ck_assert_uint_eq(fake_n, 0);
    }
    publish("K", "{\"channel\":\"acme/a\",\"data\":1,\"after\":[\"b@1\"]}");
    ck_assert_bytes(buf_bytes(&fake_ops[0].after),
                    "acme/b@1"); /* short forms are of the publication's tenant */
    fake_published(0, 0, 1, 1);
    publish("K", "{\"channel\":\"acme/a\",\"data\":1,\"after\":[\"default/b@1\"]}");
    API_ERROR(103, "permission denied");
    api_end();
}
END_TEST

/* status 0: HTTP 200 with that error */
static const struct {
    const char *body;
    int status;
    uint32_t code;
} bad[] = {
    {"{}", 0, 107},
    {"{\"channel\":\"a\"}", 0, 107},
    {"{\"data\":{}}", 0, 107},
    {"{\"channel\":\"\",\"data\":{}}", 0, 107},
    {"{\"channel\":null,\"data\":{}}", 0, 107},
    {"{\"channel\":\"a b\",\"data\":{}}", 0, 107},
    {"{\"channel\":\"caf\\u00e9\",\"data\":{}}", 0, 107},
    {"{\"channel\":\"nope:chat\",\"data\":{}}", 0, 102},
    {"{\"channel\":\"a\",\"data\":{},\"tags\":{\"id\":\"1\"}}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"tags\":{\"\\u0069d\":\"1\"}}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"tags\":{\"k\":\"v\",\"after\":\"1\"}}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"after\":[\"a\"]}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"after\":[\"a@0\"]}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"after\":[\"a@x\"]}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"after\":[\"a@\"]}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"after\":[\"@1\"]}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"after\":[\"\"]}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"after\":[\"a b@1\"]}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"after\":[\"a@9223372036854775808\"]}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"after\":[7]}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"after\":[\"nope:b@1\"]}", 0, 102},
    {"{\"channel\":\"a\",\"data\":{},\"after\":[\"a@1\",\"a@1\",\"a@1\",\"a@1\",\"a@1\",\"a@"
     "1\",\"a@1\",\"a@1\",\"a@1\"]}",
     0, 107},
    {"{\"channel\":\"a\",\"b64data\":\"!\"}", 0, 107},
    {"{\"channel\":\"a\",\"b64data\":\"AP8\"}", 0, 107},
    {"{\"channel\":\"a\",\"data\":{},\"version\":1}", 0, 108},
    {"{\"channel\":5,\"data\":{}}", 400, 107},
    {"{\"channel\":[\"a\"],\"data\":{}}", 400, 107},
    {"{\"channel\":\"\\ud800\",\"data\":{}}", 400, 107},
    {"{\"channel\":\"a\",\"data\":{},\"tags\":[]}", 400, 107},
    {"{\"channel\":\"a\",\"data\":{},\"tags\":{\"k\":5}}", 400, 107},
    {"{\"channel\":\"a\",\"data\":{},\"tags\":{\"k\":null}}", 400, 107},
    {"{\"channel\":\"a\",\"data\":{},\"tags\":\"k\"}", 400, 107},
    {"{\"channel\":\"a\",\"data\":{},\"after\":\"a@1\"}", 400, 107},
    {"{\"channel\":\"a\",\"data\":{},\"idempotency_key\":5}", 400, 107},
    {"{\"channel\":\"a\",\"b64data\":5}", 400, 107},
    {"{\"channel\":\"a\",\"data\":{},\"version\":\"1\"}", 400, 107},
    {"{\"channel\":\"a\",\"data\":{},\"version\":-1}", 400, 107},
    {"{\"channel\":\"a\",\"data\":{},\"skip_history\":1}", 400, 107},
    {"{\"channel\":\"a\",\"data\":{},\"delta\":\"yes\"}", 400, 107},
};

START_TEST(bad_input_is_answered_and_nothing_is_published)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        publish("K", bad[i].body);
        ck_assert_msg(api.times == 1 && fake_n == 0, "%s", bad[i].body);
        ck_assert_msg(api.code == bad[i].code, "%s: %u", bad[i].body, api.code);
        ck_assert_msg(api.status == (bad[i].status ? bad[i].status : 200), "%s: %d",
                      bad[i].body, api.status);
    }
    api_end();
}
END_TEST

/* {"channel":"a","data":"xxx…","KEY":VALUE} */
static void sized(size_t data, const char *name, size_t extra, const char *before,
                  const char *behind)
{
    struct buf body = {0};
    buf_append_str(&body, "{\"channel\":\"a\",\"data\":\"");
    for (size_t i = 2; i < data; i++)
        buf_append_char(&body, 'x');
    buf_printf(&body, "\",\"%s\":%s", name, before);
    for (size_t i = 0; i < extra; i++)
        buf_append_char(&body, 'y');
    buf_printf(&body, "%s}", behind);
    publish("K", body.p);
    buf_fini(&body);
}

START_TEST(sizes_are_bounded)
{
    sized(DATA_MAX, "x", 0, "\"", "\"");
    ck_assert_uint_eq(fake_n, 1);
    ck_assert_uint_eq(fake_ops[0].data.n, DATA_MAX);
    fake_published(0, 0, 1, 1);
    sized(DATA_MAX + 1, "x", 0, "\"", "\"");
    API_ERROR(107, "bad request");
    ck_assert_str_eq(api.detail, "data is longer than 65536 bytes");
    sized(10, "idempotency_key", API_KEY_MAX, "\"", "\"");
    ck_assert_uint_eq(fake_n, 1);
    fake_published(0, 0, 1, 1);
    sized(10, "idempotency_key", API_KEY_MAX + 1, "\"", "\"");
    API_ERROR(107, "bad request");
    sized(10, "tags", API_TAGS_MAX - 8, "{\"k\":\"", "\"}");
    ck_assert_uint_eq(fake_n, 1);
    fake_published(0, 0, 1, 1);
    sized(10, "tags", API_TAGS_MAX - 7, "{\"k\":\"", "\"}");
    API_ERROR(107, "bad request");
    struct buf raw = {0}, body = {0};
    for (size_t i = 0; i <= DATA_MAX; i++)
        buf_append_char(&raw, '1');
    buf_append_str(&body, "{\"channel\":\"bin:a\",\"b64data\":\"");
    base64_encode(buf_bytes(&raw), &body);
    buf_append_str(&body, "\"}");
    publish("K", body.p);
    API_ERROR(107, "bad request");
    buf_fini(&raw);
    buf_fini(&body);
    api_end();
}
END_TEST

START_TEST(a_broadcast_answers_per_channel_in_their_order)
{
    api_post("K", "/api/broadcast",
             "{\"channels\":[\"a\",\"nope:x\",\"acme/"
             "b\",\"off:c\",\"\"],\"data\":{\"n\":1},\"idempotency_key\":\"k\",\"tags\":{\"t\":"
             "\"u\"}}");
    ck_assert_uint_eq(fake_n, 3);
    static const char *const channels[] = {"default/a", "acme/b", "default/off:c"};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_bytes(buf_bytes(&fake_ops[i].channel), channels[i]);
        ck_assert_bytes(buf_bytes(&fake_ops[i].key), "k");
        ck_assert_bytes(buf_bytes(&fake_ops[i].data), "{\"n\":1}");
        ck_assert_bytes(buf_bytes(&fake_ops[i].tags), "{\"t\":\"u\"}");
    }
    fake_published(2, 0, 1, 30);
    fake_published(0, 0, 1, 10);
    ck_assert_int_eq(api.times, 0);
    fake_published(1, 111, 0, 0);
    API_ANSWERED(200, "{\"result\":{\"responses\":[{\"result\":{\"offset\":10,\"epoch\":\"1\"}}"
                      ",{\"error\":{\"code\":102,\"message\":\"unknown channel\"}},"
                      "{\"error\":{\"code\":111,\"message\":\"too many "
                      "requests\"}},{\"result\":{\"offset\":30,\"epoch\":\"1\"}},"
                      "{\"error\":{\"code\":107,\"message\":\"bad request\"}}]}}");
    api_end();
}
END_TEST

START_TEST(a_broadcast_of_nothing_or_too_much_is_refused)
{
    static const char *const refused[] = {"{\"data\":{}}", "{\"channels\":[],\"data\":{}}",
                                          "{\"channels\":[\"a\"]}",
                                          "{\"channels\":null,\"data\":1}"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        api_post("K", "/api/broadcast", refused[i]);
        API_ERROR(107, "bad request");
    }
    static const char *const malformed[] = {"{\"channels\":\"a\",\"data\":{}}",
                                            "{\"channels\":[5],\"data\":{}}",
                                            "{\"channels\":{\"a\":1},\"data\":{}}"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        api_post("K", "/api/broadcast", malformed[i]);
        ck_assert_msg(api.status == 400 && fake_n == 0, "%s", malformed[i]);
    }
    struct buf body = {0};
    buf_append_str(&body, "{\"data\":1,\"channels\":[");
    for (int i = 0; i <= 3; i++)
        buf_append_str(&body, i ? ",\"a\"" : "\"a\"");
    buf_append_str(&body, "]}");
    fake_options.api_channels_max = 3;
    api_post("K", "/api/broadcast", body.p);
    API_ERROR(107, "bad request");
    ck_assert_str_eq(api.detail, "channels: 1 to 3 of them (--api-channels-max)");
    fake_options.api_channels_max = 4;
    api_post("K", "/api/broadcast", body.p);
    fake_options.api_channels_max = 10000;
    ck_assert_uint_eq(fake_n, 4);
    api_cancel(api.call);
    buf_fini(&body);
    api_end();
}
END_TEST

START_TEST(a_broad_one_goes_out_in_windows)
{
    struct buf body = {0};
    buf_append_str(&body, "{\"data\":1,\"channels\":[");
    for (int i = 0; i < 500; i++)
        buf_printf(&body, i ? ",\"c%d\"" : "\"c%d\"", i);
    buf_append_str(&body, "]}");
    api_post("K", "/api/broadcast", body.p);
    ck_assert_uint_eq(fake_n, API_WINDOW);
    for (size_t i = 0; i < 500; i++) {
        fake_published(i, 0, 1, i + 1);
        ck_assert_uint_le(fake_waiting(), API_WINDOW);
    }
    ck_assert_int_eq(api.times, 1);
    ck_assert_uint_eq(fake_n, 500);
    ck_assert_bytes(buf_bytes(&fake_ops[499].channel), "default/c499");
    buf_fini(&body);
    api_end();
}
END_TEST

START_TEST(an_ephemeral_publish_has_no_position_and_makes_no_promise)
{
    publish("K", "{\"channel\":\"typing:a\",\"data\":1,\"tags\":{\"a\":\"b\"},\"after\":[]}");
    ck_assert(fake_ops[0].ephemeral);
    ck_assert_bytes(buf_bytes(&fake_ops[0].tags), "{\"a\":\"b\"}");
    fake_published(0, 0, 0, 0);
    API_ANSWERED(200, "{\"result\":{}}");
    publish("K", "{\"channel\":\"typing:a\",\"data\":1,\"idempotency_key\":\"k\"}");
    API_ERROR(108, "not available");
    publish("K", "{\"channel\":\"typing:a\",\"data\":1,\"after\":[\"news@1\"]}");
    API_ERROR(108, "not available");
    ck_assert_str_eq(api.detail, "an ephemeral channel offers neither after nor idempotency_key");
    ck_assert_uint_eq(fake_n, 0);
    publish("K", "{\"channel\":\"chat\",\"data\":1}");
    ck_assert(!fake_ops[0].ephemeral);
    fake_published(0, 0, 1, 1);
    api_end();
}
END_TEST

UNIT_MAIN("gateway/api_publish", a_publish_is_handed_on_byte_for_byte_and_answers_its_position,
          any_json_value_is_data, what_the_cluster_refuses_is_the_answer,
          tags_references_and_unknown_keys, null_is_as_good_as_absent_but_for_a_payload,
          base64_wins_and_must_be_what_the_namespace_holds, deltas_are_asked_for_with_the_publication,
          history_is_removed_by_what_is_no_publication, a_key_uses_its_own_tenants_channels,
          bad_input_is_answered_and_nothing_is_published, sizes_are_bounded,
          a_broadcast_answers_per_channel_in_their_order,
          a_broadcast_of_nothing_or_too_much_is_refused, a_broad_one_goes_out_in_windows,
          an_ephemeral_publish_has_no_position_and_makes_no_promise)
