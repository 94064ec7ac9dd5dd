#include "run/source.h"

#include "run/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#define MAPPED_BITS 96 /* in front of an IPv4 address */

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_ipv4(struct source s)
{
    return memcmp(s.bytes, mapped, sizeof mapped) == 0;
}

struct source source_of_ipv4(const unsigned char bytes[4])
{
    struct source s;
    memcpy(s.bytes, mapped, sizeof mapped);
    memcpy(s.bytes + sizeof mapped, bytes, 4);
    return s;
}

struct source source_of(const struct address *a)
{
    struct source s = {0};
    if (a->any.sa_family == AF_INET)
        return source_of_ipv4((const unsigned char *)&((const struct sockaddr_in *)&a->storage)->sin_addr);
    if (a->any.sa_family == AF_INET6)
        memcpy(s.bytes, &((const struct sockaddr_in6 *)&a->storage)->sin6_addr, sizeof s.bytes);
    return s;
}

bool source_is_none(struct source s)
{
    static const struct source none;
    return memcmp(&s, &none, sizeof s) == 0;
}

struct source source_block(struct source s)
{
    if (!is_ipv4(s))
        memset(s.bytes + 8, 0, 8);
    return s;
}

void source_text(struct source s, char ret_text[SOURCE_TEXT_MAX])
{
    ret_text[0] = 0;
    if (is_ipv4(s))
        inet_ntop(AF_INET, s.bytes + sizeof mapped, ret_text, SOURCE_TEXT_MAX);
    else if (!source_is_none(s))
        inet_ntop(AF_INET6, s.bytes, ret_text, SOURCE_TEXT_MAX);
}

static bool parse(const char *text, struct source *ret)
{
    unsigned char v4[4];
    if (inet_pton(AF_INET, text, v4) == 1)
        *ret = source_of_ipv4(v4);
    else
        return inet_pton(AF_INET6, text, ret->bytes) == 1;
    return true;
}

bool source_parse(struct bytes text, struct source *ret)
{
    char copy[SOURCE_TEXT_MAX];
    *ret = (struct source){0};
    if (text.n == 0)
        return true;
    if (text.n >= sizeof copy || memchr(text.p, 0, text.n))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    return parse(copy, ret);
}

/* ---- networks */

static bool same_bits(struct source a, struct source b, unsigned bits)
{
    unsigned whole = bits / 8, left = bits % 8;
    unsigned char mask = (unsigned char)(0xff00 >> left);
    return memcmp(a.bytes, b.bytes, whole) == 0 && (left == 0 || ((a.bytes[whole] ^ b.bytes[whole]) & mask) == 0);
}

/* item: "address" or "address/bits", NUL-ended; is taken apart. */
static bool parse_one(char *item, struct network *ret)
{
    uint64_t bits;
    char *slash = strchr(item, '/');
    if (slash)
        *slash = 0;
    if (!parse(item, &ret->first))
        return false;
    bool is_v4 = !strchr(item, ':');
    unsigned most = is_v4 ? 32 : 128;
    if (!slash)
        bits = most;
    else if (!bytes_u64(bytes_str(slash + 1), &bits) || bits > most)
        return false;
    ret->bits = (unsigned)bits + (is_v4 ? MAPPED_BITS : 0);
    return true;
}

int networks_parse(const char *text, struct networks *ret, struct buf *ret_error)
{
    struct networks all = {0};
    for (const char *at = text; *at;) {
        char item[64];
        size_t n = strcspn(at, ",");
        snprintf(item, sizeof item, "%.*s", (int)n, at);
        if (all.n == NETWORKS_MAX) {
            buf_printf(ret_error, "more than %d networks", NETWORKS_MAX);
            return -EINVAL;
        }
        if (n >= sizeof item || !parse_one(item, &all.at[all.n])) {
            buf_printf(ret_error, "\"%.*s\" is no address and no network: 10.0.0.7, 10.0.0.0/8, fd00::/8", (int)n, at);
            return -EINVAL;
        }
        all.n++;
        at += n + (at[n] == ',');
    }
    *ret = all;
    return 0;
}

bool networks_have(const struct networks *all, struct source s)
{
    for (unsigned i = 0; i < all->n; i++)
        if (same_bits(all->at[i].first, s, all->at[i].bits))
            return true;
    return false;
}
