#include "publication.h"

#include "hex.h"
#include "unit.h"

static void check(const struct publication *p, bool with_epoch, const char *want)
{
    struct buf b = {0};
    publication_json(&b, p, with_epoch);
    ck_assert_bytes(buf_bytes(&b), want);
    buf_fini(&b);
}

START_TEST(a_publication_has_the_protocols_names)
{
    struct publication p = {.epoch = 3,
                            .seq = 7,
                            .id = 99,
                            .data = BYTES("{\"x\":1}"),
                            .info = BYTES("{\"user\":\"u\",\"client\":\"c\"}")};
    check(&p, false,
          "{\"data\":{\"x\":1},\"offset\":7,\"info\":{\"user\":\"u\",\"client\":\"c\"},"
          "\"tags\":{\"id\":\"99\"}}");
    p.info = BYTES("");
    p.seq = 1;
    check(&p, true,
          "{\"data\":{\"x\":1},\"offset\":1,\"tags\":{\"id\":\"99\"},\"epoch\":\"3\"}");
}
END_TEST

START_TEST(data_travels_byte_for_byte_but_for_line_breaks_between_tokens)
{
    struct publication p = {
        .seq = 2,
        .data = BYTES("{\"b\" : 1.0,\n\"a\":12345678901234567890,\r\n\"a\":\"\\u00e9\\n\"}")};
    check(&p, false,
          "{\"data\":{\"b\" : 1.0, \"a\":12345678901234567890,  "
          "\"a\":\"\\u00e9\\n\"},\"offset\":2}");
}
END_TEST

START_TEST(our_tags_stand_behind_the_publishers)
{
    struct publication p = {.seq = 2,
                            .id = 5,
                            .data = BYTES("1"),
                            .tags = BYTES("{\"k\":\"v\"}"),
                            .after = BYTES("default/a@1 default/b@2")};
    check(&p, false,
          "{\"data\":1,\"offset\":2,\"tags\":{\"k\":\"v\",\"id\":\"5\",\"after\":\"default/a@1 "
          "default/b@2\"}}");
    p.tags = BYTES(" {\n} ");
    check(&p, false,
          "{\"data\":1,\"offset\":2,\"tags\":{\"id\":\"5\",\"after\":\"default/a@1 "
          "default/b@2\"}}");
    p.id = 0;
    check(&p, false,
          "{\"data\":1,\"offset\":2,\"tags\":{\"after\":\"default/a@1 default/b@2\"}}");
    p.after = BYTES("");
    check(&p, false, "{\"data\":1,\"offset\":2,\"tags\":{}}");
    p.tags = BYTES("");
    check(&p, false, "{\"data\":1,\"offset\":2}");
}
END_TEST

START_TEST(binary_data_is_base64)
{
    struct publication p = {.seq = 1, .format = FORMAT_BINARY, .data = BYTES("\x00\xff\n")};
    check(&p, false, "{\"b64data\":\"AP8K\",\"offset\":1}");
}
END_TEST

START_TEST(an_ephemeral_one_has_no_offset)
{
    struct publication p = {.data = BYTES("\"typing\"")};
    check(&p, false, "{\"data\":\"typing\"}");
}
END_TEST

static void check_protobuf(const char *json, const char *want)
{
    struct buf b = {0};
    publication_protobuf(&b, bytes_str(json), NULL);
    ck_assert_hex(&b, want);
}

START_TEST(its_protobuf_says_the_same)
{
    check_protobuf("{\"data\":{},\"offset\":7}", "22 02 7b 7d 30 07");
    check_protobuf("{\"data\":1,\"offset\":1,\"info\":{\"user\":\"u\",\"client\":\"c\",\"conn_info\":{},\"chan_info\":[]},"
                   "\"tags\":{\"k\":\"\\u00e9\",\"id\":\"99\"},\"epoch\":\"3\"}",
                   "22 01 31 2a 0e 0a 01 75 12 01 63 1a 02 7b 7d 22 02 5b 5d 30 01 "
                   "3a 07 0a 01 6b 12 02 c3 a9 3a 08 0a 02 69 64 12 02 39 39 72 01 33");
}
END_TEST

START_TEST(its_protobuf_has_the_bytes_themselves)
{
    check_protobuf("{\"b64data\":\"/wAK\",\"offset\":7}", "22 03 ff 00 0a 30 07");
}
END_TEST

START_TEST(its_protobuf_leaves_out_what_is_no_text)
{
    check_protobuf("{\"data\":1,\"info\":{\"user\":7,\"client\":\"\\ud800\"},\"tags\":{\"\\u0000\":\"v\"}}", "22 01 31 2a 00 3a 03 12 01 76");
    check_protobuf("{\"data\":1,\"tags\":{}}", "22 01 31");
}
END_TEST

UNIT_MAIN("gateway/publication", a_publication_has_the_protocols_names,
          data_travels_byte_for_byte_but_for_line_breaks_between_tokens,
          our_tags_stand_behind_the_publishers, binary_data_is_base64,
          an_ephemeral_one_has_no_offset, its_protobuf_says_the_same, its_protobuf_has_the_bytes_themselves,
          its_protobuf_leaves_out_what_is_no_text)
