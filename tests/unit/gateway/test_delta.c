#include "delta.h"

#include "client.pb-c.h"
#include "core/fossil_apply.h"
#include "core/json.h"
#include "fake_edges.h"
#include "hold.h"
#include "hub.h"
#include "passive.h"
#include "unit.h"

#include <stdio.h>

#define NAMESPACE(name, more)                                                                                          \
    "{\"tenant\":\"default\",\"name\":\"" name "\",\"options\":{\"allow_subscribe_for_client\":true,"                  \
    "\"allow_subscribe_for_anonymous\":true" more "}}"
#define FOSSIL ",\"allowed_delta_types\":[\"fossil\"]"

static const char configuration[] =
    "{\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"],\"options\":{\"allow_anonymous_connect_without_token\":true}}],"
    "\"namespaces\":[" NAMESPACE("", "") "," NAMESPACE("doc", FOSSIL ",\"delta_publish\":true") "," NAMESPACE("api", FOSSIL) ","
    NAMESPACE("state", FOSSIL ",\"delta_publish\":true,\"force_recovery\":false,\"slow_reader\":\"conflate\"") ","
    NAMESPACE("typing", FOSSIL ",\"delta_publish\":true,\"ephemeral\":true") "]}";

static struct gateway_options options;
static struct gateway g;

static void start(void)
{
    gateway_options_default(&options);
    options.page_messages = 10;
    options.ring_messages = 8;
    options.ping_interval = 3600000; /* nobody answers a ping here */
    edges_start(&g, &options);
    edges_configure_text(&g, configuration);
}

/* A document in which the nth publication changes a number. */
static const char *document(uint64_t n)
{
    static char text[200];
    snprintf(text, sizeof text, "{\"title\":\"é, 中 and \\\"quotes\\\"\",\"n\":%llu,\"rest\":\"what stays as it is, more of it, and more\"}",
             (unsigned long long)n);
    return text;
}

static void publish(const char *channel, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++)
        edges_publish(&g, channel, 1, seq, document(seq));
}

/* ---- a client that knows deltas */

struct reader {
    struct ws_socket *socket;
    struct buf last;   /* payload */
    int wholes, deltas;
    uint64_t offset;
    struct bytes tags; /* of the last one, in `lines` */
    char *lines;
};

static void apply(struct reader *r, struct bytes text)
{
    struct buf next = {0};
    ck_assert_msg(fossil_apply(&next, buf_bytes(&r->last), text), "no delta of what it has: %.*s", BYTES_FMT(text));
    buf_fini(&r->last);
    r->last = next;
}

static void take_publication(struct reader *r, struct bytes pub)
{
    struct buf text = {0};
    ck_assert_int_eq(json_string(json_member(pub, "data"), &text), 0);
    if (json_type(json_member(pub, "delta")) == JSON_TRUE) {
        apply(r, buf_bytes(&text));
        r->deltas++;
    } else {
        buf_clear(&r->last);
        buf_append_bytes(&r->last, buf_bytes(&text));
        r->wholes++;
    }
    buf_fini(&text);
    ck_assert(json_u64(json_member(pub, "offset"), &r->offset));
    ck_assert_bytes(buf_bytes(&r->last), document(r->offset));
    r->tags = json_member(pub, "tags");
}

/* Everything that it was told since the last time. */
static void hear(struct reader *r)
{
    struct json_iter it;
    struct bytes one;
    free(r->lines);
    r->lines = edges_take(r->socket);
    char *rest = r->lines;
    for (char *line; rest && *rest && (line = strsep(&rest, "\n"));) {
        struct bytes all = bytes_str(line), pub = json_member(json_member(all, "push"), "pub");
        if (pub.n)
            take_publication(r, pub);
        json_array_each (&it, json_member(json_member(all, "subscribe"), "publications"), &one)
            take_publication(r, one);
    }
}

static void ck_heard(struct reader *r, int wholes, int deltas)
{
    hear(r);
    ck_assert_int_eq(r->wholes, wholes);
    ck_assert_int_eq(r->deltas, deltas);
    r->wholes = r->deltas = 0;
}

static struct reader reader(const char *channel, const char *more)
{
    char text[200];
    struct reader r = {.socket = edges_connect(&g)};
    edges_say(r.socket, "{\"id\":1,\"connect\":{}}");
    snprintf(text, sizeof text, "{\"id\":2,\"subscribe\":{\"channel\":\"%s\",\"delta\":\"fossil\"%s}}", channel, more);
    edges_say(r.socket, text);
    snprintf(text, sizeof text, "default/%s", channel);
    if (hub_find(&g, bytes_str(text))->state == CHANNEL_ASKED)
        edges_subscribed(&g, text, 1, 0);
    return r;
}

static void reader_end(struct reader *r)
{
    buf_fini(&r->last);
    free(r->lines);
}

/* ---- */

static void ck_granted(const char *channel, const char *more, bool granted)
{
    struct reader r = reader(channel, more);
    char *text = edges_take(r.socket);
    ck_assert_int_eq(strstr(text, "\"delta\":true") != NULL, granted);
    ck_assert_int_eq(r.socket->connection->subs[0]->deltas, granted);
    free(text);
}

START_TEST(deltas_are_granted_where_the_namespace_allows_them)
{
    start();
    ck_granted("doc:a", "", true);
    ck_granted("api:a", "", true);
    ck_granted("a", "", false);
    ck_granted("typing:a", "", false);
    struct reader r = reader("doc:a", ",\"delta\":\"xdelta\"");
    ck_assert_uint_eq(r.socket->close_code, 3501);
    edges_stop(&g);
}
END_TEST

START_TEST(the_first_is_whole_and_what_follows_is_what_has_changed)
{
    start();
    struct reader r = reader("doc:a", "");
    publish("default/doc:a", 1, 1);
    ck_heard(&r, 1, 0);
    publish("default/doc:a", 2, 9);
    ck_heard(&r, 0, 8);
    reader_end(&r);
    edges_stop(&g);
}
END_TEST

START_TEST(who_asked_for_none_gets_json_as_before)
{
    start();
    struct ws_socket *plain = edges_reader(&g, "doc:a");
    struct reader r = reader("doc:a", "");
    publish("default/doc:a", 1, 2);
    ck_heard(&r, 1, 1);
    char *text = edges_take(plain);
    ck_assert_ptr_nonnull(strstr(text, "\"pub\":{\"data\":{\"title\":"));
    ck_assert_ptr_null(strstr(text, "delta"));
    free(text);
    reader_end(&r);
    edges_stop(&g);
}
END_TEST

START_TEST(a_change_is_worked_out_once_for_all)
{
    start();
    struct reader readers[20];
    for (int i = 0; i < 20; i++)
        readers[i] = reader("doc:a", "");
    publish("default/doc:a", 1, 5);
    struct reader late = reader("doc:a", "");
    publish("default/doc:a", 6, 6);
    for (int i = 0; i < 20; i++) {
        ck_heard(&readers[i], 1, 5);
        reader_end(&readers[i]);
    }
    ck_heard(&late, 1, 0);
    ck_assert_uint_eq(g.metrics.deltas_made_total, 5);
    ck_assert_uint_eq(g.metrics.deltas_total, 100);
    ck_assert_uint_gt(g.metrics.deltas_saved_bytes_total, 100 * 50);
    reader_end(&late);
    edges_stop(&g);
}
END_TEST

START_TEST(nobody_who_asked_means_nothing_is_made)
{
    start();
    edges_reader(&g, "doc:a");
    publish("default/doc:a", 1, 3);
    ck_assert_uint_eq(g.metrics.deltas_made_total, 0);
    ck_assert_ptr_null(channel_frame(hub_find(&g, BYTES("default/doc:a")), 2)->forms);
    edges_stop(&g);
}
END_TEST

static void publish_as(const char *channel, uint64_t seq, uint8_t format, const char *data)
{
    struct buf b = {0};
    struct publication p = {.epoch = 1, .seq = seq, .id = seq, .format = format, .data = bytes_str(data)};
    wire_put_publication(&b, &p);
    edges_say_publication(&g, channel, &b);
}

START_TEST(where_the_namespace_does_not_the_publisher_asks)
{
    start();
    struct reader r = reader("api:a", "");
    publish_as("default/api:a", 1, FORMAT_JSON, document(1));
    publish_as("default/api:a", 2, FORMAT_JSON, document(2));
    ck_heard(&r, 2, 0);
    publish_as("default/api:a", 3, FORMAT_JSON | FORMAT_DELTA, document(3));
    ck_heard(&r, 0, 1);
    publish_as("default/api:a", 4, FORMAT_JSON, document(4));
    ck_heard(&r, 1, 0);
    reader_end(&r);
    edges_stop(&g);
}
END_TEST

START_TEST(a_change_that_is_not_smaller_comes_whole)
{
    start();
    struct ws_socket *s = reader("doc:a", "").socket;
    free(edges_take(s));
    edges_publish(&g, "default/doc:a", 1, 1, "1");
    edges_publish(&g, "default/doc:a", 1, 2, "{\"x\": 2}");
    char *text = edges_take(s);
    ck_assert_ptr_nonnull(strstr(text, "\"pub\":{\"data\":\"1\",\"offset\":1"));
    ck_assert_ptr_nonnull(strstr(text, "\"pub\":{\"data\":\"{\\\"x\\\": 2}\",\"offset\":2"));
    ck_assert_ptr_null(strstr(text, "delta"));
    free(text);
    ck_assert_uint_eq(g.metrics.deltas_made_total, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(a_recovery_begins_with_a_whole_and_goes_on_with_changes)
{
    start();
    edges_reader(&g, "doc:a");
    publish("default/doc:a", 1, 6);
    struct reader r = reader("doc:a", ",\"recover\":true,\"epoch\":\"1\",\"offset\":2");
    ck_heard(&r, 1, 3);
    publish("default/doc:a", 7, 7);
    ck_heard(&r, 0, 1);
    reader_end(&r);
    edges_stop(&g);
}
END_TEST

/* Answers the read with the documents from `first` on. */
static void serve(uint64_t first, uint64_t last)
{
    struct buf b = {0};
    for (uint64_t seq = first; seq <= last; seq++) {
        struct publication p = {.epoch = 1, .seq = seq, .id = seq, .data = bytes_str(document(seq))};
        wire_put_publication(&b, &p);
    }
    edges_serve_list(&g, 1, last, &b);
}

START_TEST(below_the_ring_changes_are_told_within_a_page)
{
    start();
    options.recovered_bytes = 0;
    edges_reader(&g, "doc:a");
    publish("default/doc:a", 1, 40);
    struct reader r = reader("doc:a", ",\"recover\":true,\"epoch\":\"1\",\"offset\":2");
    while (edges.n_open) {
        uint64_t since = edges.open[0].since;
        serve(since + 1, since + 10 < 40 ? since + 10 : 40);
        edges_pass(&g, 1);
    }
    hear(&r);
    ck_assert_uint_eq(r.offset, 40);
    ck_assert_int_eq(r.wholes + r.deltas, 38);
    ck_assert_int_le(r.wholes, 5); /* what is before a page, or the ring, is not at hand */
    reader_end(&r);
    edges_stop(&g);
}
END_TEST

START_TEST(who_was_passed_over_begins_with_a_whole)
{
    start();
    struct reader r = reader("state:a", "");
    publish("default/state:a", 1, 1);
    r.socket->full = true;
    publish("default/state:a", 2, 2);
    r.socket->full = false;
    publish("default/state:a", 3, 9);
    hear(&r);
    r.wholes = r.deltas = 0;
    connection_writable(r.socket->connection);
    edges_pass(&g, 1);
    ck_heard(&r, 1, 0);
    ck_assert_uint_eq(r.offset, 9);
    publish("default/state:a", 10, 10);
    ck_heard(&r, 0, 1);
    reader_end(&r);
    edges_stop(&g);
}
END_TEST

START_TEST(who_did_not_look_goes_on_from_what_it_has)
{
    start();
    struct reader r = reader("doc:a", "");
    publish("default/doc:a", 1, 2);
    ck_heard(&r, 1, 1);
    passive_begin(r.socket->connection->subs[0]);
    publish("default/doc:a", 3, 5);
    ck_heard(&r, 0, 0);
    passive_end(r.socket->connection->subs[0]);
    edges_pass(&g, 1);
    ck_heard(&r, 0, 3);
    reader_end(&r);
    edges_stop(&g);
}
END_TEST

START_TEST(where_the_one_before_is_not_in_memory_the_whole_comes)
{
    start();
    options.ring_messages = g.rings.messages_max = 1;
    struct reader r = reader("doc:a", "");
    publish("default/doc:a", 1, 4);
    ck_heard(&r, 4, 0);
    reader_end(&r);
    edges_stop(&g);
}
END_TEST

START_TEST(a_late_one_is_marked_in_any_form)
{
    start();
    struct reader r = reader("doc:a", "");
    edges_say(r.socket, "{\"id\":3,\"subscribe\":{\"channel\":\"q\"}}");
    edges_subscribed(&g, "default/q", 1, 0);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        struct buf b = {0};
        struct publication p = {.epoch = 1, .seq = seq, .id = seq, .data = bytes_str(document(seq)), .after = BYTES("default/q@9")};
        wire_put_publication(&b, &p);
        edges_say_publication(&g, "default/doc:a", &b);
        edges_pass(&g, 1000);
        hear(&r);
        ck_assert_bytes(json_member(r.tags, "late"), "\"1\"");
    }
    ck_assert_int_eq(r.deltas, 1);
    reader_end(&r);
    edges_stop(&g);
}
END_TEST

static void ck_delta_in_protobuf(const struct frame *f, const char *before)
{
    const struct frame_form *form = f->forms->delta[ENCODING_PROTOBUF];
    Pb__Publication *p = pb__publication__unpack(NULL, form->n, (const uint8_t *)form->p);
    struct buf made = {0};
    ck_assert(p && p->delta);
    ck_assert_uint_eq(p->offset, f->seq);
    ck_assert(fossil_apply(&made, bytes_str(before), bytes_of(p->data.data, p->data.len)));
    ck_assert_bytes(buf_bytes(&made), document(f->seq));
    buf_fini(&made);
    pb__publication__free_unpacked(p, NULL);
}

START_TEST(in_protobuf_a_change_is_raw_and_made_for_itself)
{
    char before[200];
    start();
    struct reader json = reader("doc:a", ""), binary = reader("doc:a", "");
    free(edges_take(binary.socket));
    binary.socket->connection->encoding = ENCODING_PROTOBUF;
    publish("default/doc:a", 1, 3);
    ck_heard(&json, 1, 2);
    ck_assert_uint_eq(g.metrics.deltas_made_total, 4);
    ck_assert_uint_eq(g.metrics.deltas_total, 4);
    snprintf(before, sizeof before, "%s", document(2));
    ck_delta_in_protobuf(channel_frame(hub_find(&g, BYTES("default/doc:a")), 3), before);
    ck_assert_ptr_null(channel_frame(hub_find(&g, BYTES("default/doc:a")), 3)->forms->quoted);
    reader_end(&json);
    edges_stop(&g);
}
END_TEST

START_TEST(forms_are_counted_in_their_ring)
{
    start();
    struct reader r = reader("doc:a", "");
    publish("default/doc:a", 1, 30);
    const struct channel *c = hub_find(&g, BYTES("default/doc:a"));
    size_t all = 0;
    for (uint64_t seq = channel_base(c) + 1; seq <= c->head; seq++) {
        const struct frame *f = channel_frame(c, seq);
        ck_assert_uint_gt(forms_bytes(f->forms), 0);
        all += sizeof *f + f->n + forms_bytes(f->forms);
    }
    ck_assert_uint_eq(c->bytes, all);
    ck_assert_uint_eq(g.rings.bytes, all);
    channel_drain(&g.rings, hub_find(&g, BYTES("default/doc:a")));
    ck_assert_uint_eq(g.rings.bytes, 0);
    reader_end(&r);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("delta", deltas_are_granted_where_the_namespace_allows_them, the_first_is_whole_and_what_follows_is_what_has_changed,
          who_asked_for_none_gets_json_as_before, a_change_is_worked_out_once_for_all, nobody_who_asked_means_nothing_is_made,
          where_the_namespace_does_not_the_publisher_asks, a_change_that_is_not_smaller_comes_whole,
          a_recovery_begins_with_a_whole_and_goes_on_with_changes, below_the_ring_changes_are_told_within_a_page,
          who_was_passed_over_begins_with_a_whole, who_did_not_look_goes_on_from_what_it_has,
          where_the_one_before_is_not_in_memory_the_whole_comes, a_late_one_is_marked_in_any_form, in_protobuf_a_change_is_raw_and_made_for_itself, forms_are_counted_in_their_ring)
