#include "run/source.h"

#include "run/address.h"

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

static struct source source(const char *text)
{
    struct address a = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a.storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.storage;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        v4->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        v6->sin6_family = AF_INET6;
    return source_of(&a);
}

static bool same_block(const char *a, const char *b)
{
    struct source left = source_block(source(a)), right = source_block(source(b));
    return memcmp(&left, &right, sizeof left) == 0;
}

START_TEST(an_address_is_written_as_it_was_read_and_ipv4_over_an_ipv6_socket_is_ipv4)
{
    char text[SOURCE_TEXT_MAX];
    source_text(source("10.1.2.3"), text);
    ck_assert_str_eq(text, "10.1.2.3");
    source_text(source("2001:db8::7"), text);
    ck_assert_str_eq(text, "2001:db8::7");
    source_text(source("::ffff:10.1.2.3"), text);
    ck_assert_str_eq(text, "10.1.2.3");
    struct address local = {.n = sizeof local.local};
    local.local.sun_family = AF_UNIX;
    ck_assert(source_is_none(source_of(&local)));
    source_text(source_of(&local), text);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(what_was_written_is_read_and_nothing_else)
{
    static const char *const good[] = {"10.1.2.3", "2001:db8::7", "::1", ""};
    static const char *const bad[] = {"10.1.2", "10.1.2.3 ", "localhost", "2001:db8::7%eth0",
                                      "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
    char text[SOURCE_TEXT_MAX];
    struct source s;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(source_parse(bytes_str(good[i]), &s), "%s", good[i]);
        source_text(s, text);
        ck_assert_str_eq(text, good[i]);
    }
    ck_assert(source_is_none(s));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!source_parse(bytes_str(bad[i]), &s), "%s", bad[i]);
    ck_assert(!source_parse(bytes_of("10.1.2.3\0x", 10), &s));
}
END_TEST

START_TEST(one_source_is_an_ipv4_address_or_64_bits_of_ipv6)
{
    ck_assert(same_block("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
    ck_assert(!same_block("2001:db8:1:2::1", "2001:db8:1:3::1"));
    ck_assert(!same_block("10.0.0.1", "10.0.0.2"));
}
END_TEST

START_TEST(networks_are_found_by_their_bits)
{
    struct networks n;
    ck_assert_int_eq(networks_parse("10.0.0.0/9,192.168.1.7,fd00::/7,::1", &n, NULL), 0);
    ck_assert_uint_eq(n.n, 4);
    ck_assert(networks_have(&n, source("10.127.255.255")) && !networks_have(&n, source("10.128.0.0")));
    ck_assert(networks_have(&n, source("192.168.1.7")) && !networks_have(&n, source("192.168.1.6")));
    ck_assert(networks_have(&n, source("fc12::")) && !networks_have(&n, source("fe00::")));
    ck_assert(networks_have(&n, source("::1")) && !networks_have(&n, source("::2")));
    ck_assert_int_eq(networks_parse("0.0.0.0/0", &n, NULL), 0);
    ck_assert(networks_have(&n, source("8.8.8.8")) && !networks_have(&n, source("2001:db8::7")));
    ck_assert_int_eq(networks_parse("", &n, NULL), 0);
    ck_assert(!networks_have(&n, source("10.0.0.1")));
}
END_TEST

START_TEST(what_is_no_network_is_refused_with_its_text)
{
    static const char *const bad[] = {"10.0.0/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/x", "localhost",
                                      "10.0.0.1,,10.0.0.2", "10.0.0.1 ", "10.0.0.1/-1",
                                      "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct networks n = {.n = 77};
        struct buf why = {0};
        ck_assert_msg(networks_parse(bad[i], &n, &why) == -EINVAL && n.n == 77, "%s", bad[i]);
        ck_assert_ptr_nonnull(strstr(why.p, "is no address and no network"));
        buf_fini(&why);
    }
}
END_TEST

UNIT_MAIN("run/source", an_address_is_written_as_it_was_read_and_ipv4_over_an_ipv6_socket_is_ipv4,
          what_was_written_is_read_and_nothing_else, one_source_is_an_ipv4_address_or_64_bits_of_ipv6, networks_are_found_by_their_bits,
          what_is_no_network_is_refused_with_its_text)
