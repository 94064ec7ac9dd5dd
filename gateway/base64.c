#include "base64.h"

#include <errno.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit(char c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (url ? '-' : '+'))
        return 62;
    return c == (url ? '_' : '/') ? 63 : -1;
}

/* text: digits only, no padding */
static int decode(struct bytes text, bool url, struct buf *into)
{
    size_t before = into->n;
    uint32_t bits = 0;
    unsigned held = 0; /* bits of `bits` not yet written */
    if (text.n % 4 == 1)
        return -EBADMSG;
    buf_reserve(into, text.n / 4 * 3 + 3);
    for (size_t i = 0; i < text.n; i++) {
        int d = digit(text.p[i], url);
        if (d < 0) {
            into->n = before;
            into->p[before] = 0;
            return -EBADMSG;
        }
        bits = bits << 6 | (uint32_t)d;
        held += 6;
        if (held >= 8) {
            held -= 8;
            buf_append_char(into, (char)(bits >> held & 0xff));
        }
    }
    if (bits & ((1u << held) - 1)) {
        into->n = before;
        into->p[before] = 0;
        return -EBADMSG;
    }
    return 0;
}

int base64_decode(struct bytes text, struct buf *into)
{
    if (text.n % 4)
        return -EBADMSG;
    for (int i = 0; i < 2 && text.n && text.p[text.n - 1] == '='; i++)
        text.n--;
    return decode(text, false, into);
}

int base64url_decode(struct bytes text, struct buf *into)
{
    return decode(text, true, into);
}

void base64_encode(struct bytes data, struct buf *into)
{
    const unsigned char *s = (const unsigned char *)data.p;
    buf_reserve(into, (data.n + 2) / 3 * 4);
    for (size_t i = 0; i < data.n; i += 3) {
        size_t left = data.n - i;
        uint32_t bits = (uint32_t)s[i] << 16 | (left > 1 ? (uint32_t)s[i + 1] << 8 : 0) |
                        (left > 2 ? s[i + 2] : 0);
        char four[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                        left > 1 ? alphabet[bits >> 6 & 63] : '=',
                        left > 2 ? alphabet[bits & 63] : '='};
        buf_append(into, four, 4);
    }
}
