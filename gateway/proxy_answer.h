/* What an application answers to a proxied event (protocol.md 16), taken apart:
 *
 *     {"result":{…}} | {"error":{"code":…,"message":"…","temporary":true}} | {"disconnect":{"code":…,"reason":"…"}}
 *
 * A disconnect goes before an error, an error before a result; one of them has to be there. Members that are not known are
 * ignored, null is as good as absent, a wrong type makes the whole answer none. Base64 wins over its plain sister. */
#ifndef GATEWAY_PROXY_ANSWER_H
#define GATEWAY_PROXY_ANSWER_H

#include "config.h"

/* Of all events; each reads its own. Slices point into the body, or into the answer's memory. */
struct proxy_result {
    struct bytes user, key;                      /* text */
    struct bytes info, data;                     /* JSON, or empty */
    struct bytes tags, meta, override, subs;     /* objects, or empty */
    struct bytes channels;                       /* an array, or empty */
    int64_t expire_at;                           /* s since 1970; 0: never */
    uint64_t version;
    bool expired;
};

struct proxy_answer {
    uint32_t error;        /* 0: none */
    bool temporary;
    uint32_t disconnect;   /* 0: none */
    struct bytes text;     /* of the error, or the disconnect's reason */
    struct proxy_result result; /* when both are 0 */
    struct buf memory;
};

/* status: of HTTP; 200 or what the transforms make of it. ret: any memory; proxy_answer_fini is needed in any case.
 * -> 0, or -EBADMSG with the reason: it is no answer */
int proxy_answer_read(int status, struct bytes body, struct texts transforms, struct proxy_answer *ret, const char **ret_why);
void proxy_answer_fini(struct proxy_answer *a);

#endif
