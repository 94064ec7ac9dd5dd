/* Where a connection comes from: an address in 16 bytes, IPv4 as ::ffff:a.b.c.d, whatever socket it came over. And lists
 * of networks, for `is it one of these`. Pure. */
#ifndef RUN_SOURCE_H
#define RUN_SOURCE_H

#include "core/buf.h"

struct address;

#define SOURCE_TEXT_MAX 46 /* bytes of its text, with its NUL */
#define NETWORKS_MAX 64

struct source {
    unsigned char bytes[16];
};

struct source source_of_ipv4(const unsigned char bytes[4]);
bool source_parse(struct bytes text, struct source *ret); /* what source_text writes, "" too. -> false: it is no address */
struct source source_of(const struct address *a); /* all zero: neither IPv4 nor IPv6, but a Unix socket */
bool source_is_none(struct source s);
/* What counts as one source: an IPv4 address, or the 64 bits of IPv6 that one subscriber is given. */
struct source source_block(struct source s);
void source_text(struct source s, char ret_text[SOURCE_TEXT_MAX]); /* "" of none */

struct networks {
    struct network {
        struct source first;
        unsigned bits; /* of 128 that have to be the same */
    } at[NETWORKS_MAX];
    unsigned n;
};

/* "10.0.0.0/8,192.168.1.7,fd00::/8"; "" is none. -> 0, or -EINVAL with the reason in ret_error */
int networks_parse(const char *text, struct networks *ret, struct buf *ret_error);
bool networks_have(const struct networks *all, struct source s);

#endif
