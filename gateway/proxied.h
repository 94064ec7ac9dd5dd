/* What a tenant's application is told of one connection with every event, besides what all connections have: headers of
 * its request (proxy_http_headers), and its meta. Few connections have any: it hangs from their extras, and its size is
 * bounded: --proxy-headers-max, names too. */
#ifndef GATEWAY_PROXIED_H
#define GATEWAY_PROXIED_H

#include "connection.h"

#define FORWARDED_FOR "x-forwarded-for"

struct proxied {
    struct buf headers; /* "name: value\0" each, in lower case */
    struct buf meta;    /* JSON */
    bool cut;           /* the request had a header that is not among them: it was too much */
};

/* A header of the request from which the connection came; name in lower case. What is not to be forwarded is left out. */
void proxied_header(struct connection *c, struct bytes name, struct bytes value);
/* A connect's `headers`, an object of strings: those that the tenant forwards and the request had not; none when it can't be
 * told what the request had.
 * -> false: it is none, or too much */
bool proxied_emulated(struct connection *c, struct bytes headers, struct texts names);
void proxied_set_meta(struct connection *c, struct bytes meta); /* JSON, or empty */

struct bytes proxied_meta(const struct connection *c); /* or empty */
/* -> the next line "name: value" whose name is among these and not x-forwarded-for, or NULL at the end. at: 0 at the beginning */
const char *proxied_next_header(const struct connection *c, struct texts names, size_t *at);
/* "x-forwarded-for: a, b": whose the connection is, as far as we were told (ws_source), and in front of it, if the name is
 * among these, what the request had. As each proxy on a way adds who came to it. Nothing, when nothing is known. */
void proxied_forwarded_for(const struct connection *c, struct texts names, struct buf *into);

void proxied_free(struct proxied *p); /* NULL is fine */

#endif
