#include "filter.h"

#include "fake_edges.h"
#include "hub.h"
#include "tags.h"
#include "unit.h"

#include <stdio.h>

#define NAMESPACE(name, more)                                                                                          \
    "{\"tenant\":\"default\",\"name\":\"" name "\",\"options\":{\"allow_subscribe_for_client\":true,"                  \
    "\"allow_subscribe_for_anonymous\":true" more "}}"
#define FILTER ",\"allow_tags_filter\":true"

static const char configuration[] =
    "{\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"],\"options\":{\"allow_anonymous_connect_without_token\":true}}],"
    "\"namespaces\":[" NAMESPACE("", "") "," NAMESPACE("tagged", FILTER ",\"allowed_delta_types\":[\"fossil\"]") ","
    NAMESPACE("typing", FILTER ",\"ephemeral\":true") "]}";

static struct gateway_options options;
static struct gateway g;

static const struct filter_bounds bounds = {.nodes = 8, .depth = 3, .bytes = 400};

/* ---- one filter */

static bool passes(const char *text, const char *tags)
{
    struct filter *f;
    const char *why = "";
    ck_assert_msg(filter_new(bytes_str(text), &bounds, &f, &why) == 0, "%s: %s", text, why);
    struct tags *t = tags_new(bytes_str(tags));
    bool answer = filter_passes(f, t);
    tags_free(t);
    filter_free(f);
    return answer;
}

#define LEAF(key, cmp, val) "{\"key\":\"" key "\",\"cmp\":\"" cmp "\",\"val\":\"" val "\"}"
#define SET(key, cmp, vals) "{\"key\":\"" key "\",\"cmp\":\"" cmp "\",\"vals\":[" vals "]}"
#define BARE(key, cmp) "{\"key\":\"" key "\",\"cmp\":\"" cmp "\"}"
#define OP(op, nodes) "{\"op\":\"" op "\",\"nodes\":[" nodes "]}"
#define YES BARE("yes", "ex")
#define NO BARE("no", "ex")

static const char tags[] = "{\"yes\":\"1\",\"word\":\"hello\",\"price\":\"10.50\",\"low\":\"-3\",\"odd\":\"1e3\",\"\\u00e9\":\"\\ud83d\\ude00\"}";

START_TEST(each_comparison_is_what_the_protocol_says)
{
    static const struct {
        const char *filter;
        bool passes;
    } rows[] = {
        {LEAF("word", "eq", "hello"), true}, {LEAF("word", "eq", "hell"), false}, {LEAF("none", "eq", "x"), false},
        {LEAF("word", "neq", "hello"), false}, {LEAF("word", "neq", "x"), true}, {LEAF("none", "neq", "x"), true},
        {SET("word", "in", "\"a\",\"hello\""), true}, {SET("word", "in", "\"a\""), false}, {SET("none", "in", "\"a\""), false},
        {SET("word", "nin", "\"a\",\"hello\""), false}, {SET("word", "nin", "\"a\""), true}, {SET("none", "nin", "\"a\""), true},
        {BARE("word", "ex"), true}, {BARE("none", "ex"), false}, {BARE("word", "nex"), false}, {BARE("none", "nex"), true},
        {LEAF("word", "sw", "he"), true}, {LEAF("word", "sw", "lo"), false}, {LEAF("none", "sw", "x"), false},
        {LEAF("word", "ew", "lo"), true}, {LEAF("word", "ew", "he"), false}, {LEAF("word", "ew", "oh hello"), false},
        {LEAF("word", "ct", "ell"), true}, {LEAF("word", "ct", "elk"), false},
        {LEAF("price", "gt", "10.5"), false}, {LEAF("price", "gte", "10.5"), true}, {LEAF("price", "lte", "10.500"), true},
        {LEAF("price", "lt", "10.5"), false}, {LEAF("price", "gt", "9"), true}, {LEAF("low", "lt", "-2.9"), true},
        {LEAF("odd", "gt", "1"), false}, {LEAF("odd", "lte", "1"), false}, {LEAF("price", "gt", "cheap"), false},
        {LEAF("price", "lte", "cheap"), false}, {LEAF("none", "lt", "1"), false},
        {LEAF("\\u00e9", "eq", "\\ud83d\\ude00"), true}, {LEAF("é", "eq", "😀"), true},
        {"{\"op\":\"\",\"key\":\"word\",\"cmp\":\"ex\",\"val\":null,\"vals\":[],\"nodes\":[],\"more\":1}", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(passes(rows[i].filter, tags) == rows[i].passes, "%s", rows[i].filter);
}
END_TEST

START_TEST(comparisons_are_joined_by_and_or_and_not)
{
    ck_assert(passes(OP("and", YES "," YES), tags));
    ck_assert(!passes(OP("and", YES "," NO), tags));
    ck_assert(passes(OP("or", NO "," YES), tags));
    ck_assert(!passes(OP("or", NO "," NO), tags));
    ck_assert(passes(OP("not", NO), tags));
    ck_assert(!passes(OP("not", YES), tags));
    ck_assert(passes(OP("and", OP("or", NO "," YES) "," OP("not", NO) "," YES), tags));
    ck_assert(!passes(OP("or", OP("and", YES "," NO) "," OP("not", YES) "," NO), tags));
    ck_assert(passes(OP("or", NO), "") == false && passes(OP("not", NO), ""));
}
END_TEST

START_TEST(what_is_no_filter_is_refused_with_the_reason)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"1", "a node is an object"},
        {"[]", "a node is an object"},
        {"{}", "cmp is"},
        {LEAF("", "eq", "x"), "needs a key"},
        {LEAF("k", "like", "x"), "cmp is"},
        {LEAF("k", "and", "x"), "cmp is"},
        {BARE("k", "eq"), "val is for"},
        {LEAF("k", "in", "x"), "val is for"},
        {LEAF("k", "ex", "x"), "val is for"},
        {BARE("k", "in"), "vals is for"},
        {SET("k", "in", ""), "vals is for"},
        {SET("k", "ex", "\"x\""), "vals is for"},
        {SET("k", "in", "1"), "array of texts"},
        {"{\"key\":\"k\",\"cmp\":\"eq\",\"val\":\"x\",\"vals\":[\"y\"]}", "vals is for"},
        {"{\"key\":\"k\",\"cmp\":\"in\",\"vals\":\"y\"}", "array of texts"},
        {"{\"key\":5,\"cmp\":\"ex\"}", "are texts"},
        {OP("xor", YES), "op is"},
        {OP("eq", YES), "op is"},
        {OP("and", ""), "have nodes"},
        {"{\"op\":\"or\"}", "have nodes"},
        {OP("not", YES "," YES), "have nodes"},
        {OP("and", "1"), "a node is an object"},
        {OP("and", OP("and", OP("and", YES))), "--filter-depth"},
        {OP("and", YES "," YES "," YES "," YES "," YES "," YES "," YES "," YES), "--filter-nodes"},
    };
    struct filter *f = NULL;
    const char *why;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(filter_new(bytes_str(bad[i].text), &bounds, &f, &why) < 0, "%s", bad[i].text);
        ck_assert_msg(strstr(why, bad[i].why) != NULL, "%s: %s", bad[i].text, why);
    }
    struct buf big = {0};
    buf_printf(&big, LEAF("k", "eq", "%0400d"), 1);
    ck_assert_int_lt(filter_new(buf_bytes(&big), &bounds, &f, &why), 0);
    ck_assert_str_eq(why, "longer than --filter-bytes");
    ck_assert_ptr_null(f);
    buf_fini(&big);
}
END_TEST

#define FROM(bytes, want)                                                                                              \
    do {                                                                                                               \
        struct buf text_ = {0};                                                                                        \
        filter_from_protobuf(BYTES(bytes), &text_);                                                                    \
        ck_assert_bytes(buf_bytes(&text_), want);                                                                      \
        buf_fini(&text_);                                                                                              \
    } while (0)

START_TEST(a_filter_in_protobuf_is_the_same_as_json)
{
    FROM("\x12\x01k\x1a\x02""eq\"\x01v", LEAF("k", "eq", "v"));
    FROM("\x12\x01k\x1a\x02in*\x01""a*\x02\xc3\xa9", "{\"key\":\"k\",\"cmp\":\"in\",\"vals\":[\"a\",\"é\"]}");
    FROM("\n\x03not2\x07\x12\x01k\x1a\x02""ex", "{\"op\":\"not\",\"nodes\":[{\"key\":\"k\",\"cmp\":\"ex\"}]}");
    FROM("*\x01""a", "{\"vals\":[\"a\"]}");
    FROM("\x12\xff", "null");
    FROM("\n\x03not2\x02\x12\xff", "null");
    struct buf deep = {0}, text = {0};
    for (int i = 0; i < 200; i++) { /* as deep as it is long, each level around the one before */
        struct buf outer = {0};
        buf_append_char(&outer, '2');
        for (size_t n = deep.n; n > 0x7f || (buf_append_char(&outer, (char)n), 0); n >>= 7)
            buf_append_char(&outer, (char)(n | 0x80));
        buf_append_bytes(&outer, buf_bytes(&deep));
        buf_fini(&deep);
        deep = outer;
    }
    filter_from_protobuf(buf_bytes(&deep), &text);
    ck_assert_bytes(buf_bytes(&text), "null");
    buf_fini(&deep);
    buf_fini(&text);
}
END_TEST

/* ---- subscriptions */

static void start(void)
{
    gateway_options_default(&options);
    options.ping_interval = 3600000;
    edges_start(&g, &options);
    edges_configure_text(&g, configuration);
}

static struct ws_socket *reader(const char *channel, const char *more)
{
    char text[300];
    struct ws_socket *s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    free(edges_take(s));
    snprintf(text, sizeof text, "{\"id\":2,\"subscribe\":{\"channel\":\"%s\"%s}}", channel, more);
    edges_say(s, text);
    snprintf(text, sizeof text, "default/%s", channel);
    const struct channel *c = hub_find(&g, bytes_str(text));
    if (c && c->state == CHANNEL_ASKED)
        edges_subscribed(&g, text, 1, 0);
    return s;
}

static void publish(const char *channel, uint64_t seq, const char *with)
{
    struct buf b = {0};
    struct publication p = {.epoch = 1, .seq = seq, .id = seq, .data = BYTES("1"), .tags = bytes_str(with)};
    if (seq == 0)
        p.id = 0;
    wire_put_publication(&b, &p);
    edges_say_publication(&g, channel, &b);
}

static void ck_offsets(struct ws_socket *s, const char *want)
{
    char *text = edges_take(s);
    struct buf got = {0};
    for (const char *at = text; at && (at = strstr(at, "\"pub\":")); at++)
        buf_printf(&got, "%s%d", got.n ? " " : "", atoi(strstr(at, "\"offset\":") + 9));
    ck_assert_bytes(buf_bytes(&got), want);
    buf_fini(&got);
    free(text);
}

#define RED ",\"tf\":" LEAF("colour", "eq", "red")
#define TAG(colour) "{\"colour\":\"" colour "\"}"

START_TEST(a_subscriber_gets_what_its_filter_lets_through_and_no_hole_is_seen)
{
    start();
    struct ws_socket *red = reader("tagged:a", RED), *all = reader("tagged:a", "");
    publish("default/tagged:a", 1, TAG("red"));
    publish("default/tagged:a", 2, TAG("blue"));
    publish("default/tagged:a", 3, "");
    publish("default/tagged:a", 4, TAG("red"));
    ck_offsets(red, "1 4");
    ck_offsets(all, "1 2 3 4");
    ck_assert_uint_eq(red->connection->subs[0]->sent, 4);
    ck_assert_uint_eq(g.metrics.filtered_total, 2);
    publish("default/tagged:a", 5, TAG("blue"));
    ck_assert_uint_eq(red->connection->subs[0]->sent, 5);
    ck_assert(!sub_is_behind(red->connection->subs[0]));
    edges_stop(&g);
}
END_TEST

START_TEST(what_is_recovered_is_filtered_too)
{
    start();
    reader("tagged:a", "");
    for (uint64_t seq = 1; seq <= 6; seq++)
        publish("default/tagged:a", seq, seq % 2 ? TAG("red") : TAG("blue"));
    struct ws_socket *s = reader("tagged:a", ",\"recover\":true,\"epoch\":\"1\",\"offset\":1" RED);
    char *text = edges_take(s);
    ck_assert_ptr_nonnull(strstr(text, "\"offset\":1,\"was_recovering\":true,\"recovered\":true,\"publications\":[{\"data\":1,\"offset\":3,"));
    ck_assert_ptr_nonnull(strstr(text, "\"offset\":5,"));
    ck_assert_ptr_null(strstr(text, "\"offset\":4,"));
    free(text);
    ck_assert_uint_eq(s->connection->subs[0]->sent, 6);
    edges_stop(&g);
}
END_TEST

START_TEST(ephemeral_ones_are_filtered_as_well)
{
    start();
    struct ws_socket *s = reader("typing:a", RED);
    free(edges_take(s));
    publish("default/typing:a", 0, TAG("blue"));
    publish("default/typing:a", 0, TAG("red"));
    publish("default/typing:a", 0, TAG("blue"));
    char *text = edges_take(s);
    ck_assert_str_eq(text, "{\"push\":{\"channel\":\"typing:a\",\"pub\":{\"data\":1,\"tags\":{\"colour\":\"red\"}}}}");
    free(text);
    edges_stop(&g);
}
END_TEST

START_TEST(where_none_is_allowed_or_it_is_none_the_subscribe_is_refused)
{
    start();
    static const char refused[] = "{\"id\":2,\"error\":{\"code\":107,\"message\":\"bad request\"}}";
    const char *const bad[][2] = {{"a", RED}, {"tagged:a", ",\"tf\":" LEAF("k", "like", "x")}, {"tagged:a", ",\"tf\":7"},
                                  {"tagged:a", ",\"tf\":{}"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ws_socket *s = reader(bad[i][0], bad[i][1]);
        char *text = edges_take(s);
        ck_assert_str_eq(text, refused);
        ck_assert_int_eq(s->connection->n_subs, 0);
        free(text);
    }
    struct ws_socket *s = reader("a", ",\"tf\":null");
    ck_assert_int_eq(s->connection->n_subs, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(equal_filters_are_one_and_go_with_their_last_subscription)
{
    start();
    struct ws_socket *a = reader("tagged:a", RED), *b = reader("tagged:b", RED), *c = reader("tagged:a", ",\"tf\":" YES);
    ck_assert_uint_eq(g.filters.count, 2);
    ck_assert_ptr_eq(a->connection->subs[0]->extras->filter, b->connection->subs[0]->extras->filter);
    edges_leave(a);
    ck_assert_uint_eq(g.filters.count, 2);
    edges_say(b, "{\"id\":3,\"unsubscribe\":{\"channel\":\"tagged:b\"}}");
    ck_assert_uint_eq(g.filters.count, 1);
    edges_leave(c);
    ck_assert_uint_eq(g.filters.count, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_filter_and_deltas_exclude_each_other)
{
    start();
    struct ws_socket *s = reader("tagged:a", ",\"delta\":\"fossil\"" RED);
    char *text = edges_take(s);
    ck_assert_ptr_nonnull(strstr(text, "\"subscribe\":{"));
    ck_assert_ptr_null(strstr(text, "delta"));
    free(text);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("filter", each_comparison_is_what_the_protocol_says, comparisons_are_joined_by_and_or_and_not,
          what_is_no_filter_is_refused_with_the_reason, a_filter_in_protobuf_is_the_same_as_json, a_subscriber_gets_what_its_filter_lets_through_and_no_hole_is_seen,
          what_is_recovered_is_filtered_too, ephemeral_ones_are_filtered_as_well,
          where_none_is_allowed_or_it_is_none_the_subscribe_is_refused, equal_filters_are_one_and_go_with_their_last_subscription,
          a_filter_and_deltas_exclude_each_other)
