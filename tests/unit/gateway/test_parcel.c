#include "parcel.h"

#include "delta.h"
#include "fake_edges.h"
#include "hub.h"
#include "unit.h"

#include <stdio.h>

static struct gateway_options options;
static struct gateway g;
static char large[600];

static void start(void)
{
    gateway_options_default(&options);
    options.compression = true;
    edges_start(&g, &options);
    memset(large, 'x', sizeof large - 1);
    large[0] = large[sizeof large - 2] = '"';
}

static struct ws_socket *reader(const char *channels, bool deflates)
{
    struct ws_socket *s = edges_reader_of_all(&g, channels);
    s->connection->deflates = deflates;
    return s;
}

/* Both are told the same, the one compressed. */
static void ck_same(struct ws_socket *deflates, struct ws_socket *plain, int packed)
{
    char *a = edges_take(deflates), *b = edges_take(plain);
    ck_assert_str_eq(a, b);
    ck_assert_int_eq(deflates->packed, packed);
    ck_assert_int_eq(plain->packed, 0);
    deflates->packed = 0;
    free(a);
    free(b);
}

static const struct forms *forms_of(const char *channel, uint64_t seq)
{
    return channel_frame(hub_find(&g, bytes_str(channel)), seq)->forms;
}

START_TEST(a_large_publication_is_compressed_once_for_all)
{
    start();
    struct ws_socket *some[10], *plain = reader("x", false);
    for (int i = 0; i < 10; i++)
        some[i] = reader("x", true);
    uint64_t before = g.metrics.delivered_bytes_total;
    edges_publish(&g, "default/x", 1, 1, large);
    ck_assert_uint_lt(g.metrics.delivered_bytes_total - before, 700 + 10 * 150);
    ck_assert_uint_eq(g.metrics.compressed_total, 1);
    char *want = edges_take(plain);
    for (int i = 0; i < 10; i++) {
        char *text = edges_take(some[i]);
        ck_assert_str_eq(text, want);
        ck_assert_int_eq(some[i]->packed, 1);
        free(text);
    }
    free(want);
    edges_stop(&g);
}
END_TEST

START_TEST(a_small_one_stays_as_it_is)
{
    start();
    struct ws_socket *a = reader("x", true), *b = reader("x", false);
    edges_publish(&g, "default/x", 1, 1, "1");
    ck_same(a, b, 0);
    ck_assert_ptr_null(forms_of("default/x", 1));
    edges_stop(&g);
}
END_TEST

START_TEST(small_and_large_ones_and_replies_stand_in_one_message)
{
    start();
    struct ws_socket *readers[] = {reader("xy", true), reader("xy", false)};
    for (int i = 0; i < 2; i++) {
        readers[i]->connection->blocked = true;
        edges_say(readers[i], "{\"id\":7,\"unsubscribe\":{\"channel\":\"z\"}}");
    }
    edges_publish(&g, "default/x", 1, 1, "1");
    edges_publish(&g, "default/x", 1, 2, large);
    edges_publish(&g, "default/x", 1, 3, large);
    edges_publish(&g, "default/x", 1, 4, "4");
    edges_publish(&g, "default/y", 1, 1, large);
    edges_publish(&g, "default/y", 1, 2, "2");
    for (int i = 0; i < 2; i++) {
        connection_writable(readers[i]->connection);
        edges_pass(&g, 1);
    }
    ck_assert_int_eq(readers[0]->writes, 1);
    ck_same(readers[0], readers[1], 1);
    ck_assert_uint_eq(g.metrics.compressed_total, 3);
    edges_stop(&g);
}
END_TEST

START_TEST(in_protobuf_too)
{
    start();
    struct ws_socket *readers[] = {reader("x", true), reader("x", false)};
    for (int i = 0; i < 2; i++) {
        readers[i]->connection->encoding = ENCODING_PROTOBUF;
        readers[i]->connection->blocked = true;
    }
    edges_publish(&g, "default/x", 1, 1, large);
    edges_publish(&g, "default/x", 1, 2, "2");
    edges_publish(&g, "default/x", 1, 3, large);
    for (int i = 0; i < 2; i++) {
        connection_writable(readers[i]->connection);
        edges_pass(&g, 1);
    }
    ck_assert(bytes_equal(buf_bytes(&readers[0]->written), buf_bytes(&readers[1]->written)));
    ck_assert_int_eq(readers[0]->packed, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(each_spelling_is_compressed_for_itself)
{
    start();
    struct ws_socket *a = reader("x", true), *b = reader("x", false);
    struct ws_socket *full = edges_connect(&g), *full_plain = edges_connect(&g);
    edges_say(full, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"default/x\"}}");
    edges_say(full_plain, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"default/x\"}}");
    free(edges_take(full));
    free(edges_take(full_plain));
    full->connection->deflates = true;
    edges_publish(&g, "default/x", 1, 1, large);
    ck_same(a, b, 1);
    ck_same(full, full_plain, 1);
    ck_assert_uint_eq(g.metrics.compressed_total, 2);
    edges_stop(&g);
}
END_TEST

START_TEST(what_was_compressed_is_counted_in_its_ring)
{
    start();
    reader("x", true);
    size_t all = 0;
    for (uint64_t seq = 1; seq <= 5; seq++)
        edges_publish(&g, "default/x", 1, seq, large);
    for (uint64_t seq = 1; seq <= 5; seq++) {
        const struct frame *f = channel_frame(hub_find(&g, BYTES("default/x")), seq);
        all += sizeof *f + f->n + forms_bytes(f->forms);
        ck_assert_uint_gt(forms_bytes(f->forms), sizeof(struct forms));
    }
    ck_assert_uint_eq(g.rings.bytes, all);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("parcel", a_large_publication_is_compressed_once_for_all, a_small_one_stays_as_it_is,
          small_and_large_ones_and_replies_stand_in_one_message, in_protobuf_too, each_spelling_is_compressed_for_itself,
          what_was_compressed_is_counted_in_its_ring)
