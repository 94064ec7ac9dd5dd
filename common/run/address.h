/* The text of an address: "host:port", ":port" (to listen on all), "[::1]:port", or
 * "/path/of/unix.sock". */
#ifndef RUN_ADDRESS_H
#define RUN_ADDRESS_H

#include "core/buf.h"

#include <sys/socket.h>
#include <sys/un.h>

#define ADDRESSES_MAX 8 /* of one name; further ones are not tried */

struct address {
    socklen_t n;
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_storage storage;
    };
};

/* Numbers are understood without asking anybody; a name is asked of the resolver, which blocks
 * the caller, for seconds if it must (run/resolver.h does not). ret_error may be NULL.
 * -> number of addresses (1…ADDRESSES_MAX), or -EINVAL (it is no address), -EHOSTUNREACH (the
 * resolver has none) with the reason in ret_error */
int address_resolve(const char *text, bool to_listen,
                    struct address ret_addresses[ADDRESSES_MAX], struct buf *ret_error);
bool address_is_local(const char *text);   /* a Unix socket */
bool address_is_name(const char *text);    /* somebody has to be asked for it */
int address_port(const struct address *a); /* 0 for Unix */
/* "127.0.0.1", "::1"; "" for Unix */
void address_text(const struct address *a, char *ret_text, size_t size);

#endif
