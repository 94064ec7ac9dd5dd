#include "call.h"

#include "core/json.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

static struct config *config;

static void setup(void)
{
    struct buf why = {0};
    static const char json[] = "{\"tenants\":[{\"name\":\"default\"},{\"name\":\"acme\"}],"
                               "\"namespaces\":[{\"tenant\":\"default\",\"name\":\"\"}]}";
    ck_assert_int_eq(config_parse(bytes_str(json), BYTES(""), &config, &why), 0);
    buf_fini(&why);
}

static void check_encoded(const struct call_question *q, const char *want)
{
    struct buf body = {0};
    call_encode(&body, q);
    ck_assert_bytes(buf_bytes(&body), want);
    buf_fini(&body);
}

START_TEST(a_question_is_written_as_the_header_says)
{
    struct call_question q = {.kind = CALL_DISCONNECT,
                              .user = BYTES("u\"1"),
                              .client = BYTES("c"),
                              .code = 4000,
                              .reason = BYTES("bye"),
                              .whitelist = (struct bytes[]){BYTES("a"), BYTES("b")},
                              .n_whitelist = 2};
    check_encoded(&q, "{\"user\":\"u\\\"1\",\"client\":\"c\",\"reason\":\"bye\",\"code\":4000,"
                      "\"whitelist\":[\"a\",\"b\"]}");
    check_encoded(&(struct call_question){.kind = CALL_UNSUBSCRIBE,
                                          .user = BYTES("u"),
                                          .channel = BYTES("default/news")},
                  "{\"user\":\"u\",\"channel\":\"default/news\"}");
    check_encoded(&(struct call_question){.kind = CALL_CHANNELS, .pattern = BYTES("news*")},
                  "{\"pattern\":\"news*\"}");
    check_encoded(&(struct call_question){.kind = CALL_INFO}, "{}");
}
END_TEST

START_TEST(what_was_written_is_read_back)
{
    setup();
    struct call_question q = {.kind = CALL_DISCONNECT,
                              .user = BYTES("u\"1"),
                              .code = 4000,
                              .reason = BYTES("bye"),
                              .whitelist = (struct bytes[]){BYTES("a")},
                              .n_whitelist = 1};
    struct call_question back;
    struct buf body = {0};
    call_encode(&body, &q);
    ck_assert_int_eq(call_decode(&back, config, bytes_str(call_method(CALL_DISCONNECT)),
                                 BYTES("acme"), buf_bytes(&body)),
                     0);
    buf_fini(&body);
    ck_assert_int_eq(back.kind, CALL_DISCONNECT);
    ck_assert_bytes(back.user, "u\"1");
    ck_assert_bytes(back.reason, "bye");
    ck_assert_uint_eq(back.code, 4000);
    ck_assert_uint_eq(back.n_whitelist, 1);
    ck_assert_bytes(back.whitelist[0], "a");
    ck_assert_bytes(back.asker->name, "acme");
    call_fini(&back);
    ck_assert_int_eq(call_decode(&back, config, BYTES("disconnect"), BYTES("acme"),
                                 BYTES("{\"client\":\"c\"}")),
                     0);
    ck_assert_uint_eq(back.code, 3503);
    ck_assert_bytes(back.reason, "force disconnect");
    call_fini(&back);
    config_unref(config);
}
END_TEST

START_TEST(what_cannot_be_read_is_refused)
{
    setup();
    static const struct {
        const char *method, *tenant, *body;
        int error;
    } bad[] = {
        {"nope", "default", "{}", -ENOENT},
        {"", "default", "{}", -ENOENT},
        {"info", "nobody", "{}", -ENOENT},
        {"info", "", "", -EBADMSG},
        {"info", "", "[]", -EBADMSG},
        {"channels", "", "{\"pattern\":5}", -EBADMSG},
        {"disconnect", "default", "{}", -EBADMSG},
        {"disconnect", "", "{\"user\":\"u\"}", -EBADMSG},
        {"disconnect", "default", "{\"user\":\"u\",\"code\":200}", -EBADMSG},
        {"disconnect", "default", "{\"user\":\"u\",\"code\":5000}", -EBADMSG},
        {"disconnect", "default", "{\"user\":\"u\",\"code\":\"x\"}", -EBADMSG},
        {"disconnect", "default", "{\"user\":\"u\",\"whitelist\":{}}", -EBADMSG},
        {"disconnect", "default", "{\"user\":\"u\",\"whitelist\":[1]}", -EBADMSG},
        {"unsubscribe", "default", "{\"channel\":\"default/x\"}", -EBADMSG},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct call_question q;
        int error = call_decode(&q, config, bytes_str(bad[i].method), bytes_str(bad[i].tenant),
                                bytes_str(bad[i].body));
        ck_assert_msg(error == bad[i].error, "case %zu: %d", i, error);
    }
    config_unref(config);
}
END_TEST

START_TEST(a_question_means_those_whom_all_its_filters_name)
{
    setup();
    static const struct {
        const char *body, *tenant, *user, *client;
        bool meant;
    } cases[] = {
        {"{\"user\":\"u\"}", "default", "u", "c1", true},
        {"{\"user\":\"u\"}", "default", "v", "c1", false},
        {"{\"user\":\"u\"}", "acme", "u", "c1", false},
        {"{\"client\":\"c1\"}", "default", "whoever", "c1", true},
        {"{\"client\":\"c1\"}", "default", "whoever", "c2", false},
        {"{\"client\":\"c1\"}", "acme", "whoever", "c1", false},
        {"{\"user\":\"u\",\"client\":\"c1\"}", "default", "u", "c1", true},
        {"{\"user\":\"u\",\"client\":\"c1\"}", "default", "u", "c2", false},
        {"{\"user\":\"u\",\"client\":\"c1\"}", "default", "v", "c1", false},
        {"{\"user\":\"u\",\"whitelist\":[\"c1\",\"c2\"]}", "default", "u", "c2", false},
        {"{\"user\":\"u\",\"whitelist\":[\"c1\",\"c2\"]}", "default", "u", "c3", true},
        {"{\"session\":\"s\"}", "default", "u", "c1", true},
        {"{\"user\":\"u\",\"session\":\"other\"}", "default", "u", "c1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct call_question q;
        ck_assert_int_eq(call_decode(&q, config, BYTES("disconnect"), BYTES("default"),
                                     bytes_str(cases[i].body)),
                         0);
        struct call_who who = {.tenant = bytes_str(cases[i].tenant),
                               .user = bytes_str(cases[i].user),
                               .client = bytes_str(cases[i].client),
                               .session = BYTES("s")};
        ck_assert_msg(call_means(&q, &who) == cases[i].meant, "case %zu", i);
        call_fini(&q);
    }
    config_unref(config);
}
END_TEST

START_TEST(a_subscribe_carries_what_is_wanted)
{
    setup();
    struct call_question q = {.kind = CALL_SUBSCRIBE,
                              .user = BYTES("u"),
                              .channel = BYTES("default/news"),
                              .info = BYTES("{\"a\":\n1}"),
                              .data = BYTES("null"),
                              .override = BYTES("{\"presence\":{\"value\":true}}"),
                              .recover_since = BYTES("{\"offset\":7,\"epoch\":\"3\"}"),
                              .expire_at = 1700000000};
    struct call_question back;
    struct buf body = {0};
    call_encode(&body, &q);
    ck_assert_int_eq(call_decode(&back, config, BYTES("subscribe"), BYTES("default"), buf_bytes(&body)), 0);
    ck_assert_bytes(back.want.channel, "default/news");
    ck_assert_bytes(back.want.info, "{\"a\": 1}");
    ck_assert_bytes(back.want.data, "");
    ck_assert_int_eq(back.want.expire_at, 1700000000);
    ck_assert_uint_eq(back.want.overrides.given, 1);
    ck_assert(back.want.since.recover && back.want.since.offset == 7 && back.want.since.epoch == 3);
    call_fini(&back);
    buf_fini(&body);
    config_unref(config);
}
END_TEST

START_TEST(a_page_ends_at_its_limit_and_knows_that_there_are_more)
{
    setup();
    struct call_question q;
    struct call_page page;
    struct buf into = {0};
    ck_assert_int_eq(call_decode(&q, config, BYTES("connections"), BYTES(""), BYTES("{\"limit\":1}")), 0);
    struct call_connection c = {.who = {.tenant = BYTES("default"), .user = BYTES("u"), .client = BYTES("c1")},
                                .app_name = BYTES("js"),
                                .transport = BYTES("websocket"),
                                .protocol = BYTES("json")};
    call_page_begin(&page, &q, &into);
    ck_assert(call_page_add(&page, &c));
    call_page_channel(&page, BYTES("default/news"));
    call_page_channel(&page, BYTES("acme/news"));
    call_page_close(&page);
    ck_assert(!call_page_add(&page, &c));
    call_page_end(&page);
    ck_assert_bytes(buf_bytes(&into),
                    "{\"connections\":{\"c1\":{\"app_name\":\"js\",\"transport\":\"websocket\",\"protocol\":\"json\",\"user\":\"u\","
                    "\"tenant\":\"default\",\"state\":{\"channels\":{\"news\":{},\"acme/news\":{}}}}},\"more\":true}");
    call_fini(&q);
    buf_fini(&into);
    config_unref(config);
}
END_TEST

/* The supervisor puts 4 MiB of answers together and leaves out what goes beyond. */
START_TEST(the_pages_of_fifty_gateways_fit_into_what_is_put_together)
{
    setup();
    struct call_question q;
    struct call_page page;
    struct buf into = {0};
    ck_assert_int_eq(call_decode(&q, config, BYTES("connections"), BYTES(""), BYTES("{\"limit\":1000}")), 0);
    struct call_connection c = {.who = {.tenant = BYTES("default"), .user = BYTES("u"), .client = BYTES("c1")}};
    call_page_begin(&page, &q, &into);
    while (call_page_add(&page, &c)) {
        for (int i = 0; i < 10; i++)
            call_page_channel(&page, BYTES("default/news:of-a-channel-that-is-called-so"));
        call_page_close(&page);
    }
    call_page_end(&page);
    ck_assert(page.more && page.n > 100);
    ck_assert_uint_lt(50 * into.n, 4 << 20);
    call_fini(&q);
    buf_fini(&into);
    config_unref(config);
}
END_TEST

START_TEST(a_connection_of_too_many_channels_fits_into_a_frame)
{
    setup();
    struct call_question q;
    struct call_page page;
    struct buf into = {0};
    ck_assert_int_eq(call_decode(&q, config, BYTES("connections"), BYTES(""), BYTES("{}")), 0);
    struct call_connection c = {.who = {.tenant = BYTES("default"), .user = BYTES("u"), .client = BYTES("c1")}};
    call_page_begin(&page, &q, &into);
    ck_assert(call_page_add(&page, &c));
    for (int i = 0; i < 500000; i++)
        call_page_channel(&page, BYTES("default/news:of-a-channel-that-is-called-so"));
    call_page_close(&page);
    call_page_end(&page);
    ck_assert_uint_lt(into.n, 2 << 20);
    ck_assert_int_eq(json_check(buf_bytes(&into), 16, NULL), 0);
    call_fini(&q);
    buf_fini(&into);
    config_unref(config);
}
END_TEST

static void list(const char *tenant, const char *body, const char *want)
{
    struct call_question q;
    struct call_channels l;
    struct buf into = {0};
    ck_assert_int_eq(
        call_decode(&q, config, BYTES("channels"), bytes_str(tenant), bytes_str(body)), 0);
    call_channels_begin(&l, &q, 1 << 20, &into);
    call_channels_add(&l, BYTES("default/news"), 3);
    call_channels_add(&l, BYTES("default/empty"), 0);
    call_channels_add(&l, BYTES("acme/news"), 2);
    call_channels_add(&l, BYTES("acme/chat:1"), 1);
    call_channels_end(&l);
    ck_assert_bytes(buf_bytes(&into), want);
    buf_fini(&into);
    call_fini(&q);
}

START_TEST(channels_are_those_of_the_asker_that_match_as_it_spells_them)
{
    setup();
    list("", "{}",
         "{\"channels\":{\"default/news\":{\"num_clients\":3},\"acme/"
         "news\":{\"num_clients\":2},\"acme/chat:1\":{\"num_clients\":1}}}");
    list("", "{\"pattern\":\"news\"}", "{\"channels\":{\"default/news\":{\"num_clients\":3}}}");
    list("", "{\"pattern\":\"acme/*\"}",
         "{\"channels\":{\"acme/news\":{\"num_clients\":2},\"acme/"
         "chat:1\":{\"num_clients\":1}}}");
    list("acme", "{\"pattern\":\"*\"}",
         "{\"channels\":{\"acme/news\":{\"num_clients\":2},\"acme/"
         "chat:1\":{\"num_clients\":1}}}");
    list("acme", "{\"pattern\":\"chat:?\"}",
         "{\"channels\":{\"acme/chat:1\":{\"num_clients\":1}}}");
    list("default", "{\"pattern\":\"acme*\"}", "{\"channels\":{}}");
    config_unref(config);
}
END_TEST

START_TEST(an_answer_that_grows_too_large_says_so)
{
    setup();
    struct call_question q;
    struct call_channels l;
    struct buf into = {0};
    ck_assert_int_eq(call_decode(&q, config, BYTES("channels"), BYTES(""), BYTES("{}")), 0);
    call_channels_begin(&l, &q, 1 << 20, &into);
    for (int i = 0; i < 100000; i++) {
        char name[64];
        snprintf(name, sizeof name, "default/channel-%d", i);
        call_channels_add(&l, bytes_str(name), 1);
        ck_assert_uint_lt(into.n, (1 << 20) + 1000);
    }
    call_channels_end(&l);
    ck_assert_bytes(buf_bytes(&into), "{\"full\":true}");
    buf_fini(&into);
    call_fini(&q);
    config_unref(config);
}
END_TEST

START_TEST(a_page_of_channels_begins_behind_its_cursor_and_ends_at_its_limit)
{
    setup();
    list("acme", "{\"limit\":1}", "{\"channels\":{\"acme/news\":{\"num_clients\":2}},\"more\":true}");
    list("acme", "{\"limit\":2}", "{\"channels\":{\"acme/news\":{\"num_clients\":2},\"acme/chat:1\":{\"num_clients\":1}}}");
    list("acme", "{\"limit\":2,\"cursor\":\"acme/chat:1\"}", "{\"channels\":{\"acme/news\":{\"num_clients\":2}}}");
    config_unref(config);
}
END_TEST

static struct bytes answers(struct buf *into, const char *const *bodies)
{
    buf_clear(into);
    for (; *bodies; bodies++) {
        struct ctl_answer a = {.body = bytes_str(*bodies)};
        wire_put_ctl_answer(into, &a);
    }
    return buf_bytes(into);
}
#define ANSWERS(...) answers(&in, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(counts_add_up_when_all_have_answered)
{
    struct buf in = {0};
    uint64_t n = 99;
    ck_assert_uint_eq(call_merge_count(2, ANSWERS("{\"count\":1}", "{\"count\":2}"), &n), 0);
    ck_assert_uint_eq(n, 3);
    ck_assert_uint_eq(call_merge_count(3, ANSWERS("{\"count\":1}", "{\"count\":2}"), &n), 100);
    ck_assert_uint_eq(call_merge_count(1, ANSWERS("{\"error\":100}"), &n), 100);
    ck_assert_uint_eq(call_merge_count(1, ANSWERS("{\"count\":-1}"), &n), 100);
    ck_assert_uint_eq(call_merge_count(1, ANSWERS("{"), &n), 100);
    ck_assert_uint_eq(call_merge_count(0, bytes_of(NULL, 0), &n), 100);
    ck_assert_uint_eq(call_merge_count(1, BYTES("\x01"), &n), 100);
    ck_assert_uint_eq(n, 3);
    buf_fini(&in);
}
END_TEST

START_TEST(channels_of_all_gateways_become_one_list)
{
    setup();
    struct buf in = {0}, out = {0};
    const char *one = "{\"channels\":{\"default/a\\\"b\":{\"num_clients\":1},\"acme/"
                      "x\":{\"num_clients\":5}}}";
    const char *two = "{\"channels\":{\"acme/x\":{\"num_clients\":2},\"default/acme/"
                      "y\":{\"num_clients\":1}}}";
    ck_assert_uint_eq(call_merge_channels(config, NULL, 2, ANSWERS(one, two), 0, &out), 0);
    ck_assert_bytes(buf_bytes(&out),
                    "{\"channels\":{\"a\\\"b\":{\"num_clients\":1},\"acme/"
                    "x\":{\"num_clients\":7},\"default/acme/y\":{\"num_clients\":1}}}");
    buf_clear(&out);
    ck_assert_uint_eq(
        call_merge_channels(config, config_tenant(config, BYTES("acme")), 1,
                            ANSWERS("{\"channels\":{\"acme/x\":{\"num_clients\":2}}}"), 0, &out),
        0);
    ck_assert_bytes(buf_bytes(&out), "{\"channels\":{\"x\":{\"num_clients\":2}}}");
    buf_clear(&out);
    ck_assert_uint_eq(call_merge_channels(config, NULL, 2, ANSWERS(one), 0, &out), 100);
    ck_assert_uint_eq(
        call_merge_channels(config, NULL, 2, ANSWERS(one, "{\"full\":true}"), 0, &out), 106);
    ck_assert_uint_eq(
        call_merge_channels(config, NULL, 2, ANSWERS(one, "{\"error\":100}"), 0, &out), 100);
    ck_assert_uint_eq(call_merge_channels(config, NULL, 1, ANSWERS("{}"), 0, &out), 100);
    ck_assert_uint_eq(
        call_merge_channels(config, NULL, 1, ANSWERS("{\"channels\":{\"a\":1}}"), 0, &out), 100);
    ck_assert_uint_eq(out.n, 0);
    buf_fini(&out);
    buf_fini(&in);
    config_unref(config);
}
END_TEST

START_TEST(pages_of_channels_become_one_that_does_not_pass_over_any)
{
    setup();
    struct buf in = {0}, out = {0};
    const struct config_tenant *acme = config_tenant(config, BYTES("acme"));
    const char *one = "{\"channels\":{\"acme/a\":{\"num_clients\":1},\"acme/c\":{\"num_clients\":1}},\"more\":true}";
    const char *two = "{\"channels\":{\"acme/b\":{\"num_clients\":1},\"acme/c\":{\"num_clients\":2},\"acme/d\":{\"num_clients\":1}}}";
    ck_assert_uint_eq(call_merge_channels(config, acme, 2, ANSWERS(two, one), 10, &out), 0);
    ck_assert_bytes(buf_bytes(&out), "{\"channels\":{\"a\":{\"num_clients\":1},\"b\":{\"num_clients\":1},\"c\":{\"num_clients\":3}},"
                                     "\"next\":\"acme/c\"}");
    buf_clear(&out);
    ck_assert_uint_eq(call_merge_channels(config, acme, 2, ANSWERS(two, one), 1, &out), 0);
    ck_assert_bytes(buf_bytes(&out), "{\"channels\":{\"a\":{\"num_clients\":1}},\"next\":\"acme/a\"}");
    buf_clear(&out);
    ck_assert_uint_eq(call_merge_channels(config, acme, 1, ANSWERS(two), 3, &out), 0);
    ck_assert_bytes(buf_bytes(&out), "{\"channels\":{\"b\":{\"num_clients\":1},\"c\":{\"num_clients\":2},\"d\":{\"num_clients\":1}}}");
    buf_clear(&out);
    ck_assert_uint_eq(call_merge_channels(config, acme, 1, ANSWERS("{\"channels\":{}}"), 3, &out), 0);
    ck_assert_bytes(buf_bytes(&out), "{\"channels\":{}}");
    buf_fini(&in);
    buf_fini(&out);
    config_unref(config);
}
END_TEST

START_TEST(info_lists_those_that_answered)
{
    struct buf in = {0}, out = {0}, node = {0}, missing = {0};
    struct call_info info = {.uid = BYTES("u1"),
                             .name = BYTES("a-gateway-1"),
                             .version = BYTES("0.1"),
                             .num_clients = 1,
                             .num_users = 2,
                             .num_subs = 3,
                             .num_channels = 4,
                             .uptime = 5};
    call_answer_info(&node, &info);
    ck_assert_bytes(
        buf_bytes(&node),
        "{\"node\":{\"uid\":\"u1\",\"name\":\"a-gateway-1\",\"version\":\"0.1\",\"num_"
        "clients\":1,\"num_users\":2,\"num_subs\":3,\"num_channels\":4,\"uptime\":5}}");
    ck_assert_uint_eq(
        call_merge_info(ANSWERS(node.p, "{\"error\":100}", "{\"node\":{}}"), BYTES(""), &out), 0);
    ck_assert_bytes(
        buf_bytes(&out),
        "{\"nodes\":[{\"uid\":\"u1\",\"name\":\"a-gateway-1\",\"version\":\"0.1\",\"num_"
        "clients\":1,\"num_users\":2,\"num_subs\":3,\"num_channels\":4,\"uptime\":5},{}]}");
    buf_clear(&out);
    ck_assert_uint_eq(call_merge_info(ANSWERS("{\"error\":100}"), BYTES(""), &out), 100);
    wire_put_cell_name(&missing, &(struct cell_name){.name = BYTES("b")});
    wire_put_cell_name(&missing, &(struct cell_name){.name = BYTES("c")});
    ck_assert_uint_eq(call_merge_info(ANSWERS("{\"node\":{}}"), buf_bytes(&missing), &out), 0);
    ck_assert_bytes(buf_bytes(&out), "{\"nodes\":[{}],\"missing\":[\"b\",\"c\"]}");
    buf_clear(&out);
    buf_fini(&missing);
    ck_assert_uint_eq(out.n, 0);
    buf_fini(&out);
    buf_fini(&in);
    buf_fini(&node);
}
END_TEST

START_TEST(pages_become_one_that_does_not_pass_over_anybody)
{
    struct buf in = {0}, out = {0};
    ck_assert_uint_eq(call_merge_connections(2, ANSWERS("{\"connections\":{\"b\":{\"x\":1},\"d\":{}}}",
                                                        "{\"connections\":{\"a\":{},\"c\":{}}}"), 10, &out), 0);
    ck_assert_bytes(buf_bytes(&out), "{\"connections\":{\"a\":{},\"b\":{\"x\":1},\"c\":{},\"d\":{}}}");
    buf_clear(&out);
    ck_assert_uint_eq(call_merge_connections(2, ANSWERS("{\"connections\":{\"b\":{},\"d\":{}}}",
                                                        "{\"connections\":{\"a\":{},\"c\":{}}}"), 3, &out), 0);
    ck_assert_bytes(buf_bytes(&out), "{\"connections\":{\"a\":{},\"b\":{},\"c\":{}},\"next\":\"c\"}");
    buf_clear(&out);
    ck_assert_uint_eq(call_merge_connections(2, ANSWERS("{\"connections\":{\"b\":{}},\"more\":true}", /* c may be its next */
                                                        "{\"connections\":{\"a\":{},\"d\":{}}}"), 10, &out), 0);
    ck_assert_bytes(buf_bytes(&out), "{\"connections\":{\"a\":{},\"b\":{}},\"next\":\"b\"}");
    buf_clear(&out);
    ck_assert_uint_eq(call_merge_connections(1, ANSWERS("{\"connections\":{}}"), 10, &out), 0);
    ck_assert_bytes(buf_bytes(&out), "{\"connections\":{}}");
    ck_assert_uint_eq(call_merge_connections(2, ANSWERS("{\"connections\":{}}"), 10, &out), 100);
    ck_assert_uint_eq(call_merge_connections(2, ANSWERS("{\"connections\":{}}", "{\"full\":true}"), 10, &out), 106);
    buf_fini(&out);
    buf_fini(&in);
}
END_TEST

UNIT_MAIN("gateway/call", a_subscribe_carries_what_is_wanted, a_page_ends_at_its_limit_and_knows_that_there_are_more,
          the_pages_of_fifty_gateways_fit_into_what_is_put_together, a_connection_of_too_many_channels_fits_into_a_frame,
          pages_become_one_that_does_not_pass_over_anybody, a_question_is_written_as_the_header_says,
          what_was_written_is_read_back, what_cannot_be_read_is_refused,
          a_question_means_those_whom_all_its_filters_name,
          channels_are_those_of_the_asker_that_match_as_it_spells_them,
          a_page_of_channels_begins_behind_its_cursor_and_ends_at_its_limit,
          pages_of_channels_become_one_that_does_not_pass_over_any, an_answer_that_grows_too_large_says_so, counts_add_up_when_all_have_answered,
          channels_of_all_gateways_become_one_list, info_lists_those_that_answered)
