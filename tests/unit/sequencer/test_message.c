#include "message.h"

#include "nested.h"
#include "unit.h"
#include "wire/messages.h"

static struct message_fields good(void)
{
    return (struct message_fields){
        .origin = 7,
        .counter = 1,
        .channel = BYTES("default/chat:room-1"),
        .data = BYTES("{\"n\":12345678901234567890}"),
        .tags = BYTES("{\"a\":\"b\"}"),
        .info = BYTES("{\"user\":\"u\"}"),
        .after = BYTES("default/news@3 default/chat:room-1@9"),
        .key = BYTES("k\xc3\xa9y \"1\""),
    };
}

START_TEST(what_is_right_is_kept_byte_for_byte)
{
    struct message_fields f = good();
    ck_assert_ptr_null(message_refusal(&f));
    struct message *m = message_new(&f, 5);
    ck_assert_bytes(m->channel, "default/chat:room-1");
    ck_assert_bytes(m->data, "{\"n\":12345678901234567890}");
    ck_assert_bytes(m->tags, "{\"a\":\"b\"}");
    ck_assert_bytes(m->info, "{\"user\":\"u\"}");
    ck_assert_bytes(m->after, "default/news@3 default/chat:room-1@9");
    ck_assert_bytes(m->key, "k\xc3\xa9y \"1\"");
    ck_assert_int_eq(m->arrived_ns, 5);
    message_free(m);
}
END_TEST

#define REFUSES(field, value, with)                                                            \
    do {                                                                                       \
        struct message_fields f_ = good();                                                     \
        f_.field = value;                                                                      \
        const char *why_ = message_refusal(&f_);                                               \
        ck_assert_msg(why_ && strncmp(why_, with, strlen(with)) == 0, "have %s, want %s…",     \
                      why_ ? why_ : "(none)", with);                                           \
    } while (0)

/* n bytes, blank but for their end: nothing but its length is wrong with it. */
static struct bytes long_text(size_t n, const char *end)
{
    static char text[70000];
    memset(text, ' ', n);
    memcpy(text + n - strlen(end), end, strlen(end));
    return bytes_of(text, n);
}

START_TEST(what_no_gateway_should_send_is_refused_with_its_reason)
{
    REFUSES(channel, BYTES("news"), "channel:");
    REFUSES(channel, BYTES("Default/news"), "channel:");
    REFUSES(channel, BYTES("default/"), "channel:");
    REFUSES(channel, BYTES("default/a b"), "channel:");
    REFUSES(data, long_text(65537, "1"), "data: more than 65536 bytes");
    REFUSES(data, BYTES(""), "data: no JSON");
    REFUSES(data, BYTES("{"), "data: no JSON");
    REFUSES(format, FORMAT_MOST + 1, "format:");
    REFUSES(tags, BYTES("[]"), "tags:");
    REFUSES(tags, BYTES("{\"a\":1}"), "tags:");
    REFUSES(tags, long_text(65537, "{}"), "tags:");
    REFUSES(info, BYTES("7"), "info:");
    REFUSES(info, long_text(65537, "{}"), "info:");
    REFUSES(info, BYTES("{\"user\":\"\xff\"}"), "info:");
    REFUSES(key, long_text(256, "k"), "key:");
    REFUSES(key, bytes_of("a\0b", 3), "key:");
    REFUSES(key, BYTES("\xc3("), "key:");
    REFUSES(shown, 1ULL << 62, "shown:");
    REFUSES(after, BYTES("default/news"), "after:");
    REFUSES(after, BYTES("other/news@1"), "after:");
    REFUSES(after,
            BYTES("default/a@1 default/a@1 default/a@1 default/a@1 default/a@1 default/a@1 "
                  "default/a@1 "
                  "default/a@1 default/a@1"),
            "after:");
}
END_TEST

START_TEST(what_is_as_long_as_it_may_be_is_taken)
{
    struct message_fields f = good();
    f.data = long_text(65536, "1");
    ck_assert_ptr_null(message_refusal(&f));
    f.data = BYTES("1");
    f.key = long_text(255, "k");
    ck_assert_ptr_null(message_refusal(&f));
}
END_TEST

START_TEST(needs_are_looked_up_receipt_first_then_key_then_answers)
{
    struct message_fields f = good();
    f.unsure = true;
    struct message *m = message_new(&f, 0);
    ck_assert_int_eq(m->need, NEED_RECEIPT);
    ck_assert_int_eq(message_next_need(m, NEED_RECEIPT + 1), NEED_KEY);
    ck_assert_int_eq(message_next_need(m, NEED_KEY + 1), NEED_AFTER);
    ck_assert_int_eq(message_next_need(m, NEED_AFTER + 1), NEED_NOTHING);
    message_free(m);
    f.unsure = false;
    f.key = f.after = BYTES("");
    m = message_new(&f, 0);
    ck_assert_int_eq(m->need, NEED_NOTHING);
    message_free(m);
}
END_TEST

START_TEST(data_is_as_deep_as_it_may_be_by_itself_and_so_is_what_lies_in_info)
{
    struct buf data = nested("", 128, ""), deeper = nested("", 129, ""), info = nested("{\"conn_info\":", 128, "}");
    struct message_fields f = good();
    f.data = buf_bytes(&data);
    f.info = buf_bytes(&info);
    ck_assert_ptr_null(message_refusal(&f));
    REFUSES(data, buf_bytes(&deeper), "data: nested deeper than 128 levels");
    buf_fini(&data);
    buf_fini(&deeper);
    buf_fini(&info);
}
END_TEST

UNIT_MAIN("sequencer/message", what_is_right_is_kept_byte_for_byte,
          what_no_gateway_should_send_is_refused_with_its_reason, data_is_as_deep_as_it_may_be_by_itself_and_so_is_what_lies_in_info, what_is_as_long_as_it_may_be_is_taken,
          needs_are_looked_up_receipt_first_then_key_then_answers)
