#include "head.h"

#include <stdint.h>
#include <strings.h>

#define ENTRY_HEAD 8 /* bytes in front of a name */

#define NO_NAME "a line of the head is no header: a name, and a colon right behind it\n"
#define IS_LOST "a header in front of one that the request needs has a name that can not be read (deploy/proxies.md)\n"

static bool is_end(struct bytes left)
{
    static const char end[] = "\0\0\0\0\0\0\0\0\r\n";
    return left.n < sizeof end - 1 || memcmp(left.p, end, sizeof end - 1) == 0;
}

static size_t u16(const char *p)
{
    return (size_t)(uint8_t)p[0] << 8 | (uint8_t)p[1];
}

/* A header that libwebsockets does not know. -> whether one begins here */
static bool take_entry(struct bytes *left, struct bytes *ret_name)
{
    size_t name_n = u16(left->p), used = ENTRY_HEAD + name_n + u16(left->p + 2);
    if (name_n == 0 || used > left->n || left->p[ENTRY_HEAD + name_n - 1] != ':')
        return false;
    *ret_name = bytes_of(left->p + ENTRY_HEAD, name_n);
    *left = bytes_of(left->p + used, left->n - used);
    return true;
}

static void skip_value(struct bytes *left)
{
    const char *nul = memchr(left->p, 0, left->n);
    size_t used = nul ? (size_t)(nul - left->p) + 1 : left->n;
    *left = bytes_of(left->p + used, left->n - used);
}

static size_t token_length(struct bytes s)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
    size_t n = 0;
    while (n < s.n && s.p[n] && strchr(allowed, s.p[n]))
        n++;
    return n;
}

/* What says where a request ends, what it is to become, and from where it comes. */
static bool is_needed(struct bytes name)
{
    static const char *const names[] = {"content-length:", "transfer-encoding:", "connection:", "upgrade:", "expect:", "origin:"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bytes_is(name, names[i]))
            return true;
    return bytes_starts(name, BYTES("sec-websocket-"));
}

/* name: with what was taken for a part of it, up to a colon */
static const char *name_fault(struct bytes name)
{
    size_t n = token_length(name);
    if (n == 0 || name.p[n] != ':')
        return NO_NAME;
    const char *line = memrchr(name.p, '\n', name.n);
    if (!line)
        return NULL;
    struct bytes lost = bytes_of(line + 1, name.n - (size_t)(line + 1 - name.p));
    if (token_length(lost) != lost.n - 1 || memmem(name.p, name.n, "\n\r\n", 3) || memmem(name.p, name.n, "\n\n", 2))
        return NO_NAME;
    return is_needed(lost) ? IS_LOST : NULL;
}

const char *head_fault(struct bytes kept)
{
    const char *why = NULL;
    struct bytes name;
    while (!why && !is_end(kept)) {
        if (take_entry(&kept, &name))
            why = name_fault(name);
        else
            skip_value(&kept);
    }
    return why;
}
