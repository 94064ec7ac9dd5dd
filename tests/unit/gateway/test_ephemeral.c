#include "ephemeral.h"

#include "fake_edges.h"
#include "flow.h"
#include "hub.h"
#include "sweep.h"
#include "tenant.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

static struct gateway_options options;
static struct gateway g;

static void start(void)
{
    gateway_options_default(&options);
    options.ping_interval = 3600000; /* nobody answers a ping here */
    edges_start(&g, &options);
}

static int count(struct ws_socket *s)
{
    char *text = edges_take(s);
    int n = 0;
    for (const char *at = text; at && (at = strstr(at, "\"pub\":")); at++)
        n++;
    free(text);
    return n;
}

static void pass(const char *channel, const char *data)
{
    edges_publish(&g, channel, 0, 0, data);
}

#define ck_asked(text) ck_assert_msg(edges.asked.p && strstr(edges.asked.p, text), "asked: %s", edges.asked.p)
#define ck_not_asked(text) ck_assert_msg(!edges.asked.p || !strstr(edges.asked.p, text), "asked: %s", edges.asked.p)

static void ck_told(struct ws_socket *s, const char *want)
{
    char *text = edges_take(s);
    ck_assert_str_eq(text, want);
    free(text);
}

/* ---- the record */

static void read_hex(struct buf *into)
{
    char line[512], *end;
    FILE *f = fopen(GOLDEN "/ephemeral.hex", "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "#\n")] = 0;
        char *at = line;
        for (unsigned long v = strtoul(at, &end, 16); end != at; v = strtoul(at, &end, 16)) {
            buf_append_char(into, (char)v);
            at = end;
        }
    }
    fclose(f);
}

START_TEST(a_record_is_the_golden_one)
{
    struct buf have = {0}, want = {0};
    read_hex(&want);
    ephemeral_encode(&(struct ops_publish){.channel = BYTES("default/typing:room-1"),
                                           .data = BYTES("{\"typing\":true}"),
                                           .tags = BYTES("{\"a\":\"b\"}"),
                                           .info = BYTES("{\"user\":\"u\",\"client\":\"c\"}"),
                                           .shown = 77},
                     1795437296791900, &have);
    ck_assert_uint_eq(have.n, want.n);
    ck_assert_mem_eq(have.p, want.p, want.n);
    ck_assert_uint_eq(channel_place(BYTES("default/typing:room-1")).partition_hash % 16, 4);
    buf_fini(&have);
    buf_fini(&want);
}
END_TEST

/* ---- in */

START_TEST(a_publish_goes_to_the_broker_and_is_answered_when_it_took_it)
{
    start();
    struct ws_socket *s = edges_reader(&g, "typing:a");
    edges_say(s, "{\"id\":3,\"publish\":{\"channel\":\"typing:a\",\"data\":{\"x\":1}}}");
    ck_asked("ephemeral default/typing:a {\"x\":1}\n");
    ck_not_asked("publish default/typing:a");
    ck_told(s, "");
    ops_publish_done(&g, edges.publish_ticket, &(struct ops_published){0});
    edges_pass(&g, 0);
    ck_told(s, "{\"id\":3,\"publish\":{}}");
    edges_say(s, "{\"id\":4,\"rpc\":{\"method\":\"cellcast.publish\",\"data\":{\"channel\":\"typing:a\",\"data\":2}}}");
    ops_publish_done(&g, edges.publish_ticket, &(struct ops_published){0});
    edges_pass(&g, 0);
    ck_told(s, "{\"id\":4,\"rpc\":{\"data\":{}}}");
    edges_stop(&g);
}
END_TEST

START_TEST(without_a_broker_a_publish_is_refused_at_once)
{
    static const struct {
        int error;
        const char *reply;
    } cases[] = {
        {-ENOTCONN, "{\"id\":3,\"error\":{\"code\":100,\"message\":\"internal server error\",\"temporary\":true}}"},
        {-ENOBUFS, "{\"id\":3,\"error\":{\"code\":111,\"message\":\"too many requests\",\"temporary\":true}}"},
        {-EMSGSIZE, "{\"id\":3,\"error\":{\"code\":107,\"message\":\"bad request\"}}"},
    };
    start();
    struct ws_socket *s = edges_reader(&g, "typing:a");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        edges.broker_error = cases[i].error;
        edges_say(s, "{\"id\":3,\"publish\":{\"channel\":\"typing:a\",\"data\":1}}");
        ck_told(s, cases[i].reply);
    }
    ck_assert_uint_eq(g.metrics.ephemeral_refused_total, 3);
    ck_assert_uint_eq(g.metrics.publishes_refused_total, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(after_and_a_key_are_refused_rather_than_dropped)
{
    start();
    struct ws_socket *s = edges_reader(&g, "typing:a");
    const char *refused = "{\"id\":3,\"error\":{\"code\":108,\"message\":\"not available\"}}";
    edges_say(s, "{\"id\":3,\"rpc\":{\"method\":\"cellcast.publish\","
                 "\"data\":{\"channel\":\"typing:a\",\"data\":1,\"idempotency_key\":\"k\"}}}");
    ck_told(s, refused);
    edges_say(s, "{\"id\":3,\"rpc\":{\"method\":\"cellcast.publish\","
                 "\"data\":{\"channel\":\"typing:a\",\"data\":1,\"after\":[\"x@1\"]}}}");
    ck_told(s, refused);
    ck_not_asked("ephemeral default");
    edges_stop(&g);
}
END_TEST

/* ---- subscribing */

START_TEST(a_subscription_has_no_position_and_asks_for_none)
{
    start();
    struct ws_socket *s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"typing:a\",\"recover\":true,\"offset\":7,\"epoch\":\"3\",\"flag\":2}}");
    ck_asked("subscribe default/typing:a ephemeral\n");
    free(edges_take(s));
    edges_subscribed(&g, "default/typing:a", 0, 0);
    ck_told(s, "{\"id\":2,\"subscribe\":{\"was_recovering\":true}}");
    edges_say(s, "{\"id\":3,\"history\":{\"channel\":\"typing:a\",\"limit\":1}}");
    ck_told(s, "{\"id\":3,\"error\":{\"code\":108,\"message\":\"not available\"}}");
    ck_not_asked("head default");
    ck_not_asked("read default");
    edges_stop(&g);
}
END_TEST

START_TEST(quiet_channels_are_not_swept)
{
    start();
    edges_reader(&g, "typing:a");
    edges_reader(&g, "news");
    edges_pass(&g, 60000);
    sweep_heads(&g);
    ck_asked("head default/news");
    ck_not_asked("head default/typing:a");
    edges_stop(&g);
}
END_TEST

/* ---- out */

START_TEST(a_publication_goes_to_those_who_are_there_without_an_offset)
{
    start();
    struct ws_socket *a = edges_reader(&g, "typing:a"), *b = edges_reader(&g, "typing:a");
    pass("default/typing:a", "{\"x\":1}");
    ck_told(a, "{\"push\":{\"channel\":\"typing:a\",\"pub\":{\"data\":{\"x\":1}}}}");
    ck_told(b, "{\"push\":{\"channel\":\"typing:a\",\"pub\":{\"data\":{\"x\":1}}}}");
    struct ws_socket *late = edges_reader(&g, "typing:a");
    ck_assert_int_eq(count(late), 0);
    pass("default/typing:a", "2");
    ck_assert_int_eq(count(a) + count(b) + count(late), 3);
    ck_assert_uint_eq(g.rings.bytes, 0);
    ck_assert_uint_eq(g.rings.passing_bytes, 0);
    ck_assert_uint_eq(g.metrics.ephemeral_dropped_total, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(who_does_not_read_is_passed_over_and_costs_no_memory)
{
    start();
    struct ws_socket *slow = edges_reader(&g, "typing:a"), *quick = edges_reader(&g, "typing:a");
    slow->full = true;
    pass("default/typing:a", "0"); /* the socket keeps this one */
    for (int i = 0; i < 1000; i++)
        pass("default/typing:a", "{\"some\":\"data\"}");
    ck_assert_int_eq(count(quick), 1001);
    ck_assert_int_eq(count(slow), 1);
    ck_assert_uint_eq(g.metrics.ephemeral_dropped_total, 1000);
    ck_assert_uint_eq(g.rings.bytes, 0);
    ck_assert_uint_eq(slow->connection->out.cap, 0);
    slow->full = false;
    connection_writable(slow->connection);
    edges_pass(&g, 0);
    ck_assert_int_eq(count(slow), 0); /* never, since not now */
    pass("default/typing:a", "1");
    ck_assert_int_eq(count(slow), 1);
    edges_stop(&g);
}
END_TEST

/* Publications in one turn, before anybody is written to. */
static void pour(const char *channel, uint64_t seq, int n, const char *data)
{
    struct buf b = {0};
    for (int i = 0; i < n; i++) {
        buf_clear(&b);
        wire_put_publication(&b, &(struct publication){.epoch = seq ? 1 : 0, .seq = seq ? seq + (uint64_t)i : 0, .data = bytes_str(data)});
        flow_publication(&g, &(struct fan_publication){.channel = bytes_str(channel), .publication = buf_bytes(&b)});
    }
    buf_fini(&b);
}

START_TEST(a_flood_keeps_the_newest_of_one_turn)
{
    start();
    struct ws_socket *s = edges_reader(&g, "typing:a");
    pour("default/typing:a", 0, 1000, "1");
    ck_assert_uint_lt(g.rings.bytes, 100000);
    edges_pass(&g, 0);
    ck_assert_int_eq(count(s), (int)options.ring_messages);
    ck_assert_uint_eq(g.metrics.ephemeral_dropped_total, (uint64_t)(1000 - options.ring_messages));
    edges_stop(&g);
}
END_TEST

START_TEST(what_does_not_fit_one_write_goes_with_the_next)
{
    start();
    char big[9000] = "\"";
    memset(big + 1, 'x', 8000);
    strcat(big, "\"");
    struct ws_socket *s = edges_reader(&g, "typing:a");
    pour("default/typing:a", 0, 5, big);
    edges_pass(&g, 0);
    ck_assert_int_eq(count(s), 5);
    ck_assert_int_gt(s->writes, 1);
    ck_assert_uint_eq(g.metrics.ephemeral_dropped_total, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_flood_gives_way_to_what_is_durable)
{
    start();
    char big[9000] = "\"";
    memset(big + 1, 'x', 8000);
    strcat(big, "\"");
    struct ws_socket *s = edges_reader(&g, "news");
    edges_say(s, "{\"id\":9,\"subscribe\":{\"channel\":\"typing:a\"}}");
    edges_subscribed(&g, "default/typing:a", 0, 0);
    free(edges_take(s));
    pour("default/typing:a", 0, 30, "1");
    pour("default/news", 1, 10, big);
    edges_pass(&g, 0);
    char *text = edges_take(s);
    int typing = 0, news = 0;
    for (const char *at = text; (at = strstr(at, "\"channel\":\"")); at += 11)
        *(at[11] == 't' ? &typing : &news) += 1;
    free(text);
    ck_assert_int_eq(news, 10);
    ck_assert_int_eq(typing, 0);
    ck_assert_uint_eq(g.metrics.ephemeral_dropped_total, 30);
    edges_stop(&g);
}
END_TEST

/* What is sent to 20 channels in one turn, 2 KB each, where 4,000 bytes are the most of all. */
static void pour_much(void)
{
    char big[3000] = "\"", name[40];
    memset(big + 1, 'x', 2000);
    strcat(big, "\"");
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "default/typing:%d", i);
        pour(name, 0, 1, big);
    }
}

static void read_much(void)
{
    char name[40];
    g.rings.bytes_max = 64000;
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "typing:%d", i);
        edges_reader(&g, name);
    }
}

START_TEST(all_channels_together_are_bounded)
{
    start();
    read_much();
    pour_much();
    ck_assert_uint_gt(g.rings.passing_bytes, 4000);
    ck_assert_uint_lt(g.rings.passing_bytes, 4000 + 3000);
    ck_assert_uint_gt(g.metrics.ephemeral_shed_total, 10);
    edges_pass(&g, 0);
    ck_assert_uint_eq(g.rings.passing_bytes, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_noisy_tenant_leaves_the_others_half)
{
    start();
    read_much();
    hub_find(&g, BYTES("default/typing:0"))->tenant->noise.noisy = true;
    pour_much();
    ck_assert_uint_gt(g.rings.passing_bytes, 2000);
    ck_assert_uint_lt(g.rings.passing_bytes, 4000);
    edges_stop(&g);
}
END_TEST

START_TEST(what_is_of_the_other_kind_is_dropped)
{
    start();
    struct ws_socket *a = edges_reader(&g, "typing:a"), *b = edges_reader(&g, "news");
    edges_publish(&g, "default/typing:a", 1, 1, "1"); /* its namespace was durable a moment ago */
    edges_publish(&g, "default/news", 0, 0, "1");
    ck_assert_int_eq(count(a) + count(b), 0);
    edges_publish(&g, "default/news", 1, 1, "1");
    ck_assert_int_eq(count(b), 1);
    edges_stop(&g);
}
END_TEST

START_TEST(a_namespace_that_changes_sides_makes_its_subscribers_come_anew)
{
    start();
    struct ws_socket *a = edges_reader(&g, "typing:a"), *b = edges_reader(&g, "news"), *waiting = edges_connect(&g);
    edges_say(waiting, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"typing:b\"}}");
    free(edges_take(waiting));
    pour("default/typing:a", 0, 3, "1");
    edges_configure(&g, false);
    ck_told(a, "{\"push\":{\"channel\":\"typing:a\",\"unsubscribe\":{\"code\":2500,\"reason\":\"insufficient state\"}}}");
    ck_told(waiting, "{\"id\":2,\"error\":{\"code\":100,\"message\":\"internal server error\",\"temporary\":true}}");
    ck_told(b, "");
    ck_assert_uint_eq(g.rings.passing_bytes, 0);
    edges_say(a, "{\"id\":5,\"subscribe\":{\"channel\":\"typing:a\"}}");
    edges_subscribed(&g, "default/typing:a", 4, 9);
    ck_told(a, "{\"id\":5,\"subscribe\":{\"recoverable\":true,\"epoch\":\"4\",\"positioned\":true,\"offset\":9}}");
    edges_publish(&g, "default/typing:a", 4, 10, "1");
    ck_assert_int_eq(count(a), 1);
    edges_configure(&g, true);
    ck_told(a, "{\"push\":{\"channel\":\"typing:a\",\"unsubscribe\":{\"code\":2500,\"reason\":\"insufficient state\"}}}");
    ck_assert_uint_eq(g.rings.bytes, 0);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("gateway/ephemeral", a_record_is_the_golden_one, a_publish_goes_to_the_broker_and_is_answered_when_it_took_it,
          without_a_broker_a_publish_is_refused_at_once, after_and_a_key_are_refused_rather_than_dropped,
          a_subscription_has_no_position_and_asks_for_none, quiet_channels_are_not_swept,
          a_publication_goes_to_those_who_are_there_without_an_offset, who_does_not_read_is_passed_over_and_costs_no_memory,
          a_flood_keeps_the_newest_of_one_turn, what_does_not_fit_one_write_goes_with_the_next,
          a_flood_gives_way_to_what_is_durable, all_channels_together_are_bounded, a_noisy_tenant_leaves_the_others_half, what_is_of_the_other_kind_is_dropped,
          a_namespace_that_changes_sides_makes_its_subscribers_come_anew)
