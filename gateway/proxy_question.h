/* What an application is told of an event, as the JSON of protocol.md 16. */
#ifndef GATEWAY_PROXY_QUESTION_H
#define GATEWAY_PROXY_QUESTION_H

#include "core/buf.h"

enum proxy_event {
#define PROXY(NAME, name) PROXY_##NAME,
#include "proxy.def"
#undef PROXY
    PROXY_EVENTS
};

struct proxy_question {
    enum proxy_event event;
    struct bytes client, transport, protocol, user; /* of the connection; text */
    struct bytes meta;                              /* of the connection: JSON, or empty */
    struct bytes channel, method, token;            /* text; left out when empty */
    struct bytes name, version;                     /* connect; text; the same */
    struct bytes channels;                          /* connect: an array of JSON strings, or empty */
    struct bytes data;                              /* as it came, or empty */
    bool binary;                                    /* data goes as Base64: it is wanted so, or no JSON */
};

const char *proxy_event_name(enum proxy_event event);
void proxy_question_json(struct buf *into, const struct proxy_question *q);

#endif
