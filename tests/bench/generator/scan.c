#include "scan.h"

#include "payload.h"

static const struct bytes push = BYTES("{\"push\":{\"channel\":\""), pub = BYTES("\",\"pub\":"),
                          data = BYTES("\"data\":"), offset = BYTES("\"offset\":");

static struct bytes from(struct bytes text, size_t n)
{
    return bytes_of(text.p + n, text.n - n);
}

/* -> what follows the first `what`, or nothing (p is NULL) */
static struct bytes behind(struct bytes text, struct bytes what)
{
    const char *at = memmem(text.p, text.n, what.p, what.n);
    return at ? from(text, (size_t)(at - text.p) + what.n) : (struct bytes){NULL, 0};
}

bool scan_next_line(struct bytes *text, struct bytes *ret_line)
{
    if (text->n == 0)
        return false;
    const char *end = memchr(text->p, '\n', text->n);
    size_t n = end ? (size_t)(end - text->p) : text->n;
    *ret_line = bytes_of(text->p, n);
    *text = from(*text, n + (end ? 1 : 0));
    return true;
}

static uint64_t digits(struct bytes text)
{
    uint64_t v = 0;
    for (size_t i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
        v = v * 10 + (uint64_t)(text.p[i] - '0');
    return v;
}

bool scan_publication(struct bytes publication, struct delivery *ret_delivery)
{
    struct delivery d = *ret_delivery;
    struct bytes at = behind(publication, data);
    size_t size;
    if (!at.p || !payload_read(at, &d.number, &d.stamp_us, &size))
        return false;
    at = behind(from(at, size), offset);
    d.offset = at.p ? digits(at) : 0;
    *ret_delivery = d;
    return true;
}

enum line_kind scan_line(struct bytes line, struct delivery *ret_delivery)
{
    if (!bytes_starts(line, push))
        return bytes_equal(line, BYTES("{}")) ? LINE_PING : LINE_OTHER;
    struct bytes rest = from(line, push.n);
    const char *quote = memchr(rest.p, '"', rest.n);
    if (!quote)
        return LINE_OTHER;
    struct delivery d = {.channel = {rest.p, (size_t)(quote - rest.p)}};
    rest = from(rest, d.channel.n);
    if (!bytes_starts(rest, pub) || !scan_publication(rest, &d))
        return LINE_OTHER;
    *ret_delivery = d;
    return LINE_PUBLICATION;
}
