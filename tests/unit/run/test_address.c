#include "run/address.h"

#include "unit.h"

#include <errno.h>

static struct address all[ADDRESSES_MAX];
static struct buf why;

START_TEST(numbers_are_understood)
{
    char text[64];
    ck_assert_int_eq(address_resolve("127.0.0.1:7100", false, all, &why), 1);
    ck_assert_int_eq(address_port(&all[0]), 7100);
    address_text(&all[0], text, sizeof text);
    ck_assert_str_eq(text, "127.0.0.1");
    ck_assert_int_eq(address_resolve("[::1]:80", false, all, &why), 1);
    ck_assert_int_eq(all[0].any.sa_family, AF_INET6);
    ck_assert_int_eq(address_port(&all[0]), 80);
    address_text(&all[0], text, sizeof text);
    ck_assert_str_eq(text, "::1");
}
END_TEST

START_TEST(a_port_alone_listens_on_all_addresses)
{
    char text[64];
    ck_assert_int_ge(address_resolve(":0", true, all, &why), 1);
    address_text(&all[0], text, sizeof text);
    ck_assert(strcmp(text, "0.0.0.0") == 0 || strcmp(text, "::") == 0);
}
END_TEST

START_TEST(a_name_is_looked_up)
{
    ck_assert_int_ge(address_resolve("localhost:1", false, all, &why), 1);
    ck_assert_int_eq(address_port(&all[0]), 1);
    ck_assert_int_eq(address_resolve("no-such-host.invalid:1", false, all, &why),
                     -EHOSTUNREACH);
    ck_assert_ptr_nonnull(strstr(why.p, "\"no-such-host.invalid:1\" "));
    buf_fini(&why);
}
END_TEST

START_TEST(a_path_is_a_unix_socket)
{
    char text[64];
    ck_assert(address_is_local("/run/worker-1.sock"));
    ck_assert(!address_is_local("run:1"));
    ck_assert_int_eq(address_resolve("/run/worker-1.sock", false, all, &why), 1);
    ck_assert_str_eq(all[0].local.sun_path, "/run/worker-1.sock");
    ck_assert_int_eq(address_port(&all[0]), 0);
    address_text(&all[0], text, sizeof text);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(what_is_no_address_is_refused_with_the_reason)
{
    static const char *const bad[] = {"",     "localhost", "7100",   "a:",    "a:b",
                                      "a:-1", "a:65536",   "::1:80", "1:2:3", "a:80 "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(address_resolve(bad[i], false, all, &why) == -EINVAL, "%s", bad[i]);
        ck_assert_ptr_nonnull(
            strstr(why.p, "is no address: host:port, [IPv6]:port, :port or /path"));
        buf_fini(&why);
    }
    char path[200];
    memset(path, '/', sizeof path);
    path[199] = 0;
    ck_assert_int_eq(address_resolve(path, false, all, NULL), -EINVAL);
    memset(path, 'h', sizeof path);
    memcpy(path + 190, ":1", 3);
    ck_assert_int_lt(address_resolve(path, false, all, NULL), 0);
}
END_TEST

UNIT_MAIN("run/address", numbers_are_understood, a_port_alone_listens_on_all_addresses,
          a_name_is_looked_up, a_path_is_a_unix_socket,
          what_is_no_address_is_refused_with_the_reason)
