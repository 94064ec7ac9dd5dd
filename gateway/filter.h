/* What a subscription wants to be told of, by the tags of publications (protocol.md 10.2). What it does not let through is
 * passed over: the cursor moves, nothing is written.
 *
 *     filter = {"key":k,"cmp":c,"val":v} | {"key":k,"cmp":"in","vals":[v,…]} | {"op":"and"|"or"|"not","nodes":[filter,…]}
 *
 * Equal texts are one filter, whatever channel or client they are of, which remembers what it said of the last few
 * publications: what a thousand subscribers filter alike is judged once.
 * Bounds: --filter-nodes, --filter-depth, --filter-bytes; beyond them, and where it makes no sense, it is none (error 107). */
#ifndef GATEWAY_FILTER_H
#define GATEWAY_FILTER_H

#include "sub.h"

struct filter;

struct filter_bounds {
    uint32_t nodes, depth; /* most */
    size_t bytes;          /* of the text */
};

/* Takes checked JSON. -> 0 and a filter with one reference, or -EBADMSG and why */
int filter_new(struct bytes text, const struct filter_bounds *most, struct filter **ret, const char **ret_why);
void filter_free(struct filter *f);
bool filter_passes(struct filter *f, const struct tags *t);

/* Puts the FilterNode as that JSON; what is none becomes null, which is no filter. */
void filter_from_protobuf(struct bytes message, struct buf *into);

/* ---- those of a gateway's subscriptions */
/* The one of that text; as filter_new. */
int filter_ref(struct gateway *g, struct bytes text, struct filter **ret, const char **ret_why);
void filter_unref(struct gateway *g, struct filter *f); /* NULL is fine */

/* f, the next one of s, is not for it: passes it over. A removal is for nobody. */
bool filter_pass_over(struct sub *s, struct frame *f);

static inline bool filter_drops(struct sub *s, struct frame *f)
{
    return (s->filtered || f->removal) && filter_pass_over(s, f);
}

#endif
