/* A message to a connection that takes compressed ones (deflate.h), put together in struct gateway::outgoing. It is plain, and
 * stays so when nothing in it is worth it (--compression-min); from the first publication on that is, it is made of pieces:
 * publications as they were compressed once for all that get the same (struct forms::packed), anything else stored. */
#ifndef GATEWAY_PARCEL_H
#define GATEWAY_PARCEL_H

#include "connection.h"

struct parcel {
    bool packed;       /* made of pieces */
    bool segment_last; /* of which the last one is compressed */
};

/* Behind whatever stands in b since WS_HEAD. form: of f, what s is written (delta_form). */
void parcel_put(struct parcel *p, struct buf *b, struct sub *s, struct frame *f, struct bytes form, bool late);
/* Nothing more comes: without the separator that b would end with. -> whether it is compressed; p begins anew */
bool parcel_end(struct parcel *p, enum encoding e, struct buf *b);

#endif
