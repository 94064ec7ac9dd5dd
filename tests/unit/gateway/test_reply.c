/* What clients are told, in both encodings beside each other; among them the frames of protocol.md 21.2. */
#include "reply.h"

#include "fake_edges.h"
#include "hex.h"
#include "hub.h"
#include "unit.h"

#include "wire/codec.h"

static struct gateway_options options;
static struct gateway g;
static struct channel *channel;

#define ck_assert_reply(json, protobuf, ...)                                                                 \
    do {                                                                                                     \
        struct reply reply_ = {__VA_ARGS__};                                                                 \
        struct buf b_ = {0};                                                                                 \
        reply_put(ENCODING_JSON, &b_, &reply_);                                                              \
        ck_assert_bytes(buf_bytes(&b_), json "\n");                                                          \
        buf_clear(&b_);                                                                                      \
        reply_put(ENCODING_PROTOBUF, &b_, &reply_);                                                          \
        ck_assert_hex(&b_, protobuf);                                                                        \
    } while (0)

#define ck_assert_push(json, protobuf, ...)                                                                  \
    do {                                                                                                     \
        struct push push_ = {__VA_ARGS__};                                                                   \
        struct buf b_ = {0};                                                                                 \
        push_put(ENCODING_JSON, &b_, channel, false, &push_);                                                \
        ck_assert_bytes(buf_bytes(&b_), json "\n");                                                          \
        buf_clear(&b_);                                                                                      \
        push_put(ENCODING_PROTOBUF, &b_, channel, false, &push_);                                            \
        ck_assert_hex(&b_, protobuf);                                                                        \
    } while (0)

static void start(const char *name)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    channel = channel_new(&g, bytes_str(name));
}

static void stop(void)
{
    channel_free(&g.rings, channel);
    edges_stop(&g);
}

START_TEST(an_error_of_the_application_is_its_own)
{
    ck_assert_reply("{\"id\":3,\"error\":{\"code\":1000,\"message\":\"no \\\"n\",\"temporary\":true}}",
                    "10 08 03 12 0c 08 e8 07 12 05 6e 6f 20 22 6e 18 01", .id = 3, .kind = REPLY_OWN_ERROR,
                    .own_error = {.code = 1000, .message = BYTES("no \"n"), .temporary = true});
}
END_TEST

START_TEST(a_ping_is_nothing)
{
    ck_assert_reply("{}", "00", .kind = REPLY_PING);
}
END_TEST

START_TEST(an_error_says_code_and_message)
{
    ck_assert_reply("{\"id\":3,\"error\":{\"code\":108,\"message\":\"not available\"}}",
                    "15 08 03 12 11 08 6c 12 0d 6e 6f 74 20 61 76 61 69 6c 61 62 6c 65", .id = 3, .kind = REPLY_ERROR, .error = 108);
    ck_assert_reply("{\"id\":3,\"error\":{\"code\":100,\"message\":\"internal server error\",\"temporary\":true}}",
                    "1f 08 03 12 1b 08 64 12 15 69 6e 74 65 72 6e 61 6c 20 73 65 72 76 65 72 20 65 72 72 6f 72 18 01", .id = 3,
                    .kind = REPLY_ERROR, .error = 100);
}
END_TEST

START_TEST(an_empty_result_is_there)
{
    ck_assert_reply("{\"id\":4,\"publish\":{}}", "04 08 04 42 00", .id = 4, .kind = REPLY_PUBLISH);
    ck_assert_reply("{\"id\":4,\"unsubscribe\":{}}", "04 08 04 3a 00", .id = 4, .kind = REPLY_UNSUBSCRIBE);
    ck_assert_reply("{\"id\":4,\"sub_refresh\":{}}", "04 08 04 7a 00", .id = 4, .kind = REPLY_SUB_REFRESH);
    ck_assert_reply("{\"id\":4,\"subscribe\":{}}", "04 08 04 32 00", .id = 4, .kind = REPLY_SUBSCRIBE);
    ck_assert_reply("{\"id\":4,\"rpc\":{}}", "04 08 04 6a 00", .id = 4, .kind = REPLY_RPC);
}
END_TEST

START_TEST(a_connect_says_who_and_how_often)
{
    ck_assert_reply("{\"id\":1,\"connect\":{\"client\":\"abc\",\"version\":\"\",\"ping\":25,\"pong\":true}}",
                    "0d 08 01 2a 09 0a 03 61 62 63 38 19 40 01", .id = 1, .kind = REPLY_CONNECT,
                    .connected = {.client = BYTES("abc"), .version = "", .ping_s = 25, .pong = true});
    ck_assert_reply("{\"id\":1,\"refresh\":{\"client\":\"abc\",\"version\":\"1\",\"expires\":true,\"ttl\":300}}",
                    "11 08 01 72 0d 0a 03 61 62 63 12 01 31 18 01 20 ac 02", .id = 1, .kind = REPLY_REFRESH,
                    .connected = {.client = BYTES("abc"), .version = "1", .ttl = 300});
}
END_TEST

/* The publications are in the list as they are in a message: encoded already. */
START_TEST(a_subscribe_says_where_and_what_was_missed)
{
    struct buf list = {0};
    wire_put_str(&list, BYTES("\x22\x01\x31"));
    wire_put_str(&list, BYTES("22"));
    ck_assert_reply("{\"id\":2,\"subscribe\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true,\"offset\":5,"
                    "\"was_recovering\":true,\"recovered\":true,\"publications\":[\"\x01\x31,22]}}",
                    "1a 08 02 32 16 18 01 32 01 31 3a 03 22 01 31 3a 02 32 32 40 01 48 05 50 01 60 01", .id = 2, .kind = REPLY_SUBSCRIBE,
                    .subscribed = {.positioned = true,
                                   .recoverable = true,
                                   .epoch = 1,
                                   .offset = 5,
                                   .was_recovering = true,
                                   .recovered = true,
                                   .publications = buf_bytes(&list)});
    buf_fini(&list);
    ck_assert_reply("{\"id\":2,\"subscribe\":{\"expires\":true,\"ttl\":9}}", "08 08 02 32 04 08 01 10 09", .id = 2,
                    .kind = REPLY_SUBSCRIBE, .subscribed = {.ttl = 9, .epoch = 1, .offset = 5, .recovered = true});
}
END_TEST

START_TEST(a_connect_has_what_the_server_subscribed_to)
{
    struct buf json = {0}, protobuf = {0}, b = {0};
    struct reply_subscribed r = {.positioned = true, .epoch = 1, .offset = 5, .data = BYTES("[1]")};
    reply_put_entry(ENCODING_JSON, &json, BYTES("a"), &r);
    reply_put_entry(ENCODING_JSON, &json, BYTES("b\""), &(struct reply_subscribed){0});
    reply_put_entry(ENCODING_PROTOBUF, &protobuf, BYTES("a"), &r);
    reply_put_entry(ENCODING_PROTOBUF, &protobuf, BYTES("b\""), &(struct reply_subscribed){0});
    struct reply reply = {.id = 1, .kind = REPLY_CONNECT, .connected = {.client = BYTES("c"), .version = "", .data = BYTES("{}")}};
    reply.connected.subs = buf_bytes(&json);
    reply_put(ENCODING_JSON, &b, &reply);
    ck_assert_bytes(buf_bytes(&b), "{\"id\":1,\"connect\":{\"client\":\"c\",\"version\":\"\",\"data\":{},\"subs\":{"
                                   "\"a\":{\"epoch\":\"1\",\"positioned\":true,\"offset\":5,\"data\":[1]},\"b\\\"\":{}}}}\n");
    buf_clear(&b);
    reply.connected.subs = buf_bytes(&protobuf);
    reply_put(ENCODING_PROTOBUF, &b, &reply);
    ck_assert_hex(&b, "26 08 01 2a 22 0a 01 63 2a 02 7b 7d 32 11 0a 01 61 12 0c 32 01 31 48 05 50 01 5a 03 5b 31 5d 32 06 0a 02 62 22 12 00");
    buf_fini(&json);
    buf_fini(&protobuf);
}
END_TEST

START_TEST(a_history_has_its_publications_even_when_there_are_none)
{
    struct buf list = {0};
    ck_assert_reply("{\"id\":1,\"history\":{\"publications\":[],\"epoch\":\"7\",\"offset\":9}}", "09 08 01 5a 05 12 01 37 18 09", .id = 1,
                    .kind = REPLY_HISTORY, .history = {.epoch = 7, .offset = 9});
    wire_put_str(&list, BYTES("1"));
    ck_assert_reply("{\"id\":1,\"history\":{\"publications\":[1],\"epoch\":\"7\",\"offset\":9}}",
                    "0c 08 01 5a 08 0a 01 31 12 01 37 18 09", .id = 1, .kind = REPLY_HISTORY,
                    .history = {.publications = buf_bytes(&list), .epoch = 7, .offset = 9});
    buf_fini(&list);
}
END_TEST

START_TEST(presence_is_a_map_of_clients)
{
    struct buf entries = {0};
    wire_put_presence_entry(&entries, &(struct presence_entry){.client = BYTES("c1"),
                                                               .info = BYTES("{\"user\":\"\\u00e9\",\"client\":\"c2\",\"conn_info\":[1]}")});
    struct ops_presence answer = {.clients = 2, .users = 1, .entries = buf_bytes(&entries)};
    ck_assert_reply("{\"id\":1,\"presence\":{\"presence\":{\"c1\":{\"user\":\"\\u00e9\",\"client\":\"c2\",\"conn_info\":[1]}}}}",
                    "19 08 01 4a 15 0a 13 0a 02 63 31 12 0d 0a 02 c3 a9 12 02 63 32 1a 03 5b 31 5d", .id = 1, .kind = REPLY_PRESENCE,
                    .presence = &answer);
    ck_assert_reply("{\"id\":1,\"presence_stats\":{\"num_clients\":2,\"num_users\":1}}", "08 08 01 52 04 08 02 10 01", .id = 1,
                    .kind = REPLY_PRESENCE_STATS, .presence = &answer);
    buf_fini(&entries);
}
END_TEST

START_TEST(data_of_an_rpc_is_json_in_both)
{
    ck_assert_reply("{\"id\":1,\"rpc\":{\"data\":{\"a\": 1}}}", "0e 08 01 6a 0a 0a 08 7b 22 61 22 3a 20 31 7d", .id = 1, .kind = REPLY_RPC,
                    .data = BYTES("{\"a\": 1}"));
}
END_TEST

START_TEST(pushes_name_the_channel_as_the_client_spells_it)
{
    start("default/c");
    ck_assert_push("{\"push\":{\"channel\":\"c\",\"unsubscribe\":{\"code\":2500,\"reason\":\"x\"}}}",
                   "0d 22 0b 12 01 63 3a 06 10 c4 13 1a 01 78", .kind = PUSH_UNSUBSCRIBE, .unsubscribe = {.code = 2500, .reason = "x"});
    ck_assert_push("{\"push\":{\"channel\":\"c\",\"join\":{\"info\":{\"user\":\"u\",\"client\":\"d\",\"chan_info\":2}}}}",
                   "12 22 10 12 01 63 2a 0b 0a 09 0a 01 75 12 01 64 22 01 32", .kind = PUSH_JOIN,
                   .info = BYTES("{\"user\":\"u\",\"client\":\"d\",\"chan_info\":2}"));
    ck_assert_push("{\"push\":{\"channel\":\"c\",\"leave\":{\"info\":{\"user\":\"u\",\"client\":\"d\"}}}}",
                   "0f 22 0d 12 01 63 32 08 0a 06 0a 01 75 12 01 64", .kind = PUSH_LEAVE, .info = BYTES("{\"user\":\"u\",\"client\":\"d\"}"));
    ck_assert_push("{\"push\":{\"channel\":\"c\",\"subscribe\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true,\"offset\":3}}}",
                   "10 22 0e 12 01 63 4a 09 08 01 22 01 31 28 03 30 01", .kind = PUSH_SUBSCRIBE,
                   .subscribed = {.positioned = true, .recoverable = true, .epoch = 1, .offset = 3});
    ck_assert_push("{\"push\":{\"channel\":\"c\",\"message\":{\"data\":[1]}}}", "0c 22 0a 12 01 63 42 05 0a 03 5b 31 5d",
                   .kind = PUSH_MESSAGE, .data = BYTES("[1]"));
    stop();
}
END_TEST

START_TEST(a_refresh_is_about_no_channel)
{
    channel = NULL;
    ck_assert_push("{\"push\":{\"refresh\":{\"expires\":true,\"ttl\":60}}}", "08 22 06 62 04 08 01 10 3c", .kind = PUSH_REFRESH, .ttl = 60);
    ck_assert_push("{\"push\":{\"refresh\":{}}}", "04 22 02 62 00", .kind = PUSH_REFRESH);
}
END_TEST

START_TEST(messages_of_ours_are_the_same_json_in_both)
{
    static const char head[] = "{\"head\":{\"channel\":\"default/a\\\"\",\"offset\":2,\"epoch\":\"1\"}}";
    struct push push = {.kind = PUSH_HEAD, .head = {.epoch = 1, .offset = 2}};
    struct buf json = {0}, protobuf = {0};
    start("default/a\"");
    push_put(ENCODING_JSON, &json, channel, true, &push);
    push_put(ENCODING_PROTOBUF, &protobuf, channel, true, &push);
    ck_assert_ptr_nonnull(memmem(json.p, json.n, head, sizeof head - 1));
    ck_assert_ptr_nonnull(memmem(protobuf.p, protobuf.n, head, sizeof head - 1));
    buf_fini(&json);
    buf_fini(&protobuf);
    ck_assert_push("{\"push\":{\"channel\":\"a\\\"\",\"message\":{\"data\":{\"presence\":{\"channel\":\"a\\\"\",\"num_clients\":2,\"num_users\":1}}}}}",
                   "46 22 44 12 02 61 22 42 3e 0a 3c 7b 22 70 72 65 73 65 6e 63 65 22 3a 7b 22 63 68 61 6e 6e 65 6c 22 3a 22 61 5c 22 22 2c "
                   "22 6e 75 6d 5f 63 6c 69 65 6e 74 73 22 3a 32 2c 22 6e 75 6d 5f 75 73 65 72 73 22 3a 31 7d 7d",
                   .kind = PUSH_COUNTS, .counts = {.clients = 2, .users = 1});
    stop();
}
END_TEST

START_TEST(a_publication_stands_behind_a_head_of_its_own)
{
    struct buf scratch = {0}, b = {0};
    start("default/c");
    struct frame *f = frame_new(channel, &(struct publication){.epoch = 1, .seq = 7, .data = BYTES("{}")}, &scratch);
    frame_protobuf(&b, channel, false, f, frame_in(f, ENCODING_PROTOBUF), false);
    ck_assert_hex(&b, "0d 22 0b 12 01 63 22 06 22 02 7b 7d 30 07");
    frame_protobuf(&b, channel, false, f, frame_in(f, ENCODING_PROTOBUF), true);
    ck_assert_hex(&b, "18 22 16 12 01 63 22 11 22 02 7b 7d 30 07 3a 09 0a 04 6c 61 74 65 12 01 31");
    frame_json(&b, channel, false, f, frame_in(f, ENCODING_JSON), false);
    ck_assert_bytes(buf_bytes(&b), "{\"push\":{\"channel\":\"c\",\"pub\":{\"data\":{},\"offset\":7}}}\n");
    buf_fini(&b);
    buf_fini(&scratch);
    frame_free(f);
    stop();
}
END_TEST

UNIT_MAIN("reply", a_ping_is_nothing, an_error_of_the_application_is_its_own, an_error_says_code_and_message, an_empty_result_is_there, a_connect_says_who_and_how_often,
          a_subscribe_says_where_and_what_was_missed, a_connect_has_what_the_server_subscribed_to, a_history_has_its_publications_even_when_there_are_none,
          presence_is_a_map_of_clients, data_of_an_rpc_is_json_in_both, pushes_name_the_channel_as_the_client_spells_it,
          a_refresh_is_about_no_channel, messages_of_ours_are_the_same_json_in_both, a_publication_stands_behind_a_head_of_its_own)
