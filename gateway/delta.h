/* What a subscription that asked for deltas is written of a publication (protocol.md 10.1): in JSON its payload as a string,
 * in Protobuf as ever; or what has changed since the one before.
 *
 *     written, in JSON  {"data":{"n":41},…}    {"data":"{\\"n\\":41}",…}    {"data":"8\\n6@0,1:2…;","delta":true,…}
 *     to                others                 the first, or any whose      who was told the publication before by this
 *                                              change is not smaller        very subscription
 *
 * The base is always the publication before, so a delta is made once for all of a channel's subscribers of one encoding, when
 * the first one is to be written it, and only of publications that want it (frame::wants_delta). Who was passed over, begins,
 * or reads on where the one before is not in memory gets the whole. Forms are kept as long as their frame, and are counted in
 * its ring. */
#ifndef GATEWAY_DELTA_H
#define GATEWAY_DELTA_H

#include "connection.h"

#define FORMS_PACKED (2 * (3 + ENCODINGS))

struct forms {
    struct frame_form *quoted;           /* the whole one in JSON; NULL until it is needed */
    struct frame_form *delta[ENCODINGS]; /* the same */
    bool no_delta[ENCODINGS];            /* it would not be smaller */
    struct frame_form *packed[FORMS_PACKED]; /* whole pushes, compressed (parcel.h) */
};
struct forms *delta_forms(struct frame *f); /* made if there are none */

size_t forms_bytes(const struct forms *f); /* NULL: 0 */
void forms_free(struct forms *f);          /* NULL is fine */

/* What f, the next one of s, is written as to a subscription with deltas. */
struct bytes delta_choose(const struct sub *s, struct frame *f);
/* The same to any: the publication as it stands in a message of the connection's encoding. Lives as long as f. */
static inline struct bytes delta_form(const struct sub *s, struct frame *f)
{
    return s->deltas ? delta_choose(s, f) : frame_in(f, s->connection->encoding);
}

void delta_count_forms(struct gateway *g, const struct frame *f, struct bytes form);

/* It was written as that. */
static inline void delta_count(struct gateway *g, const struct frame *f, struct bytes form)
{
    if (f->forms)
        delta_count_forms(g, f, form);
}

#endif
