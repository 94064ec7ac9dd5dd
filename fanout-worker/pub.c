#include "pub.h"

#include <assert.h>
#include <stdlib.h>

struct pub *pub_new(struct bytes channel, const struct publication *fields)
{
    struct publication with = *fields;
    with.sent_us = 0;
    struct buf inner = {0}, body = {0};
    wire_put_publication(&inner, &with);
    wire_put_fan_publication(
        &body, &(struct fan_publication){.channel = channel, .publication = buf_bytes(&inner)});
    struct pub *p = malloc(sizeof *p + body.n);
    assert(p);
    *p = (struct pub){
        .refs = 1,
        .n = (uint32_t)body.n,
        .inner_at = (uint32_t)(body.n - inner.n),
        .epoch = fields->epoch,
        .seq = fields->seq,
        .removal = fields->format & FORMAT_REMOVAL,
    };
    memcpy(p->body, body.p, body.n);
    buf_fini(&inner);
    buf_fini(&body);
    return p;
}

struct pub *pub_ref(struct pub *p)
{
    p->refs++;
    return p;
}

struct pub *pub_unref(struct pub *p)
{
    if (!p)
        return NULL;
    assert(p->refs > 0);
    if (--p->refs == 0)
        free(p);
    return NULL;
}
