#include "emulation.h"

#include "fake_edges.h"
#include "session.h"
#include "unit.h"
#include "ws.h"

#include "run/link.h"

static struct gateway_options options;
static struct gateway g;

static void start(void)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
}

static struct ws_socket *stream_of(enum transport_kind kind)
{
    struct ws_socket *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    s->connection = connection_new(&g, s, (struct bytes){0}, kind, ENCODING_JSON);
    return s;
}

static struct session *session_of(const struct ws_socket *s)
{
    return s->connection->extras->session;
}

static struct ws_socket ask(const char *session, const char *node, const char *data)
{
    struct ws_socket asker = {0};
    struct buf body = {0};
    buf_printf(&body, "{\"session\":\"%s\",\"node\":\"%s\",\"data\":\"%s\"}", session, node, data);
    emulation_asked(&g, &asker, ENCODING_JSON, buf_bytes(&body));
    buf_fini(&body);
    return asker;
}

static void told(struct ws_socket *s, const char *wanted)
{
    edges_pass(&g, 0);
    char *lines = edges_take(s);
    ck_assert_msg(strstr(lines, wanted), "%s", lines);
    free(lines);
}

START_TEST(a_session_lasts_as_long_as_its_connection_may_hear)
{
    start();
    struct ws_socket *s = stream_of(TRANSPORT_SSE), *ws = edges_connect(&g);
    ck_assert_ptr_null(ws->connection->extras->session);
    ck_assert_ptr_eq(session_find(&g, session_of(s)->id), s->connection);
    ck_assert_ptr_null(session_find(&g, BYTES("another")));
    connection_disconnect(s->connection, DISCONNECT_SHUTDOWN, NULL);
    ck_assert_int_eq(g.sessions.count, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(commands_are_heard_and_answered_on_the_stream)
{
    start();
    struct ws_socket *s = stream_of(TRANSPORT_HTTP_STREAM);
    connection_message(s->connection, BYTES("{\"id\":1,\"connect\":{}}"), false);
    edges_pass(&g, 0);
    char *lines = edges_take(s);
    ck_assert_ptr_nonnull(strstr(lines, session_of(s)->text));
    ck_assert_ptr_nonnull(strstr(lines, g.uid));
    free(lines);
    ck_assert_int_eq(ask(session_of(s)->text, g.uid, "{\\\"id\\\":2,\\\"rpc\\\":{\\\"method\\\":\\\"x\\\"}}").status, 204);
    told(s, "{\"id\":2,\"error\":{\"code\":108");
    ck_assert_int_eq(ask("gone", g.uid, "{}").status, 204);
    ck_assert_int_eq(g.metrics.emulations_late_total, 1);
    emulation_heard(&g, &(struct ctl_emulate){.session = session_of(s)->id, .data = BYTES("{\"id\":3,\"rpc\":{\"method\":\"x\"}}")});
    told(s, "{\"id\":3");
    edges_stop(&g);
}
END_TEST

START_TEST(another_gateways_go_to_the_supervisor_and_are_answered_with_its_word)
{
    start();
    ck_assert_int_eq(ask("s", "other", "{}").status, 404); /* there is no supervisor */
    g.ctl = (struct ctl_link *)&g; /* nobody looks into it */
    struct ws_socket asker = {0};
    emulation_asked(&g, &asker, ENCODING_JSON, BYTES("{\"session\":\"s\",\"node\":\"other\",\"data\":\"d\"}"));
    ck_assert_int_eq(asker.status, 0);
    ck_assert_bytes(buf_bytes(&edges.asked), "emulate 1 other s d\n");
    emulation_answered(&g, &(struct ctl_emulated){.request = 2, .status = 204});
    ck_assert_int_eq(asker.status, 0);
    emulation_answered(&g, &(struct ctl_emulated){.request = 1, .status = 404});
    ck_assert_int_eq(asker.status, 404);
    ck_assert_ptr_null(asker.kept);
    g.ctl = NULL;
    edges_stop(&g);
}
END_TEST

START_TEST(what_waits_for_the_supervisor_is_bounded_and_counts_until_its_word_comes)
{
    start();
    options.emulations_max = 1;
    g.ctl = (struct ctl_link *)&g;
    struct ws_socket first = {0}, second = {0};
    struct bytes body = BYTES("{\"session\":\"s\",\"node\":\"other\",\"data\":\"d\"}");
    emulation_asked(&g, &first, ENCODING_JSON, body);
    first.drop(first.kept); /* its client has gone */
    emulation_asked(&g, &second, ENCODING_JSON, body);
    ck_assert_int_eq(second.status, 503);
    emulation_answered(&g, &(struct ctl_emulated){.request = 1, .status = 204});
    ck_assert_int_eq(first.status, 0);
    options.emulations_max = 2;
    options.emulations_bytes = 6;
    second.status = 0;
    emulation_asked(&g, &second, ENCODING_JSON, body);
    ck_assert_int_eq(second.status, 503);
    options.emulations_bytes = 7; /* s, other, d */
    second.status = 0;
    emulation_asked(&g, &second, ENCODING_JSON, body);
    ck_assert_int_eq(second.status, 0);
    options.emulations_bytes = 13; /* of both together */
    emulation_asked(&g, &first, ENCODING_JSON, body);
    ck_assert_int_eq(first.status, 503);
    options.emulations_bytes = 14;
    first.status = 0;
    emulation_asked(&g, &first, ENCODING_JSON, body);
    ck_assert_int_eq(first.status, 0);
    g.ctl = NULL;
    edges_stop(&g); /* frees what waits */
}
END_TEST

START_TEST(what_is_no_frame_of_the_link_is_not_passed_on)
{
    start();
    options.emulations_bytes = LINK_FRAME_MAX;
    g.ctl = (struct ctl_link *)&g;
    struct buf body = {0};
    buf_append_str(&body, "{\"session\":\"s\",\"node\":\"other\",\"data\":\"");
    while (body.n < LINK_FRAME_MAX)
        buf_append_char(&body, 'x');
    buf_append_str(&body, "\"}");
    struct ws_socket asker = {0};
    emulation_asked(&g, &asker, ENCODING_JSON, buf_bytes(&body));
    ck_assert_int_eq(asker.status, 503);
    ck_assert_uint_eq(edges.asked.n, 0);
    buf_fini(&body);
    g.ctl = NULL;
    edges_stop(&g);
}
END_TEST

START_TEST(what_a_stream_sends_while_it_may_not_be_heard_waits_up_to_a_message)
{
    start();
    options.frame_max = 65536;
    struct ws_socket *s = stream_of(TRANSPORT_SSE);
    connection_message(s->connection, BYTES("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"news\"}}\n{\"id\":3,\"rpc\":{\"method\":\"x\"}}"), false);
    for (int i = 0; i < 10; i++)
        connection_message(s->connection, BYTES("{\"id\":4,\"rpc\":{\"method\":\"x\"}}"), false);
    ck_assert_int_eq(s->close_code, 0);
    struct buf large = {0};
    buf_append_str(&large, "{\"id\":5,\"rpc\":{\"method\":\"x\",\"data\":\"");
    while (large.n < 65536)
        buf_append_char(&large, 'x');
    buf_append_str(&large, "\"}}");
    connection_message(s->connection, buf_bytes(&large), false);
    ck_assert_int_eq(s->close_code, DISCONNECT_TOO_MANY_REQUESTS);
    buf_fini(&large);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("emulation", a_session_lasts_as_long_as_its_connection_may_hear,
          commands_are_heard_and_answered_on_the_stream,
          another_gateways_go_to_the_supervisor_and_are_answered_with_its_word,
          what_waits_for_the_supervisor_is_bounded_and_counts_until_its_word_comes,
          what_is_no_frame_of_the_link_is_not_passed_on,
          what_a_stream_sends_while_it_may_not_be_heard_waits_up_to_a_message)
