#include "framing.h"

#include "unit.h"

static void says(enum transport_kind kind, const char *lines, const char *wanted)
{
    struct buf b = {0};
    framing_put(&b, transport_of(kind), bytes_str(lines), false, true);
    ck_assert_bytes(buf_bytes(&b), wanted);
    buf_fini(&b);
}

START_TEST(a_line_of_an_http_stream_ends_with_a_newline)
{
    says(TRANSPORT_HTTP_STREAM, "{}", "00000003\r\n{}\n\r\n");
    struct buf binary = {0};
    framing_put(&binary, transport_of(TRANSPORT_HTTP_STREAM), BYTES("\x02\x08\x01"), true, true);
    ck_assert_bytes(buf_bytes(&binary), "00000003\r\n\x02\x08\x01\r\n");
    buf_fini(&binary);
    says(TRANSPORT_HTTP_STREAM, "{\"id\":1}\n{\"push\":{}}", "00000015\r\n{\"id\":1}\n{\"push\":{}}\n\r\n");
}
END_TEST

START_TEST(an_event_is_a_line_behind_data_and_an_empty_one)
{
    says(TRANSPORT_SSE, "{}", "0000000a\r\ndata: {}\n\n\r\n");
    says(TRANSPORT_SSE, "{\"push\":{}}\n{}", "0000001d\r\ndata: {\"push\":{}}\n\ndata: {}\n\n\r\n");
}
END_TEST

START_TEST(a_one_way_client_hears_bare_pushes)
{
    says(TRANSPORT_UNI_HTTP_STREAM, "{\"connect\":{}}\n{\"push\":{\"channel\":\"a\"}}\n{}",
         "00000022\r\n{\"connect\":{}}\n{\"channel\":\"a\"}\n{}\n\r\n");
    says(TRANSPORT_UNI_SSE, "{\"push\":{\"channel\":\"a\"}}", "00000017\r\ndata: {\"channel\":\"a\"}\n\n\r\n");
}
END_TEST

START_TEST(lines_are_taken_off_one_by_one)
{
    struct bytes lines = BYTES("a\n\nb"), line;
    ck_assert(framing_next_line(&lines, &line));
    ck_assert_bytes(line, "a");
    ck_assert(framing_next_line(&lines, &line));
    ck_assert_bytes(line, "");
    ck_assert(framing_next_line(&lines, &line));
    ck_assert_bytes(line, "b");
    ck_assert(!framing_next_line(&lines, &line));
}
END_TEST

START_TEST(a_body_begins_and_ends)
{
    struct buf b = {0};
    framing_begin(&b, transport_of(TRANSPORT_HTTP_STREAM), true);
    ck_assert_int_eq(b.n, 0);
    framing_begin(&b, transport_of(TRANSPORT_SSE), true);
    framing_end(&b, true);
    ck_assert_bytes(buf_bytes(&b), "2\r\n\r\n\r\n0\r\n\r\n");
    ck_assert_str_eq(framing_content_type(transport_of(TRANSPORT_UNI_SSE), false), "text/event-stream");
    buf_fini(&b);
}
END_TEST

START_TEST(without_chunks_there_are_the_lines_alone)
{
    struct buf b = {0};
    framing_begin(&b, transport_of(TRANSPORT_SSE), false);
    framing_put(&b, transport_of(TRANSPORT_SSE), BYTES("{}\n{\"push\":{}}"), false, false);
    framing_put(&b, transport_of(TRANSPORT_HTTP_STREAM), BYTES("\x02\x08\x01"), true, false);
    framing_end(&b, false);
    ck_assert_bytes(buf_bytes(&b), "\r\ndata: {}\n\ndata: {\"push\":{}}\n\n\x02\x08\x01");
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("framing", a_line_of_an_http_stream_ends_with_a_newline, an_event_is_a_line_behind_data_and_an_empty_one,
          a_one_way_client_hears_bare_pushes, lines_are_taken_off_one_by_one, a_body_begins_and_ends, without_chunks_there_are_the_lines_alone)
