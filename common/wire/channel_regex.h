/* The namespace's option channel_regex: a POSIX extended expression that must be found in what stands behind the namespace of a
 * channel that a client names (protocol.md 13.1). Beside POSIX, \w \W \s \S and \b; other letters behind a backslash, which
 * other dialects have and POSIX would take for the letter, are refused. */
#ifndef WIRE_CHANNEL_REGEX_H
#define WIRE_CHANNEL_REGEX_H

#include "core/buf.h"

struct channel_regex;

/* -> NULL with the reason in ret_why */
struct channel_regex *channel_regex_new(struct bytes pattern, struct buf *ret_why);
void channel_regex_free(struct channel_regex *r); /* NULL is fine */
/* name: behind the tenant */
bool channel_regex_matches(const struct channel_regex *r, struct bytes name);

#endif
