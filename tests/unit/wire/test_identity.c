#include "wire/identity.h"

#include "pair_help.h"
#include "unit.h"

#include <errno.h>
#include <time.h>

static struct pem_pair one, two;

static void refused(const char *chain, const char *key, const char *wanted)
{
    struct identity id;
    struct buf why = {0};
    ck_assert_int_eq(identity_read(bytes_str(chain), bytes_str(key), &id, &why), -EBADMSG);
    ck_assert_bytes(buf_bytes(&why), wanted);
    buf_fini(&why);
}

START_TEST(a_pair_is_read_with_what_stands_behind_the_certificate)
{
    struct identity id;
    struct buf chain = {0}, why = {0};
    make_pair("one", false, &one);
    make_pair("two", true, &two);
    buf_append_str(&chain, one.cert);
    buf_append_str(&chain, two.cert);
    ck_assert_int_eq(identity_read(buf_bytes(&chain), bytes_str(one.key), &id, &why), 0);
    ck_assert_int_eq(sk_X509_num(id.chain), 1);
    ck_assert_int_ge(identity_ends(&id), time(NULL) + 3500);
    ck_assert_int_le(identity_ends(&id), time(NULL) + 3600);
    identity_fini(&id);
    identity_fini(&id); /* nothing more happens */
    buf_fini(&chain);
}
END_TEST

START_TEST(what_is_no_pair_is_refused_with_the_reason)
{
    make_pair("one", false, &one);
    make_pair("two", true, &two);
    refused("", one.key, "no certificate in PEM");
    refused(one.key, one.key, "no certificate in PEM");
    refused(one.cert, "", "no key in PEM without a passphrase");
    refused(one.cert, one.cert, "no key in PEM without a passphrase");
    refused(one.cert, two.key, "the key is not that of the first certificate");
    refused(two.cert, one.key, "the key is not that of the first certificate");
    one.cert[60] = '!';
    refused(one.cert, one.key, "no certificate in PEM");
}
END_TEST

UNIT_MAIN("wire/identity", a_pair_is_read_with_what_stands_behind_the_certificate, what_is_no_pair_is_refused_with_the_reason)
