#include "tls.h"

#include "tls_help.h"
#include "unit.h"

#include <errno.h>

static struct pem_pair first, second;
static char keys[TLS_TICKET_KEYS_MAX * TLS_TICKET_KEY_BYTES];

/* Ticket keys: of those above, from the first-th on so many. */
static int tell(struct server *s, const struct pem_pair *pair, size_t from, size_t n)
{
    return server_tell(s, pair, bytes_of(keys + from * TLS_TICKET_KEY_BYTES, n * TLS_TICKET_KEY_BYTES));
}

static void setup(void)
{
    make_pair("first", false, &first);
    make_pair("second", true, &second);
    for (size_t i = 0; i < sizeof keys; i++)
        keys[i] = (char)(i / TLS_TICKET_KEY_BYTES * 50 + i % 50);
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

START_TEST(a_session_is_resumed_at_another_gateway_with_the_same_keys)
{
    struct server one, other;
    bool resumed;
    char name[64];
    setup();
    server_begin(&one);
    server_begin(&other);
    ck_assert_int_eq(tell(&one, &first, 0, 1), 0);
    ck_assert_int_eq(tell(&other, &first, 0, 1), 0);
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *session = shake(&one, versions[i], NULL, &resumed, name);
        ck_assert_ptr_nonnull(session);
        ck_assert(!resumed);
        SSL_SESSION *next = shake(&other, versions[i], session, &resumed, name);
        ck_assert(resumed);
        SSL_SESSION_free(session);
        SSL_SESSION_free(next);
    }
    ck_assert_uint_eq(one.metrics.tls_handshakes_total, 2);
    ck_assert_uint_eq(one.metrics.tls_resumed_total, 0);
    ck_assert_uint_eq(other.metrics.tls_handshakes_total, 0);
    ck_assert_uint_eq(other.metrics.tls_resumed_total, 2);
    server_end(&one);
    server_end(&other);
}
END_TEST

START_TEST(a_replaced_ticket_key_still_opens_and_one_that_has_gone_means_a_full_handshake)
{
    struct server s;
    bool resumed;
    char name[64];
    setup();
    server_begin(&s);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(tell(&s, &first, 1, 1), 0);
        SSL_SESSION *session = shake(&s, versions[i], NULL, &resumed, name);
        ck_assert_int_eq(tell(&s, &first, 0, 2), 0); /* a new one in front */
        SSL_SESSION *next = shake(&s, versions[i], session, &resumed, name);
        ck_assert(resumed);
        ck_assert_int_eq(tell(&s, &first, 0, 1), 0);
        SSL_SESSION *again = shake(&s, versions[i], next, &resumed, name);
        ck_assert(resumed); /* it was given one of the new key's meanwhile */
        SSL_SESSION *full = shake(&s, versions[i], session, &resumed, name);
        ck_assert_ptr_nonnull(full);
        ck_assert(!resumed);
        SSL_SESSION_free(session);
        SSL_SESSION_free(next);
        SSL_SESSION_free(again);
        SSL_SESSION_free(full);
    }
    server_end(&s);
}
END_TEST

START_TEST(each_handshake_shows_the_certificate_that_came_last_whatever_its_kind)
{
    struct server s;
    bool resumed;
    char name[64];
    setup();
    server_begin(&s);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(tell(&s, i % 2 ? &second : &first, 0, 1), 0);
        SSL_SESSION_free(shake(&s, versions[i / 2], NULL, &resumed, name));
        ck_assert_str_eq(name, i % 2 ? "second" : "first");
    }
    server_end(&s);
}
END_TEST

START_TEST(what_can_not_be_used_changes_nothing)
{
    struct server s;
    bool resumed;
    char name[64];
    struct pem_pair mixed;
    setup();
    mixed = first;
    strcpy(mixed.key, second.key);
    server_begin(&s);
    ck_assert(!tls_is_ready(s.tls));
    ck_assert_ptr_null(shake(&s, TLS1_3_VERSION, NULL, &resumed, name));
    ck_assert_int_eq(tell(&s, &mixed, 0, 1), -EBADMSG);
    ck_assert(!tls_is_ready(s.tls));
    ck_assert_int_eq(tell(&s, &first, 0, 1), 0);
    ck_assert(tls_is_ready(s.tls));
    ck_assert_int_eq(tell(&s, &mixed, 0, 1), -EBADMSG);
    ck_assert_int_eq(tell(&s, &second, 0, 0), -EBADMSG);
    SSL_SESSION_free(shake(&s, TLS1_3_VERSION, NULL, &resumed, name));
    ck_assert_str_eq(name, "first");
    server_end(&s);
}
END_TEST

UNIT_MAIN("gateway/tls", a_session_is_resumed_at_another_gateway_with_the_same_keys,
          a_replaced_ticket_key_still_opens_and_one_that_has_gone_means_a_full_handshake,
          each_handshake_shows_the_certificate_that_came_last_whatever_its_kind, what_can_not_be_used_changes_nothing)
