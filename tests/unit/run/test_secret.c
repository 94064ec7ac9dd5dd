#include "run/secret.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OLD "the old secret, which is long enough"
#define NEW "the new secret, which is long enough"

static char path[] = "/tmp/test-secret-XXXXXX";
static struct buf error;
static struct secrets secrets;

static int read_text(const char *text)
{
    strcpy(path + sizeof path - 7, "XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    buf_clear(&error);
    int answer = secrets_read(path, &secrets, &error);
    unlink(path);
    return answer;
}

START_TEST(each_line_is_a_secret_and_empty_ones_are_none)
{
    ck_assert_int_eq(read_text("\n" NEW "\r\n\n" OLD), 0);
    ck_assert_uint_eq(secrets.n, 2);
    ck_assert_bytes(bytes_of((const char *)secrets.of[0], secrets.bytes[0]), NEW);
    ck_assert_bytes(bytes_of((const char *)secrets.of[1], secrets.bytes[1]), OLD);
}
END_TEST

START_TEST(what_can_not_be_meant_is_refused_with_its_reason)
{
    char longest[SECRET_MOST + 2];
    memset(longest, 'x', SECRET_MOST);
    longest[SECRET_MOST] = 0;
    ck_assert_int_eq(read_text(longest), 0);
    strcat(longest, "x");
    ck_assert_int_eq(read_text(longest), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error.p, "256 bytes at most"));
    ck_assert_int_eq(read_text("short"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error.p, "16 bytes at least"));
    ck_assert_int_eq(read_text("\n\n"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error.p, "no secret in it"));
    ck_assert_int_eq(read_text(OLD "\n" OLD "\n" OLD "\n" OLD "\n" OLD), -EINVAL);
    buf_clear(&error);
    ck_assert_int_eq(secrets_read("/nowhere/at/all", &secrets, &error), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error.p, "/nowhere/at/all"));
    buf_fini(&error);
}
END_TEST

START_TEST(a_proof_tells_which_secret_made_it)
{
    unsigned char mac[SECRET_MAC] = {0};
    struct bytes text = BYTES("text"), proof = bytes_of((const char *)mac, sizeof mac);
    ck_assert_int_eq(read_text(NEW "\n" OLD), 0);
    secret_mac(&secrets, 1, text, mac);
    ck_assert_int_eq(secret_check(&secrets, text, proof), 1);
    ck_assert_int_eq(secret_check(&secrets, BYTES("other"), proof), -1);
    ck_assert_int_eq(secret_check(&secrets, text, bytes_of(proof.p, SECRET_MAC - 1)), -1);
    ck_assert_int_eq(secret_check(&secrets, text, bytes_of(NULL, 0)), -1);
    for (unsigned bit = 0; bit < 8 * SECRET_MAC; bit++) {
        mac[bit / 8] ^= 1 << bit % 8;
        ck_assert_int_eq(secret_check(&secrets, text, proof), -1);
        mac[bit / 8] ^= 1 << bit % 8;
    }
    secrets_wipe(&secrets);
    ck_assert_uint_eq(secrets.n, 0);
    ck_assert_int_eq(secret_check(&secrets, text, proof), -1);
}
END_TEST

UNIT_MAIN("run/secret", each_line_is_a_secret_and_empty_ones_are_none, what_can_not_be_meant_is_refused_with_its_reason,
          a_proof_tells_which_secret_made_it)
