#include "proxy_header.h"

#include <assert.h>
#include <errno.h>

#define TLV_HEAD 3

enum { LOCAL = 0, PROXY = 1 };
enum { FAMILY_NONE = 0, FAMILY_IPV4 = 1, FAMILY_IPV6 = 2, FAMILY_UNIX = 3 };
enum { TRANSPORT_NONE = 0, TRANSPORT_STREAM = 1 };

static const unsigned char signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
static const unsigned address_bytes[] = {
    [FAMILY_NONE] = 0, [FAMILY_IPV4] = 12, [FAMILY_IPV6] = 36, [FAMILY_UNIX] = 216};

static unsigned big_endian(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

int proxy_header_wants(const struct proxy_header *h)
{
    unsigned n = h->n < sizeof signature ? h->n : (unsigned)sizeof signature;
    if (memcmp(h->bytes, signature, n) != 0)
        return -EBADMSG;
    if (h->n < PROXY_HEAD)
        return (int)(PROXY_HEAD - h->n);
    unsigned whole = PROXY_HEAD + big_endian(h->bytes + 14);
    return whole > PROXY_HEADER_MAX ? -EBADMSG : (int)(whole - h->n);
}

static bool adds_up(const unsigned char *at, unsigned n)
{
    while (n >= TLV_HEAD) {
        unsigned used = TLV_HEAD + big_endian(at + 1);
        if (used > n)
            return false;
        at += used;
        n -= used;
    }
    return n == 0;
}

int proxy_header_read(const struct proxy_header *h, struct source *ret_source)
{
    unsigned version = h->bytes[12] >> 4, command = h->bytes[12] & 15;
    unsigned family = h->bytes[13] >> 4, transport = h->bytes[13] & 15;
    unsigned n = h->n - PROXY_HEAD;
    assert(proxy_header_wants(h) == 0);
    if (version != 2 || command > PROXY)
        return -EBADMSG;
    if (command == LOCAL) /* what it says of addresses is to be skipped, whatever it is */
        return PROXY_OWN;
    if (family > FAMILY_UNIX || transport > TRANSPORT_STREAM || (family == FAMILY_NONE) != (transport == TRANSPORT_NONE))
        return -EBADMSG;
    if (n < address_bytes[family] || !adds_up(h->bytes + PROXY_HEAD + address_bytes[family], n - address_bytes[family]))
        return -EBADMSG;
    if (family == FAMILY_IPV4)
        *ret_source = source_of_ipv4(h->bytes + PROXY_HEAD);
    else if (family == FAMILY_IPV6)
        memcpy(ret_source->bytes, h->bytes + PROXY_HEAD, sizeof ret_source->bytes);
    return family == FAMILY_IPV4 || family == FAMILY_IPV6 ? PROXY_ADDRESS : PROXY_OWN;
}
