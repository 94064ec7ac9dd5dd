#include "wire/channel.h"

#include "unit.h"

#include <errno.h>

/* MD5 as `printf default/news | md5sum` shows it; SQL computes the same. */
START_TEST(a_channel_has_its_place_by_md5)
{
    struct channel_place news = channel_place(BYTES("default/news"));
    ck_assert_uint_eq(news.shard, 35);
    ck_assert_uint_eq(news.partition_hash, 731709944);
    ck_assert_uint_eq(channel_place(BYTES("default/chat:room-1")).shard, 42);
    ck_assert_uint_eq(channel_place(BYTES("default/chat:room-1")).partition_hash, 806579724);
    ck_assert_uint_eq(channel_place(BYTES("cellcast/canary-a-1")).shard, 30);
    ck_assert_uint_eq(channel_place(bytes_of(NULL, 0)).partition_hash, 2399187460);
    ck_assert_uint_eq(channel_place(BYTES("default/news")).partition_hash, 731709944);
}
END_TEST

START_TEST(a_name_is_1_to_255_printable_bytes_without_a_space)
{
    char longest[256];
    memset(longest, 'x', sizeof longest);
    ck_assert(channel_name_valid(bytes_of(longest, 255)));
    ck_assert(!channel_name_valid(bytes_of(longest, 256)));
    ck_assert(channel_name_valid(BYTES("$chat:room/5#1,2~!")));
    static const char *const bad[] = {"", "a b", "a\n", "a\x7f", "\xc3\xa9", "\x1f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!channel_name_valid(bytes_str(bad[i])), "%s", bad[i]);
    ck_assert(!channel_name_valid(bytes_of("a\0b", 3)));
}
END_TEST

START_TEST(a_tenant_is_1_to_32_of_a_few_bytes)
{
    ck_assert(tenant_name_valid(BYTES("default")));
    ck_assert(tenant_name_valid(BYTES("a-1")));
    ck_assert(tenant_name_valid(BYTES("abcdefghijklmnopqrstuvwxyz-01234")));
    ck_assert(!tenant_name_valid(BYTES("abcdefghijklmnopqrstuvwxyz-012345")));
    ck_assert(!tenant_name_valid(BYTES("")) && !tenant_name_valid(BYTES("A")) &&
              !tenant_name_valid(BYTES("a_b")));
}
END_TEST

START_TEST(a_namespace_is_none_or_2_to_64_of_a_few_bytes)
{
    ck_assert(namespace_name_valid(BYTES("")) && namespace_name_valid(BYTES("a-")) && namespace_name_valid(BYTES("Chat_9")));
    ck_assert(namespace_name_valid(BYTES("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")));
    ck_assert(!namespace_name_valid(BYTES("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_a")));
    ck_assert(!namespace_name_valid(BYTES("x")) && !namespace_name_valid(BYTES("a.b")) &&
              !namespace_name_valid(BYTES("chat$")) && !namespace_name_valid(BYTES("a b")));
}
END_TEST

START_TEST(a_full_name_is_split_at_its_first_slash)
{
    struct bytes tenant = {0}, name = {0};
    ck_assert(channel_split(BYTES("default/a/b"), &tenant, &name));
    ck_assert_bytes(tenant, "default");
    ck_assert_bytes(name, "a/b");
    ck_assert(channel_split(BYTES("/"), &tenant, &name) && tenant.n == 0 && name.n == 0);
    ck_assert(!channel_split(BYTES("news"), &tenant, &name));
    ck_assert(!channel_split(bytes_of(NULL, 0), &tenant, &name));
}
END_TEST

START_TEST(a_namespace_stands_before_the_first_colon)
{
    ck_assert_bytes(channel_namespace(BYTES("chat:room:1")), "chat");
    ck_assert_bytes(channel_namespace(BYTES("$private:x")), "private");
    ck_assert_bytes(channel_namespace(BYTES("news")), "");
    ck_assert_bytes(channel_namespace(BYTES(":x")), "");
    ck_assert_bytes(channel_namespace(BYTES("$")), "");
    ck_assert_bytes(channel_namespace(bytes_of(NULL, 0)), "");
}
END_TEST

START_TEST(references_come_off_a_list_one_by_one)
{
    struct bytes list = BYTES("default/news@1041 default/a@b@9223372036854775807"), channel;
    uint64_t seq;
    ck_assert_int_eq(after_next(&list, &channel, &seq), 1);
    ck_assert_bytes(channel, "default/news");
    ck_assert_uint_eq(seq, 1041);
    ck_assert_int_eq(after_next(&list, &channel, &seq), 1);
    ck_assert_bytes(channel, "default/a@b");
    ck_assert_uint_eq(seq, INT64_MAX);
    ck_assert_int_eq(after_next(&list, &channel, &seq), 0);
    list = bytes_of(NULL, 0);
    ck_assert_int_eq(after_next(&list, &channel, &seq), 0);
}
END_TEST

START_TEST(what_is_no_reference_is_refused_and_changes_nothing)
{
    static const char *const bad[] = {"news",
                                      "default/news",
                                      "default/news@",
                                      "default/news@0",
                                      "default/news@-1",
                                      "@1",
                                      " ",
                                      "default/news@1x",
                                      "news@1",
                                      "/news@1",
                                      "Default/news@1",
                                      "default/@1",
                                      "default/news@9223372036854775808",
                                      " default/news@1",
                                      "default/news@1 ",
                                      "default/n\tws@1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bytes list = bytes_str(bad[i]), channel = BYTES("untouched");
        uint64_t seq = 7;
        ck_assert_msg(after_next(&list, &channel, &seq) == -EBADMSG, "\"%s\"", bad[i]);
        ck_assert_uint_eq(list.n, strlen(bad[i]));
        ck_assert_bytes(channel, "untouched");
        ck_assert_uint_eq(seq, 7);
    }
    struct bytes list = BYTES("default/news@1  default/news@2"), channel;
    uint64_t seq;
    ck_assert_int_eq(after_next(&list, &channel, &seq), 1);
    ck_assert_int_eq(after_next(&list, &channel, &seq), -EBADMSG);
}
END_TEST

UNIT_MAIN("wire/channel", a_channel_has_its_place_by_md5,
          a_name_is_1_to_255_printable_bytes_without_a_space,
          a_tenant_is_1_to_32_of_a_few_bytes, a_namespace_is_none_or_2_to_64_of_a_few_bytes, a_full_name_is_split_at_its_first_slash,
          a_namespace_stands_before_the_first_colon, references_come_off_a_list_one_by_one,
          what_is_no_reference_is_refused_and_changes_nothing)
