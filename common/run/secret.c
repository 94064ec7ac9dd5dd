#include "run/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES (SECRET_MOST + 2)

static int refuse(struct buf *ret_error, const char *path, const char *why)
{
    buf_printf(ret_error, "%s: %s", path, why);
    return -EINVAL;
}

/* -> what is wrong with the line, or NULL */
static const char *take_line(struct secrets *s, const char *line)
{
    size_t n = strcspn(line, "\r\n");
    if (n == 0)
        return NULL;
    if (n < SECRET_LEAST)
        return "a secret has 16 bytes at least";
    if (n > SECRET_MOST)
        return "a secret has 256 bytes at most";
    if (s->n == SECRETS_MAX)
        return "4 secrets at most";
    memcpy(s->of[s->n], line, n);
    s->bytes[s->n++] = n;
    return NULL;
}

int secrets_read(const char *path, struct secrets *ret, struct buf *ret_error)
{
    struct secrets s = {0};
    char line[LINE_MAX_BYTES + 1];
    const char *wrong = NULL;
    FILE *f = fopen(path, "re");
    if (!f) {
        int error = -errno;
        buf_printf(ret_error, "%s: %s", path, strerror(-error));
        return error;
    }
    while (!wrong && fgets(line, sizeof line, f))
        wrong = take_line(&s, line);
    if (ferror(f))
        wrong = "can't be read";
    else if (!wrong && s.n == 0)
        wrong = "no secret in it";
    fclose(f);
    if (!wrong)
        *ret = s;
    secrets_wipe(&s);
    OPENSSL_cleanse(line, sizeof line);
    return wrong ? refuse(ret_error, path, wrong) : 0;
}

void secrets_wipe(struct secrets *s)
{
    OPENSSL_cleanse(s, sizeof *s);
}

void secret_mac(const struct secrets *s, unsigned which, struct bytes text, unsigned char ret_mac[SECRET_MAC])
{
    unsigned n = SECRET_MAC;
    HMAC(EVP_sha256(), s->of[which], (int)s->bytes[which], (const unsigned char *)text.p, text.n, ret_mac, &n);
}

int secret_check(const struct secrets *s, struct bytes text, struct bytes mac)
{
    unsigned char right[SECRET_MAC];
    int found = -1;
    if (mac.n != SECRET_MAC)
        return -1;
    for (unsigned i = 0; i < s->n; i++) {
        secret_mac(s, i, text, right);
        if (CRYPTO_memcmp(right, mac.p, SECRET_MAC) == 0)
            found = (int)i;
    }
    OPENSSL_cleanse(right, sizeof right);
    return found;
}
