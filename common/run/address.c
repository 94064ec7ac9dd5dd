#include "run/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

bool address_is_local(const char *text)
{
    return text[0] == '/';
}

static int refuse(struct buf *ret_error, int error, const char *text, const char *why)
{
    if (ret_error)
        buf_printf(ret_error, "\"%s\" %s", text, why);
    return error;
}

static int local_address(const char *text, struct address *ret, struct buf *ret_error)
{
    size_t n = strlen(text);
    if (n >= sizeof ret->local.sun_path)
        return refuse(ret_error, -EINVAL, text,
                      "is too long for the path of a Unix socket (107 bytes)");
    *ret = (struct address){.n = sizeof ret->local};
    ret->local.sun_family = AF_UNIX;
    memcpy(ret->local.sun_path, text, n + 1);
    return 1;
}

/* Splits at the last colon; brackets of an IPv6 address are taken off. */
static bool split(const char *text, char *ret_host, size_t host_size, const char **ret_port)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (!colon || !bytes_u64(bytes_str(colon + 1), &port) || port > 65535)
        return false;
    size_t n = (size_t)(colon - text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']')
        text++, n -= 2;
    else if (memchr(text, ':', n))
        return false;
    if (n >= host_size)
        return false;
    memcpy(ret_host, text, n);
    ret_host[n] = 0;
    *ret_port = colon + 1;
    return true;
}

static int lookup(const char *host, const char *port, bool to_listen,
                  struct addrinfo **ret_found)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    if (to_listen)
        hints.ai_flags |= AI_PASSIVE;
    int error = getaddrinfo(host[0] ? host : NULL, port, &hints, ret_found);
    if (error != EAI_NONAME || !host[0])
        return error;
    hints.ai_flags &= ~AI_NUMERICHOST;
    return getaddrinfo(host, port, &hints, ret_found);
}

int address_resolve(const char *text, bool to_listen,
                    struct address ret_addresses[ADDRESSES_MAX], struct buf *ret_error)
{
    char host[256];
    const char *port;
    struct addrinfo *found;
    if (address_is_local(text))
        return local_address(text, ret_addresses, ret_error);
    if (!split(text, host, sizeof host, &port))
        return refuse(ret_error, -EINVAL, text,
                      "is no address: host:port, [IPv6]:port, :port or /path");
    int error = lookup(host, port, to_listen, &found);
    if (error)
        return refuse(ret_error, -EHOSTUNREACH, text, gai_strerror(error));
    int n = 0;
    for (struct addrinfo *at = found; at && n < ADDRESSES_MAX; at = at->ai_next) {
        ret_addresses[n] = (struct address){.n = at->ai_addrlen};
        memcpy(&ret_addresses[n++].storage, at->ai_addr, at->ai_addrlen);
    }
    freeaddrinfo(found);
    return n;
}

bool address_is_name(const char *text)
{
    char host[256];
    const char *port;
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    if (address_is_local(text) || !split(text, host, sizeof host, &port) || !host[0])
        return false;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error == 0)
        freeaddrinfo(found);
    return error == EAI_NONAME;
}

int address_port(const struct address *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&a->storage)->sin_port);
    if (a->any.sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&a->storage)->sin6_port);
    return 0;
}

void address_text(const struct address *a, char *ret_text, size_t size)
{
    ret_text[0] = 0;
    if (a->any.sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)&a->storage)->sin_addr, ret_text,
                  (socklen_t)size);
    if (a->any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&a->storage)->sin6_addr, ret_text,
                  (socklen_t)size);
}
