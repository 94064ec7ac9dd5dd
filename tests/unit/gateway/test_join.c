#include "join.h"

#include "fake_edges.h"
#include "flow.h"
#include "unit.h"

#include <stdio.h>

#define NAMESPACE(name, more)                                                                                          \
    "{\"tenant\":\"default\",\"name\":\"" name "\",\"options\":{\"allow_subscribe_for_client\":true,"                  \
    "\"allow_subscribe_for_anonymous\":true" more "}}"

static const char configuration[] =
    "{\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"],\"options\":{\"allow_anonymous_connect_without_token\":true}}],"
    "\"namespaces\":[" NAMESPACE("", "") "," NAMESPACE("kv", ",\"force_recovery_mode\":\"cache\"") ","
    NAMESPACE("auto", ",\"force_recovery_mode\":\"cache\",\"auto_cache_recover\":true") ","
    NAMESPACE("loose", ",\"force_recovery_mode\":\"cache\",\"force_recovery\":false") "]}";

static struct gateway_options options;
static struct gateway g;

static void start(void)
{
    gateway_options_default(&options);
    options.page_messages = 10;
    edges_start(&g, &options);
    edges_configure_text(&g, configuration);
}

static void ck_told(struct ws_socket *s, const char *want)
{
    char *text = edges_take(s);
    ck_assert_bytes(bytes_str(text), want);
    free(text);
}

/* A client that subscribes; the channel is told of when it is opened first. */
static struct ws_socket *join(const char *channel, const char *claim, uint64_t epoch, uint64_t head)
{
    char text[200];
    struct ws_socket *s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    free(edges_take(s));
    snprintf(text, sizeof text, "{\"id\":2,\"subscribe\":{\"channel\":\"%s\"%s}}", channel, claim);
    edges_say(s, text);
    snprintf(text, sizeof text, "default/%s", channel);
    edges_subscribed(&g, text, epoch, head);
    return s;
}

#define PLACE "\"recoverable\":true,\"epoch\":\"3\",\"positioned\":true"
#define BACK ",\"was_recovering\":true,\"recovered\":true"
#define NINTH ",\"publications\":[{\"data\":1,\"offset\":9,\"tags\":{\"id\":\"9\"}}]"

START_TEST(who_rejects_to_be_unrecovered_gets_112_and_is_not_subscribed)
{
    start();
    struct ws_socket *s = join("x", ",\"recover\":true,\"epoch\":\"2\",\"offset\":4,\"flag\":3", 3, 9);
    ck_told(s, "{\"id\":2,\"error\":{\"code\":112,\"message\":\"unrecoverable position\"}}");
    ck_assert_int_eq(s->connection->n_subs, 0);
    edges_say(s, "{\"id\":3,\"subscribe\":{\"channel\":\"x\",\"recover\":true,\"epoch\":\"3\",\"offset\":9,\"flag\":3}}");
    ck_told(s, "{\"id\":3,\"subscribe\":{" PLACE ",\"offset\":9" BACK "}}");
    edges_stop(&g);
}
END_TEST

START_TEST(the_flag_without_recover_is_an_ordinary_subscribe)
{
    start();
    ck_told(join("x", ",\"flag\":3", 3, 9), "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":9}}");
    edges_stop(&g);
}
END_TEST

START_TEST(a_cache_gives_the_newest_alone_whatever_was_missed)
{
    static const char *const claims[] = {"", ",\"epoch\":\"3\"", ",\"epoch\":\"3\",\"offset\":4", ",\"epoch\":\"2\",\"offset\":9",
                                         ",\"epoch\":\"_\"", ",\"epoch\":\"3\",\"offset\":99"};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        char claim[80];
        start();
        snprintf(claim, sizeof claim, ",\"recover\":true,\"flag\":2%s", claims[i]);
        struct ws_socket *s = join("kv:x", claim, 3, 9);
        ck_assert_ptr_nonnull(strstr(edges.asked.p, "read default/kv:x since 8"));
        edges_range(&g, 0, 3, 9, 9, 9);
        ck_told(s, "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":8" BACK NINTH "}}");
        edges_publish(&g, "default/kv:x", 3, 10, "2");
        ck_told(s, "{\"push\":{\"channel\":\"kv:x\",\"pub\":{\"data\":2,\"offset\":10,\"tags\":{\"id\":\"10\"}}}}");
        edges_stop(&g);
    }
}
END_TEST

START_TEST(from_a_cache_who_has_the_newest_gets_nothing)
{
    start();
    ck_told(join("kv:x", ",\"recover\":true,\"epoch\":\"3\",\"offset\":9", 3, 9),
            "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":9" BACK "}}");
    ck_told(join("kv:y", ",\"recover\":true", 3, 0), "{\"id\":2,\"subscribe\":{" PLACE BACK "}}");
    ck_assert_int_eq(edges.reads, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(from_a_cache_whose_newest_is_gone_nobody_recovers)
{
    start();
    struct ws_socket *s = join("kv:x", ",\"recover\":true,\"epoch\":\"3\",\"offset\":4", 3, 9);
    struct ws_socket *strict = join("kv:x", ",\"recover\":true,\"epoch\":\"3\",\"offset\":4,\"flag\":2", 3, 9);
    for (int i = 0; i < 10 && edges.n_open; i++) {
        edges_range(&g, 0, 3, 9, 0, 0);
        edges_pass(&g, 1000);
    }
    ck_told(s, "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":9,\"was_recovering\":true}}");
    ck_told(strict, "{\"id\":2,\"error\":{\"code\":112,\"message\":\"unrecoverable position\"}}");
    ck_told(join("kv:y", ",\"recover\":true,\"epoch\":\"2\",\"offset\":4", 3, 0),
            "{\"id\":2,\"subscribe\":{" PLACE ",\"was_recovering\":true}}");
    edges_stop(&g);
}
END_TEST

START_TEST(what_comes_while_the_newest_is_read_takes_its_place)
{
    start();
    struct ws_socket *s = join("kv:x", ",\"recover\":true", 3, 8);
    edges_publish(&g, "default/kv:x", 3, 9, "1");
    edges_range(&g, 0, 3, 9, 8, 8);
    ck_told(s, "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":8" BACK NINTH "}}");
    ck_assert_uint_eq(g.n_pages, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_cache_is_given_to_whoever_subscribes_where_the_namespace_says_so)
{
    start();
    struct ws_socket *s = join("auto:x", "", 3, 9);
    edges_range(&g, 0, 3, 9, 9, 9);
    ck_told(s, "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":8" BACK NINTH "}}");
    ck_told(join("auto:y", "", 3, 0), "{\"id\":2,\"subscribe\":{" PLACE BACK "}}");
    ck_told(join("kv:x", "", 3, 9), "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":9}}");
    edges_stop(&g);
}
END_TEST

START_TEST(without_recovery_there_is_no_cache)
{
    start();
    ck_told(join("loose:x", ",\"recover\":true", 3, 9), "{\"id\":2,\"subscribe\":{\"was_recovering\":true}}");
    ck_assert_int_eq(edges.reads, 0);
    edges_stop(&g);
}
END_TEST

/* ---- history_remove */

static void remove_history(const char *channel, uint64_t seq)
{
    struct buf b = {0};
    struct publication p = {.epoch = 3, .seq = seq, .id = seq, .format = FORMAT_REMOVAL, .data = BYTES("null")};
    wire_put_publication(&b, &p);
    edges_say_publication(&g, channel, &b);
}

#define CLAIM(offset) ",\"recover\":true,\"epoch\":\"3\",\"offset\":" #offset

START_TEST(a_removal_is_for_nobody_and_makes_no_hole)
{
    start();
    struct ws_socket *s = join("x", "", 3, 0);
    free(edges_take(s));
    edges_publish(&g, "default/x", 3, 1, "1");
    remove_history("default/x", 2);
    edges_publish(&g, "default/x", 3, 3, "3");
    ck_told(s, "{\"push\":{\"channel\":\"x\",\"pub\":{\"data\":1,\"offset\":1,\"tags\":{\"id\":\"1\"},\"epoch\":\"3\"}}}\n"
               "{\"push\":{\"channel\":\"x\",\"pub\":{\"data\":3,\"offset\":3,\"tags\":{\"id\":\"3\"}}}}");
    ck_assert_uint_eq(s->connection->subs[0]->sent, 3);
    ck_assert_uint_eq(g.metrics.filtered_total, 0);
    edges_stop(&g);
}
END_TEST

/* In the turn of whatever follows. */
static void publish_in_a_burst(const char *channel, uint64_t seq)
{
    struct buf b = {0};
    wire_put_publication(&b, &(struct publication){.epoch = 3, .seq = seq, .id = seq, .data = BYTES("1")});
    flow_publication(&g, &(struct fan_publication){.channel = bytes_str(channel), .publication = buf_bytes(&b)});
    buf_fini(&b);
}

START_TEST(what_is_removed_at_once_is_told_to_who_is_there_and_to_nobody_else)
{
    start();
    struct ws_socket *s = join("x", "", 3, 0), *full = join("x", "", 3, 0);
    free(edges_take(s));
    free(edges_take(full));
    publish_in_a_burst("default/x", 1);
    remove_history("default/x", 2);
    ck_told(s, "{\"push\":{\"channel\":\"x\",\"pub\":{\"data\":1,\"offset\":1,\"tags\":{\"id\":\"1\"},\"epoch\":\"3\"}}}");
    free(edges_take(full));
    ck_assert_uint_eq(s->connection->subs[0]->channel->count, 1); /* the removal */
    full->full = true;
    edges_publish(&g, "default/x", 3, 3, "1");
    free(edges_take(full));
    publish_in_a_burst("default/x", 4);
    remove_history("default/x", 5);
    edges_publish(&g, "default/x", 3, 6, "1");
    ck_assert_uint_eq(channel_base(s->connection->subs[0]->channel), 1); /* somebody still lacks 4 */
    struct ws_socket *lacks = join("x", CLAIM(3), 3, 6);
    ck_assert_ptr_nonnull(strstr(edges.asked.p, "read default/x since 3"));
    edges_range(&g, 0, 3, 6, 5, 6);
    ck_told(lacks, "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":6,\"was_recovering\":true}}");
    free(edges_take(join("x", CLAIM(4), 3, 6)));
    ck_assert_int_eq(edges.reads, 1);
    full->full = false;
    connection_writable(full->connection);
    edges_pass(&g, 1);
    ck_told(full, "{\"push\":{\"channel\":\"x\",\"pub\":{\"data\":1,\"offset\":4,\"tags\":{\"id\":\"4\"}}}}\n"
                  "{\"push\":{\"channel\":\"x\",\"pub\":{\"data\":1,\"offset\":6,\"tags\":{\"id\":\"6\"}}}}");
    edges_publish(&g, "default/x", 3, 7, "1");
    ck_assert_uint_eq(channel_base(s->connection->subs[0]->channel), 4);
    edges_stop(&g);
}
END_TEST

START_TEST(who_had_everything_recovers_over_a_removal_and_nobody_else)
{
    start();
    join("x", "", 3, 0);
    for (uint64_t seq = 1; seq <= 4; seq++)
        edges_publish(&g, "default/x", 3, seq, "1");
    remove_history("default/x", 5);
    edges_publish(&g, "default/x", 3, 6, "1");
    ck_told(join("x", CLAIM(4), 3, 6), "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":4" BACK
            ",\"publications\":[{\"data\":1,\"offset\":6,\"tags\":{\"id\":\"6\"}}]}}");
    struct ws_socket *lacks = join("x", CLAIM(3), 3, 6), *strict = join("x", CLAIM(3) ",\"flag\":2", 3, 6);
    ck_assert_ptr_nonnull(strstr(edges.asked.p, "read default/x since 3"));
    edges_range(&g, 0, 3, 6, 5, 6); /* what the worker has left */
    ck_told(lacks, "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":6,\"was_recovering\":true}}");
    ck_told(strict, "{\"id\":2,\"error\":{\"code\":112,\"message\":\"unrecoverable position\"}}");
    edges_stop(&g);
}
END_TEST

START_TEST(what_was_being_read_is_read_anew_after_a_removal)
{
    start();
    join("x", "", 3, 40);
    struct ws_socket *s = join("x", CLAIM(20), 3, 40);
    edges_range(&g, 0, 3, 40, 21, 30);
    free(edges_take(s));
    remove_history("default/x", 41);
    edges_range(&g, 0, 3, 41, 41, 41);
    ck_told(s, "{\"push\":{\"channel\":\"x\",\"unsubscribe\":{\"code\":2500,\"reason\":\"insufficient state\"}}}");
    edges_stop(&g);
}
END_TEST

START_TEST(a_cache_that_was_removed_is_none)
{
    start();
    join("kv:x", "", 3, 0);
    edges_publish(&g, "default/kv:x", 3, 1, "1");
    remove_history("default/kv:x", 2);
    ck_told(join("kv:x", ",\"recover\":true", 3, 2), "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":2,\"was_recovering\":true}}");
    ck_told(join("kv:x", CLAIM(1), 3, 2), "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":1" BACK "}}");
    ck_told(join("kv:x", CLAIM(2), 3, 2), "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":2" BACK "}}");
    edges_stop(&g);
}
END_TEST

START_TEST(a_head_of_another_epoch_says_nothing_of_an_offset_above_ours)
{
    start();
    struct ws_socket *s = join("x", ",\"recover\":true,\"epoch\":\"3\",\"offset\":12", 3, 9);
    ck_told(s, "");
    ops_head_came(&g, &(struct fan_head){.request = edges.request, .epoch = 4, .head = 20});
    edges_pass(&g, 0);
    ck_told(s, "{\"id\":2,\"subscribe\":{" PLACE ",\"offset\":9,\"was_recovering\":true}}");
    edges_stop(&g);
}
END_TEST

/* What it waits for meanwhile is a page, since the head has come here as well. */
START_TEST(an_offset_that_was_confirmed_is_none_of_the_next_epoch)
{
    start();
    struct ws_socket *s = join("x", ",\"recover\":true,\"offset\":12", 3, 9);
    flow_subscribed(&g, &(struct fan_subscribed){.channel = BYTES("default/x"), .epoch = 3, .seq = 20});
    ops_head_came(&g, &(struct fan_head){.request = edges.request, .epoch = 3, .head = 20});
    edges_pass(&g, 0);
    ck_told(s, "");
    edges_publish(&g, "default/x", 4, 1, "1");
    ck_told(s, "");
    ops_head_came(&g, &(struct fan_head){.request = edges.request, .epoch = 4, .head = 1});
    edges_pass(&g, 0);
    ck_told(s, "{\"id\":2,\"subscribe\":{\"recoverable\":true,\"epoch\":\"4\",\"positioned\":true,\"offset\":1,\"was_recovering\":true}}");
    edges_stop(&g);
}
END_TEST

START_TEST(a_reply_to_a_full_socket_leaves_what_was_missed_to_the_cursor)
{
    start();
    struct ws_socket *s = edges_reader(&g, "a");
    edges_publish(&g, "default/a", 1, 1, "1");
    free(edges_take(s));
    s->full = true;
    edges_publish(&g, "default/a", 1, 2, "1");
    free(edges_take(s));
    edges_say(s, "{\"id\":3,\"subscribe\":{\"channel\":\"x\",\"recover\":true,\"epoch\":\"3\",\"offset\":8}}");
    edges_subscribed(&g, "default/x", 3, 9);
    edges_range(&g, 0, 3, 9, 9, 9);
    ck_told(s, "");
    s->full = false;
    connection_writable(s->connection);
    edges_pass(&g, 1);
    ck_told(s, "{\"id\":3,\"subscribe\":{" PLACE ",\"offset\":8" BACK "}}\n"
               "{\"push\":{\"channel\":\"x\",\"pub\":{\"data\":1,\"offset\":9,\"tags\":{\"id\":\"9\"}}}}");
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("join", a_reply_to_a_full_socket_leaves_what_was_missed_to_the_cursor, a_removal_is_for_nobody_and_makes_no_hole,
          what_is_removed_at_once_is_told_to_who_is_there_and_to_nobody_else, who_had_everything_recovers_over_a_removal_and_nobody_else,
          what_was_being_read_is_read_anew_after_a_removal, a_cache_that_was_removed_is_none,
          who_rejects_to_be_unrecovered_gets_112_and_is_not_subscribed, the_flag_without_recover_is_an_ordinary_subscribe,
          a_cache_gives_the_newest_alone_whatever_was_missed, from_a_cache_who_has_the_newest_gets_nothing,
          from_a_cache_whose_newest_is_gone_nobody_recovers, what_comes_while_the_newest_is_read_takes_its_place,
          a_cache_is_given_to_whoever_subscribes_where_the_namespace_says_so, without_recovery_there_is_no_cache,
          a_head_of_another_epoch_says_nothing_of_an_offset_above_ours, an_offset_that_was_confirmed_is_none_of_the_next_epoch)
