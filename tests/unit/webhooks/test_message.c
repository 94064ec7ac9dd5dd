#include "message.h"

#include "unit.h"

static struct event occupied(int64_t id, const char *detail)
{
    return (struct event){.id = id, .time_ms = 1700000000123, .name = BYTES("channel_occupied"), .detail = bytes_str(detail)};
}

START_TEST(a_body_has_its_events_in_order_with_the_members_of_their_details)
{
    struct buf body = {0};
    struct event one = occupied(7, "{\"channel\" : \"news\"}");
    struct event two = {.id = 9223372036854775807, .time_ms = 5, .name = BYTES("client_connected"),
                        .detail = BYTES("{\"user\":\"\\u00e9 \\\"x\\\"\",\"client\":\"c-1\"}")};
    message_begin(&body, BYTES("acme"), 1700000001000, 3);
    message_event(&body, &one);
    message_event(&body, &two);
    message_end(&body);
    ck_assert_bytes(buf_bytes(&body),
                    "{\"time_ms\":1700000001000,\"tenant\":\"acme\",\"dropped\":3,\"events\":["
                    "{\"id\":\"7\",\"name\":\"channel_occupied\",\"time_ms\":1700000000123,\"channel\":\"news\"},"
                    "{\"id\":\"9223372036854775807\",\"name\":\"client_connected\",\"time_ms\":5,"
                    "\"user\":\"\\u00e9 \\\"x\\\"\",\"client\":\"c-1\"}]}");
    buf_fini(&body);
}
END_TEST

START_TEST(a_signature_is_the_hmac_sha256_of_rfc_4231)
{
    char hex[SIGNATURE_HEX + 1];
    message_sign(BYTES("Jefe"), BYTES("what do ya want for nothing?"), hex);
    ck_assert_str_eq(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}
END_TEST

UNIT_MAIN("message", a_body_has_its_events_in_order_with_the_members_of_their_details, a_signature_is_the_hmac_sha256_of_rfc_4231)
