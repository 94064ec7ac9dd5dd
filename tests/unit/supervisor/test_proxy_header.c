#include "proxy_header.h"

#include "unit.h"

#include <errno.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IPV4 "\x0a\x01\x02\x03\x7f\0\0\1\x12\x34\x1f\x40"
#define HEADER(text) header(text, sizeof(text) - 1)

static struct proxy_header h;
static struct source from;

/* In parts of each length. -> what is made of it, or what refuses it */
static int header(const char *text, size_t n)
{
    int answer = 0;
    for (size_t part = 1; part <= n; part++) {
        h = (struct proxy_header){0};
        size_t at = 0;
        int wants;
        while ((wants = proxy_header_wants(&h)) > 0 && at < n) {
            size_t take = part < (size_t)wants ? part : (size_t)wants;
            if (take > n - at)
                take = n - at;
            memcpy(h.bytes + h.n, text + at, take);
            h.n += (unsigned)take;
            at += take;
        }
        int now = wants != 0 ? wants : proxy_header_read(&h, &from);
        ck_assert(part == 1 || now == answer);
        answer = now;
    }
    return answer;
}

static const char *text(void)
{
    static char is[SOURCE_TEXT_MAX];
    source_text(from, is);
    return is;
}

START_TEST(it_tells_the_clients_address_in_whatever_parts_it_comes)
{
    ck_assert_int_eq(HEADER(SIGNATURE "\x21\x11\0\x0c" IPV4), PROXY_ADDRESS);
    ck_assert_str_eq(text(), "10.1.2.3");
    ck_assert_int_eq(HEADER(SIGNATURE "\x21\x21\0\x24"
                                      "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7"
                                      "0123456789abcdef\1\2\3\4"),
                     PROXY_ADDRESS);
    ck_assert_str_eq(text(), "2001:db8::7");
}
END_TEST

START_TEST(nothing_behind_it_is_asked_for)
{
    static const char all[] = SIGNATURE "\x21\x11\0\x0c" IPV4 "GET / HTTP/1.1\r\n";
    h = (struct proxy_header){0};
    ck_assert_int_eq(proxy_header_wants(&h), 16);
    memcpy(h.bytes, all, h.n = 16);
    ck_assert_int_eq(proxy_header_wants(&h), 12);
    memcpy(h.bytes, all, h.n = 28);
    ck_assert_int_eq(proxy_header_wants(&h), 0);
}
END_TEST

START_TEST(further_fields_are_skipped_if_their_lengths_add_up)
{
    ck_assert_int_eq(HEADER(SIGNATURE "\x21\x11\0\x14" IPV4 "\4\0\0\5\0\2ab"), PROXY_ADDRESS);
    ck_assert_int_eq(HEADER(SIGNATURE "\x21\x11\0\x14" IPV4 "\4\0\0\5\0\3ab"), -EBADMSG);
    ck_assert_int_eq(HEADER(SIGNATURE "\x21\x11\0\x0e" IPV4 "\4\0"), -EBADMSG);
}
END_TEST

START_TEST(the_balancers_own_checks_and_sockets_without_address_speak_for_themselves)
{
    ck_assert_int_eq(HEADER(SIGNATURE "\x20\0\0\0"), PROXY_OWN);
    ck_assert_int_eq(HEADER(SIGNATURE "\x20\x11\0\x0c" IPV4), PROXY_OWN);
    ck_assert_int_eq(HEADER(SIGNATURE "\x21\0\0\0"), PROXY_OWN);
}
END_TEST

START_TEST(anything_else_is_refused_as_soon_as_it_shows)
{
    ck_assert_int_eq(HEADER("GET / HTTP/1.1\r\n\r\n"), -EBADMSG);
    ck_assert_int_eq(HEADER("\r\n\r\nG"), -EBADMSG);
    ck_assert_int_eq(HEADER("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n"), -EBADMSG);
    ck_assert_int_eq(HEADER(SIGNATURE "\x11\x11\0\x0c" IPV4), -EBADMSG); /* version */
    ck_assert_int_eq(HEADER(SIGNATURE "\x22\x11\0\x0c" IPV4), -EBADMSG); /* command */
    ck_assert_int_eq(HEADER(SIGNATURE "\x21\x41\0\x0c" IPV4), -EBADMSG); /* family */
    ck_assert_int_eq(HEADER(SIGNATURE "\x21\x12\0\x0c" IPV4), -EBADMSG); /* datagrams */
    ck_assert_int_eq(HEADER(SIGNATURE "\x21\x10\0\x0c" IPV4), -EBADMSG);
    ck_assert_int_eq(HEADER(SIGNATURE "\x21\x01\0\0"), -EBADMSG);
    ck_assert_int_eq(HEADER(SIGNATURE "\x21\x11\0\x08" "\x0a\1\2\3\x7f\0\0\1"), -EBADMSG); /* too short for its family */
    ck_assert_int_eq(HEADER(SIGNATURE "\x21\x11\xff\xff"), -EBADMSG);    /* longer than anybody needs */
}
END_TEST

UNIT_MAIN("supervisor/proxy_header", it_tells_the_clients_address_in_whatever_parts_it_comes, nothing_behind_it_is_asked_for,
          further_fields_are_skipped_if_their_lengths_add_up,
          the_balancers_own_checks_and_sockets_without_address_speak_for_themselves, anything_else_is_refused_as_soon_as_it_shows)
