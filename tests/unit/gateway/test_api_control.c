#include "api_help.h"

#define CALLED(asked, ...) fake_called(0, asked, (const char *const[]){__VA_ARGS__, NULL})

static void check_asked(const char *method, const char *tenant, const char *body)
{
    ck_assert_uint_eq(fake_n, 1);
    ck_assert_bytes(buf_bytes(&fake_ops[0].method), method);
    ck_assert_bytes(buf_bytes(&fake_ops[0].tenant), tenant);
    ck_assert_bytes(buf_bytes(&fake_ops[0].body), body);
}

START_TEST(a_disconnect_goes_to_every_gateway)
{
    api_post("K", "/api/disconnect",
             "{\"user\":\"u\",\"client\":\"c\",\"whitelist\":[\"d\"],\"disconnect\":{\"code\":"
             "4001,\"reason\":\"bye\"}}");
    check_asked("disconnect", "default",
                "{\"user\":\"u\",\"client\":\"c\",\"reason\":\"bye\",\"code\":4001,"
                "\"whitelist\":[\"d\"]}");
    CALLED(2, "{\"count\":0}", "{\"count\":1}");
    API_ANSWERED(200, "{\"result\":{}}");
    api_post("A", "/api/disconnect", "{\"user\":\"u\",\"tenant\":\"default\"}");
    check_asked("disconnect", "acme",
                "{\"user\":\"u\"}"); /* a key's tenant is not a matter of choice */
    CALLED(1, "{\"count\":0}");
    API_ANSWERED(200, "{\"result\":{}}");
    api_post("K", "/api/disconnect", "{\"user\":\"u\",\"tenant\":\"acme\"}");
    check_asked("disconnect", "acme", "{\"user\":\"u\"}");
    CALLED(1, "{\"count\":0}");
    api_end();
}
END_TEST

START_TEST(an_unsubscribe_names_the_channel_in_full)
{
    api_post("A", "/api/unsubscribe", "{\"user\":\"u\",\"channel\":\"news\"}");
    check_asked("unsubscribe", "acme", "{\"user\":\"u\",\"channel\":\"acme/news\"}");
    CALLED(1, "{\"count\":1}");
    API_ANSWERED(200, "{\"result\":{}}");
    api_post("K", "/api/unsubscribe", "{\"user\":\"u\"}");
    check_asked("unsubscribe", "default", "{\"user\":\"u\"}");
    CALLED(1, "{\"count\":1}");
    api_post("K", "/api/unsubscribe", "{\"user\":\"u\",\"channel\":\"acme/news\"}");
    check_asked("unsubscribe", "acme", "{\"user\":\"u\",\"channel\":\"acme/news\"}");
    CALLED(1, "{\"count\":1}");
    api_post("K", "/api/unsubscribe",
             "{\"user\":\"u\",\"channel\":\"news\",\"tenant\":\"acme\"}");
    check_asked("unsubscribe", "acme", "{\"user\":\"u\",\"channel\":\"acme/news\"}");
    CALLED(1, "{\"count\":1}");
    api_post("A", "/api/unsubscribe", "{\"user\":\"u\",\"channel\":\"default/news\"}");
    API_ERROR(103, "permission denied");
    api_end();
}
END_TEST

START_TEST(a_session_is_a_filter_like_the_others)
{
    api_post("K", "/api/disconnect", "{\"session\":\"s\"}");
    check_asked("disconnect", "default", "{\"session\":\"s\"}");
    CALLED(1, "{\"count\":0}");
    api_end();
}
END_TEST

START_TEST(a_subscribe_takes_what_a_subscription_is_given)
{
    api_post("A", "/api/subscribe",
             "{\"user\":\"u\",\"client\":\"c\",\"channel\":\"news\",\"info\":{\"a\":\n1},\"data\":2,\"b64data\":\"e30=\","
             "\"override\":{\"presence\":{\"value\":true}},\"recover_since\":{\"offset\":1,\"epoch\":\"2\"},\"expire_at\":1700000000}");
    check_asked("subscribe", "acme",
                "{\"user\":\"u\",\"client\":\"c\",\"channel\":\"acme/news\",\"info\":{\"a\": 1},\"data\":{},"
                "\"override\":{\"presence\":{\"value\":true}},\"recover_since\":{\"offset\":1,\"epoch\":\"2\"},\"expire_at\":1700000000}");
    CALLED(1, "{\"count\":1}");
    API_ANSWERED(200, "{\"result\":{}}");
    api_post("K", "/api/subscribe", "{\"user\":\"u\",\"channel\":\"acme/news\"}"); /* the channel says whose user */
    check_asked("subscribe", "acme", "{\"user\":\"u\",\"channel\":\"acme/news\"}");
    CALLED(1, "{\"count\":1}");
    api_post("A", "/api/subscribe", "{\"user\":\"u\",\"channel\":\"default/news\"}");
    API_ERROR(103, "permission denied");
    api_end();
}
END_TEST

START_TEST(a_refresh_gives_another_end_or_ends)
{
    api_post("D", "/api/refresh", "{\"user\":\"u\",\"expire_at\":1700000000,\"info\":{}}");
    check_asked("refresh", "default", "{\"user\":\"u\",\"info\":{},\"expire_at\":1700000000}");
    CALLED(1, "{\"count\":1}");
    API_ANSWERED(200, "{\"result\":{}}");
    api_post("D", "/api/refresh", "{\"user\":\"u\",\"expired\":true}");
    check_asked("refresh", "default", "{\"user\":\"u\",\"expired\":true}");
    CALLED(2, "{\"count\":1}");
    API_ERROR(100, "internal server error");
    api_end();
}
END_TEST

START_TEST(connections_come_in_pages)
{
    api_post("A", "/api/connections", "{\"user\":\"u\",\"limit\":1,\"cursor\":\"b\"}");
    check_asked("connections", "acme", "{\"user\":\"u\",\"cursor\":\"b\",\"limit\":1}");
    CALLED(2, "{\"connections\":{\"d\":{}}}", "{\"connections\":{\"c\":{\"user\":\"u\"}}}");
    API_ANSWERED(200, "{\"result\":{\"connections\":{\"c\":{\"user\":\"u\"}},\"next\":\"c\"}}");
    api_post("K", "/api/connections", "{}");
    check_asked("connections", "", "{\"limit\":100}");
    CALLED(1, "{\"connections\":{}}");
    API_ANSWERED(200, "{\"result\":{\"connections\":{}}}");
    api_end();
}
END_TEST

START_TEST(a_page_has_a_bound)
{
    api_post("K", "/api/connections", "{\"limit\":1001}");
    API_ERROR(107, "bad request");
    ck_assert_str_eq(api.detail, "limit: 1 to 1000 of a page (--api-page-max)");
    fake_options.api_page_max = 1001;
    api_post("K", "/api/connections", "{\"limit\":1001}");
    fake_options.api_page_max = 1000;
    check_asked("connections", "", "{\"limit\":1001}");
    CALLED(1, "{\"full\":true}");
    API_ERROR(106, "limit exceeded");
    ck_assert_str_eq(api.detail, "connections are above --call-answers-max: a smaller limit helps");
    api_end();
}
END_TEST

START_TEST(a_gateway_that_did_not_answer_is_an_error)
{
    static const char *const paths[] = {"/api/disconnect", "/api/unsubscribe"};
    for (size_t i = 0; i < 2; i++) {
        api_post("K", paths[i], "{\"user\":\"u\"}");
        CALLED(3, "{\"count\":1}", "{\"count\":1}");
        API_ERROR(100, "internal server error");
        api_post("K", paths[i], "{\"user\":\"u\"}");
        fake_called(0, 0, (const char *const[]){NULL});
        API_ERROR(100, "internal server error");
    }
    api_end();
}
END_TEST

START_TEST(nobody_in_particular_is_refused)
{
    static const struct {
        const char *path, *body;
        int status;
        uint32_t code;
    } cases[] = {
        {"/api/disconnect", "{}", 200, 107},
        {"/api/disconnect", "{\"user\":\"\"}", 200, 107},
        {"/api/disconnect", "{\"user\":\"u\",\"tenant\":\"nobody\"}", 200, 107},
        {"/api/disconnect", "{\"user\":\"u\",\"disconnect\":{\"code\":100}}", 200, 107},
        {"/api/disconnect", "{\"user\":\"u\",\"disconnect\":{\"code\":5000}}", 200, 107},
        {"/api/disconnect", "{\"user\":5}", 400, 107},
        {"/api/disconnect", "{\"user\":\"u\",\"disconnect\":3503}", 400, 107},
        {"/api/disconnect", "{\"user\":\"u\",\"disconnect\":{\"code\":\"x\"}}", 400, 107},
        {"/api/disconnect", "{\"user\":\"u\",\"whitelist\":\"c\"}", 400, 107},
        {"/api/disconnect", "{\"user\":\"u\",\"whitelist\":[1]}", 400, 107},
        {"/api/unsubscribe", "{\"channel\":\"news\"}", 200, 107},
        {"/api/unsubscribe", "{\"user\":\"u\",\"channel\":\"nope:x\"}", 200, 102},
        {"/api/unsubscribe", "{\"user\":\"u\",\"channel\":7}", 400, 107},
        {"/api/subscribe", "{\"channel\":\"news\"}", 200, 107},
        {"/api/subscribe", "{\"user\":\"u\"}", 200, 107},
        {"/api/subscribe", "{\"user\":\"u\",\"channel\":\"nope:x\"}", 200, 102},
        {"/api/subscribe", "{\"user\":\"u\",\"channel\":\"news\",\"expire_at\":-1}", 200, 107},
        {"/api/subscribe", "{\"user\":\"u\",\"channel\":\"news\",\"expire_at\":\"x\"}", 400, 107},
        {"/api/subscribe", "{\"user\":\"u\",\"channel\":\"news\",\"b64info\":\"*\"}", 400, 107},
        {"/api/subscribe", "{\"user\":\"u\",\"channel\":\"news\",\"override\":[]}", 400, 107},
        {"/api/subscribe", "{\"user\":\"u\",\"channel\":\"news\",\"override\":{\"presence\":true}}", 400, 107},
        {"/api/subscribe", "{\"user\":\"u\",\"channel\":\"news\",\"recover_since\":{\"offset\":\"1\"}}", 400, 107},
        {"/api/refresh", "{}", 200, 107},
        {"/api/refresh", "{\"user\":\"u\",\"expired\":1}", 400, 107},
        {"/api/connections", "{\"limit\":1001}", 200, 107},
        {"/api/connections", "{\"limit\":0}", 200, 107},
        {"/api/connections", "{\"user\":1}", 400, 107},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        api_post("K", cases[i].path, cases[i].body);
        ck_assert_msg(api.status == cases[i].status && api.code == cases[i].code && fake_n == 0,
                      "%s: %d %u", cases[i].body, api.status, api.code);
    }
    api_end();
}
END_TEST

START_TEST(a_whitelist_has_a_bound)
{
    struct buf body = {0};
    buf_append_str(&body, "{\"user\":\"u\",\"whitelist\":[\"c\"");
    for (int i = 0; i < 128; i++)
        buf_append_str(&body, ",\"c\"");
    buf_append_str(&body, "]}");
    api_post("K", "/api/disconnect", body.p);
    API_ERROR(107, "bad request");
    ck_assert_str_eq(api.detail, "whitelist: at most 128 clients (--api-whitelist-max)");
    fake_options.api_whitelist_max = 129;
    api_post("K", "/api/disconnect", body.p);
    fake_options.api_whitelist_max = 128;
    ck_assert_uint_eq(fake_n, 1);
    CALLED(1, "{\"count\":1}");
    API_ANSWERED(200, "{\"result\":{}}");
    buf_fini(&body);
    api_end();
}
END_TEST

START_TEST(channels_are_put_together)
{
    api_post("K", "/api/channels", "{\"pattern\":\"n*\"}");
    check_asked("channels", "", "{\"pattern\":\"n*\"}");
    CALLED(
        2, "{\"channels\":{\"default/news\":{\"num_clients\":2}}}",
        "{\"channels\":{\"default/news\":{\"num_clients\":1},\"acme/n\":{\"num_clients\":1}}}");
    API_ANSWERED(200, "{\"result\":{\"channels\":{\"news\":{\"num_clients\":3},\"acme/"
                      "n\":{\"num_clients\":1}}}}");
    api_post("A", "/api/channels", "{}");
    check_asked("channels", "acme", "{}");
    CALLED(1, "{\"channels\":{}}");
    API_ANSWERED(200, "{\"result\":{\"channels\":{}}}");
    api_post("K", "/api/channels", "{}");
    CALLED(1, "{\"full\":true}");
    API_ERROR(106, "limit exceeded");
    ck_assert_ptr_nonnull(strstr(api.detail, "--call-answer-max or --call-answers-max"));
    api_post("A", "/api/channels", "{\"pattern\":\"n*\",\"cursor\":\"acme/a\",\"limit\":1}");
    check_asked("channels", "acme", "{\"pattern\":\"n*\",\"cursor\":\"acme/a\",\"limit\":1}");
    CALLED(1, "{\"channels\":{\"acme/n\":{\"num_clients\":1}},\"more\":true}");
    API_ANSWERED(200, "{\"result\":{\"channels\":{\"n\":{\"num_clients\":1}},\"next\":\"acme/n\"}}");
    api_post("K", "/api/channels", "{\"cursor\":\"\"}");
    check_asked("channels", "", "{\"limit\":100}");
    CALLED(1, "{\"channels\":{}}");
    API_ANSWERED(200, "{\"result\":{\"channels\":{}}}");
    api_post("K", "/api/channels", "{\"limit\":1001}");
    API_ERROR(107, "bad request");
    api_post("K", "/api/channels", "{\"pattern\":[]}");
    ck_assert_int_eq(api.status, 400);
    struct buf body = {0};
    buf_append_str(&body, "{\"pattern\":\"");
    for (int i = 0; i < 300; i++)
        buf_append_char(&body, '*');
    buf_append_str(&body, "\"}");
    api_post("K", "/api/channels", body.p);
    API_ERROR(107, "bad request");
    buf_fini(&body);
    api_end();
}
END_TEST

START_TEST(info_shows_the_nodes_that_answered)
{
    api_post("K", "/api/info", "{}");
    check_asked("info", "", "{}");
    CALLED(2, "{\"node\":{\"uid\":\"u\",\"name\":\"a-gateway-1\"}}");
    API_ANSWERED(200, "{\"result\":{\"nodes\":[{\"uid\":\"u\",\"name\":\"a-gateway-1\"}]}}");
    api_post("A", "/api/info", "{}");
    check_asked("info", "acme", "{}");
    fake_called(0, 2, (const char *const[]){NULL});
    API_ERROR(100, "internal server error");
    api_end();
}
END_TEST

UNIT_MAIN("gateway/api_control", a_session_is_a_filter_like_the_others, a_subscribe_takes_what_a_subscription_is_given,
          a_refresh_gives_another_end_or_ends, connections_come_in_pages, a_disconnect_goes_to_every_gateway,
          an_unsubscribe_names_the_channel_in_full, a_gateway_that_did_not_answer_is_an_error,
          a_page_has_a_bound, nobody_in_particular_is_refused, a_whitelist_has_a_bound, channels_are_put_together,
          info_shows_the_nodes_that_answered)
