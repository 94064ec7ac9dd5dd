#include "emulated.h"

#include "unit.h"

START_TEST(a_body_is_three_texts)
{
    struct emulated e;
    ck_assert_int_eq(emulated_read(ENCODING_JSON, BYTES(" {\"data\":\"a\\nb\",\"x\":1,\"session\":\"s\",\"node\":\"n\"}"), &e), 0);
    ck_assert_bytes(e.session, "s");
    ck_assert_bytes(e.node, "n");
    ck_assert_bytes(e.data, "a\nb");
    emulated_fini(&e);
    static const char *const bad[] = {"", "[]", "{}", "{\"session\":\"s\",\"node\":\"n\",\"data\":{}}",
                                      "{\"session\":\"\",\"node\":\"n\",\"data\":\"d\"}", "{\"session\":\"s\",\"node\":1,\"data\":\"d\"}",
                                      "{\"session\":\"s\",\"node\":\"n\",\"data\":\"d\"}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(emulated_read(ENCODING_JSON, bytes_str(bad[i]), &e) < 0, "%s", bad[i]);
}
END_TEST

#define LITERAL(text) bytes_of(text, sizeof text - 1)

START_TEST(in_protobuf_it_is_an_emulation_request)
{
    struct emulated e;
    ck_assert_int_eq(emulated_read(ENCODING_PROTOBUF, LITERAL("\x0a\x01n\x12\x01s\x1a\x03\x02\x08\x01"), &e), 0);
    ck_assert_bytes(e.node, "n");
    ck_assert_bytes(e.session, "s");
    ck_assert_bytes(e.data, "\x02\x08\x01");
    emulated_fini(&e);
    ck_assert_int_lt(emulated_read(ENCODING_PROTOBUF, LITERAL("\x0a\x01n\x12\x01s"), &e), 0);
    ck_assert_int_lt(emulated_read(ENCODING_PROTOBUF, LITERAL("\x0a\x05n"), &e), 0);
    ck_assert_int_lt(emulated_read(ENCODING_PROTOBUF, LITERAL(""), &e), 0);
}
END_TEST

UNIT_MAIN("emulated", a_body_is_three_texts, in_protobuf_it_is_an_emulation_request)
