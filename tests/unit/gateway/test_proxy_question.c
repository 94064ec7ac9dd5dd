#include "proxy_question.h"

#include "unit.h"

static struct buf text;

static struct bytes json(struct proxy_question q)
{
    buf_clear(&text);
    q.client = BYTES("c-1");
    q.transport = BYTES("websocket");
    q.protocol = BYTES("json");
    proxy_question_json(&text, &q);
    return buf_bytes(&text);
}

#define HEAD "{\"client\":\"c-1\",\"transport\":\"websocket\",\"protocol\":\"json\",\"encoding\":\"json\""

START_TEST(each_event_has_its_fields)
{
    ck_assert_bytes(json((struct proxy_question){.event = PROXY_CONNECT,
                                                 .name = BYTES("js"),
                                                 .version = BYTES("1"),
                                                 .channels = BYTES("[\"a\"]"),
                                                 .data = BYTES("{\"d\":1}")}),
                    HEAD ",\"name\":\"js\",\"version\":\"1\",\"channels\":[\"a\"],\"data\":{\"d\":1}}");
    ck_assert_bytes(json((struct proxy_question){.event = PROXY_REFRESH, .user = BYTES("u\"1")}), HEAD ",\"user\":\"u\\\"1\"}");
    ck_assert_bytes(json((struct proxy_question){.event = PROXY_SUBSCRIBE, .channel = BYTES("news")}),
                    HEAD ",\"user\":\"\",\"channel\":\"news\"}");
    ck_assert_bytes(json((struct proxy_question){.event = PROXY_RPC, .method = BYTES("sum"), .meta = BYTES("{\"m\":1}")}),
                    HEAD ",\"user\":\"\",\"method\":\"sum\",\"meta\":{\"m\":1}}");
}
END_TEST

START_TEST(binary_encoding_is_base64)
{
    ck_assert_bytes(json((struct proxy_question){.event = PROXY_PUBLISH, .channel = BYTES("a"), .data = BYTES("1"), .binary = true}),
                    "{\"client\":\"c-1\",\"transport\":\"websocket\",\"protocol\":\"json\",\"encoding\":\"binary\",\"user\":\"\","
                    "\"channel\":\"a\",\"b64data\":\"MQ==\"}");
    buf_fini(&text);
}
END_TEST

UNIT_MAIN("gateway/proxy_question", each_event_has_its_fields, binary_encoding_is_base64)
