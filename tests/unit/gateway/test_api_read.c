#include "api_help.h"

#include "history.h"

static void put(struct buf *list, struct publication p)
{
    wire_put_publication(list, &p);
}

START_TEST(history_shows_publications_epoch_and_offset)
{
    struct buf list = {0};
    api_post("A", "/api/history",
             "{\"channel\":\"news\",\"limit\":2,\"since\":{\"offset\":40,\"epoch\":\"3\"}}");
    ck_assert_bytes(buf_bytes(&fake_ops[0].channel), "acme/news");
    ck_assert_uint_eq(fake_ops[0].epoch, 3);
    fake_range(0, 0, 3, 42, BYTES(""));
    ck_assert_uint_eq(fake_ops[1].since, 40);
    ck_assert_uint_eq(fake_ops[1].limit, 2);
    put(&list, (struct publication){.seq = 41,
                                    .id = 5,
                                    .time_ms = 4900,
                                    .data = BYTES("{\"n\" : 1.0}"),
                                    .info = BYTES("{\"user\":\"u\",\"client\":\"c\"}")});
    put(&list, (struct publication){.seq = 42,
                                    .id = 6,
                                    .time_ms = 4900,
                                    .data = BYTES("2"),
                                    .tags = BYTES("{\"k\":\"v\"}")});
    fake_range(1, 0, 3, 42, buf_bytes(&list));
    API_ANSWERED(200, "{\"result\":{\"publications\":[{\"data\":{\"n\" : "
                      "1.0},\"offset\":41,\"info\":{\"user\":\"u\",\"client\":\"c\"},\"tags\":{"
                      "\"id\":\"5\"}},"
                      "{\"data\":2,\"offset\":42,\"tags\":{\"k\":\"v\",\"id\":\"6\"}}],"
                      "\"epoch\":\"3\",\"offset\":42}}");
    buf_fini(&list);
    api_end();
}
END_TEST

START_TEST(history_without_a_limit_is_the_position)
{
    api_post("K", "/api/history", "{\"channel\":\"news\"}");
    ck_assert_uint_eq(fake_ops[0].limit, 0);
    fake_range(0, 0, 3, 42, BYTES(""));
    API_ANSWERED(200, "{\"result\":{\"publications\":[],\"epoch\":\"3\",\"offset\":42}}");
    api_end();
}
END_TEST

START_TEST(history_backwards)
{
    api_post("K", "/api/history", "{\"channel\":\"news\",\"limit\":-1,\"reverse\":true}");
    fake_range(0, 0, 3, 42, BYTES(""));
    ck_assert(fake_ops[1].reverse);
    ck_assert_uint_eq(fake_ops[1].limit, 300);
    fake_range(1, 0, 3, 42, BYTES(""));
    API_ANSWERED(200, "{\"result\":{\"publications\":[],\"epoch\":\"3\",\"offset\":42}}");
    api_end();
}
END_TEST

START_TEST(bad_history_calls)
{
    static const struct {
        const char *body;
        int status;
        uint32_t code;
    } cases[] = {
        {"{}", 200, 107},
        {"{\"channel\":\"off:x\",\"limit\":1}", 200, 108},
        {"{\"channel\":\"nope:x\"}", 200, 102},
        {"{\"channel\":\"news\",\"reverse\":true,\"since\":{\"offset\":0}}", 200, 107},
        {"{\"channel\":\"news\",\"since\":{\"offset\":1,\"epoch\":\"AbCd\"}}", 200, 112},
        {"{\"channel\":\"news\",\"limit\":\"1\"}", 400, 107},
        {"{\"channel\":\"news\",\"limit\":1.5}", 400, 107},
        {"{\"channel\":\"news\",\"reverse\":1}", 400, 107},
        {"{\"channel\":\"news\",\"since\":5}", 400, 107},
        {"{\"channel\":\"news\",\"since\":{\"offset\":-1}}", 400, 107},
        {"{\"channel\":\"news\",\"since\":{\"offset\":1,\"epoch\":3}}", 400, 107},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        api_post("K", "/api/history", cases[i].body);
        ck_assert_msg(api.status == cases[i].status && api.code == cases[i].code && fake_n == 0,
                      "%s: %d %u", cases[i].body, api.status, api.code);
    }
    api_post("K", "/api/history", "{\"channel\":\"news\",\"limit\":1}");
    fake_range(0, 100, 0, 0, BYTES(""));
    API_ERROR(100, "internal server error");
    api_end();
}
END_TEST

START_TEST(presence_shows_who_is_there)
{
    struct buf list = {0};
    struct presence_entry one = {
        .client = BYTES("c-1"),
        .info = BYTES("{\"user\":\"u\",\"client\":\"c-1\",\"conn_info\":{\"n\":1.0}}")};
    struct presence_entry two = {.client = BYTES("c-2"),
                                 .info = BYTES("{\"user\":\"\",\"client\":\"c-2\"}")};
    wire_put_presence_entry(&list, &one);
    wire_put_presence_entry(&list, &two);
    api_post("K", "/api/presence", "{\"channel\":\"news\"}");
    ck_assert_uint_eq(fake_ops[0].limit, 1000);
    ck_assert_bytes(buf_bytes(&fake_ops[0].channel), "default/news");
    fake_presence(0, 0, 2, 2, buf_bytes(&list));
    API_ANSWERED(200,
                 "{\"result\":{\"presence\":{\"c-1\":{\"user\":\"u\",\"client\":\"c-1\",\"conn_"
                 "info\":{\"n\":1.0}},\"c-2\":{\"user\":\"\",\"client\":\"c-2\"}}}}");
    api_post("K", "/api/presence", "{\"channel\":\"news\"}");
    fake_presence(0, 0, 0, 0, BYTES(""));
    API_ANSWERED(200, "{\"result\":{\"presence\":{}}}");
    api_post("K", "/api/presence_stats", "{\"channel\":\"news\"}");
    ck_assert_uint_eq(fake_ops[0].limit, 0);
    fake_presence(0, 0, 0, 0, BYTES(""));
    API_ANSWERED(200, "{\"result\":{\"num_clients\":0,\"num_users\":0}}");
    buf_fini(&list);
    api_end();
}
END_TEST

START_TEST(presence_that_is_too_long_comes_in_pages)
{
    struct buf list = {0};
    struct presence_entry one = {.client = BYTES("c-1"), .info = BYTES("{\"user\":\"u\"}")};
    wire_put_presence_entry(&list, &one);
    api_post("K", "/api/presence", "{\"channel\":\"news\"}");
    fake_presence_page(0, buf_bytes(&list), 7);
    API_ERROR(130,
              "more clients than presence_limit, or above --presence-answer-max: ask presence_stats, or for pages by cellcast.presence");
    api_post("K", "/api/presence", "{\"channel\":\"news\",\"limit\":1}");
    ck_assert_uint_eq(fake_ops[0].limit, 1);
    fake_presence_page(0, buf_bytes(&list), 7);
    API_ANSWERED(200, "{\"result\":{\"presence\":{\"c-1\":{\"user\":\"u\"}},\"num_clients\":3,"
                      "\"num_users\":2,\"next\":\"7\"}}");
    api_post("K", "/api/presence", "{\"channel\":\"news\",\"cursor\":\"7\",\"limit\":5000}");
    ck_assert_uint_eq(fake_ops[0].since, 7);
    ck_assert_uint_eq(fake_ops[0].limit, 1000);
    fake_presence_page(0, buf_bytes(&list), 0);
    API_ANSWERED(200, "{\"result\":{\"presence\":{\"c-1\":{\"user\":\"u\"}},\"num_clients\":3,"
                      "\"num_users\":2}}");
    api_post("K", "/api/presence", "{\"channel\":\"news\",\"cursor\":\"x\"}");
    ck_assert_int_eq(api.status, 400);
    buf_fini(&list);
    api_end();
}
END_TEST

START_TEST(presence_that_is_off_or_away)
{
    static const char *const paths[] = {"/api/presence", "/api/presence_stats"};
    for (size_t i = 0; i < 2; i++) {
        api_post("K", paths[i], "{\"channel\":\"off:x\"}");
        API_ERROR(108, "not available");
        api_post("K", paths[i], "{\"channel\":\"nope:x\"}");
        API_ERROR(102, "unknown channel");
        api_post("A", paths[i], "{\"channel\":\"default/x\"}");
        API_ERROR(103, "permission denied");
        api_post("K", paths[i], "{}");
        API_ERROR(107, "bad request");
        api_post("K", paths[i], "{\"channel\":1}");
        ck_assert_int_eq(api.status, 400);
        api_post("K", paths[i], "{\"channel\":\"x\"}");
        fake_presence(0, 100, 0, 0, BYTES(""));
        API_ERROR(100, "internal server error");
    }
    api_end();
}
END_TEST

START_TEST(canaries_can_be_looked_at)
{
    api_post("K", "/api/history", "{\"channel\":\"cellcast/canary-a-1\"}");
    ck_assert_bytes(buf_bytes(&fake_ops[0].channel), "cellcast/canary-a-1");
    fake_range(0, 0, 3, 42, BYTES(""));
    ck_assert_int_eq(api.status, 200);
    api_end();
}
END_TEST

START_TEST(what_a_batch_reads_is_bounded_as_a_whole)
{
    struct buf list = {0}, data = {0}, body = {0};
    for (size_t i = 0; i < 60000; i++)
        buf_append_char(&data, '1');
    for (uint64_t seq = 1; seq <= 60; seq++)
        put(&list, (struct publication){.seq = seq, .time_ms = 4900, .data = buf_bytes(&data)});
    buf_append_str(&body, "{\"commands\":[");
    for (int i = 0; i < 7; i++)
        buf_printf(&body, "%s{\"history\":{\"channel\":\"news\",\"limit\":-1}}", i ? "," : "");
    buf_append_str(&body, "]}");
    api_post("K", "/api/batch", body.p);
    for (size_t i = 0; api.times == 0; i += 2) {
        fake_range(i, 0, 3, 60, BYTES(""));
        fake_range(i + 1, 0, 3, 60, buf_bytes(&list));
    }
    ck_assert_uint_lt(api.body.n, (16 << 20) + (5 << 20));
    ck_assert(strstr(api.body.p, "{\"error\":{\"code\":106,\"message\":\"limit exceeded\"}}"));
    buf_fini(&list);
    buf_fini(&data);
    buf_fini(&body);
    api_end();
}
END_TEST

START_TEST(an_ephemeral_channel_has_no_history)
{
    api_post("K", "/api/history", "{\"channel\":\"typing:a\",\"limit\":5}");
    API_ERROR(108, "not available");
    ck_assert_uint_eq(fake_n, 0);
    api_end();
}
END_TEST

UNIT_MAIN("gateway/api_read", history_shows_publications_epoch_and_offset,
          history_without_a_limit_is_the_position, history_backwards, bad_history_calls,
          presence_shows_who_is_there,
          presence_that_is_too_long_comes_in_pages, presence_that_is_off_or_away, canaries_can_be_looked_at,
          what_a_batch_reads_is_bounded_as_a_whole,
          an_ephemeral_channel_has_no_history)
