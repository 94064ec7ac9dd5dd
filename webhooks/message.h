/* What is POSTed: the body, and its signature. Pure. deploy/webhooks.md is its reference.
 *
 *     {"time_ms":…,"tenant":"acme","dropped":0,"events":[{"id":"7","name":"channel_occupied","time_ms":…,"channel":"news"}, …]}
 */
#ifndef WEBHOOKS_MESSAGE_H
#define WEBHOOKS_MESSAGE_H

#include "core/buf.h"

#define SIGNATURE_HEX 64 /* characters of an HMAC-SHA256 in hexadecimal */

struct event {
    int64_t id;
    int64_t time_ms;     /* when it happened, ms since 1970, database's clock */
    struct bytes name;   /* channel_occupied … */
    struct bytes detail; /* a JSON object: whose members it gets */
};

/* begin, then each event, then end. time_ms: of this try, so that what is older is a replay. */
void message_begin(struct buf *body, struct bytes tenant, int64_t time_ms, int64_t dropped);
void message_event(struct buf *body, const struct event *e);
void message_end(struct buf *body);

void message_sign(struct bytes key, struct bytes body, char ret_hex[SIGNATURE_HEX + 1]);

#endif
