/* The HTTP API (protocol.md 15) over ops.h: publish, broadcast, history, presence,
 * presence_stats, channels, info, connections, disconnect, unsubscribe, subscribe, refresh, batch, as POST /api/METHOD, or POST
 * /api with {"method":…,"params":…}.
 *
 * The gateway's HTTP side reads a whole request (at most API_BODY_MAX, else 413 by itself),
 * calls api_handle, and writes what `done` brings: status, Content-Type, body; `detail`, where
 * it is not empty, as the header X-Cellcast-Detail, since the error messages of the protocol
 * are fixed texts and a developer wants to know more.
 *
 * A key belongs to one tenant or to all. For a key of tenant x `news` is x/news and another
 * tenant's channel is error 103; for a key of all tenants `news` is default/news and `x/news`
 * is x's. Channels of tenant `cellcast` can be read, not published to (103): what they carry
 * decides /ready.
 *
 * Beyond or beside Centrifugo:
 *
 *   publish, broadcast
 *     after: an array of at most 8 references "channel@seq", in any spelling, same tenant
 *     tags: not with the keys id and after, which are ours (107)
 *     b64data: wins over data; in a json namespace it must decode to JSON
 *     data in a binary namespace: the bytes of the JSON text
 *     skip_history, delta: taken, and change nothing (every message of a durable channel is in
 *     the log; there are no deltas)
 *     in an ephemeral namespace: after or idempotency_key is error 108, the result is empty
 *     version above 0: error 108; to drop that promise silently would deliver what the caller
 *     wants dropped
 *
 *   history
 *     binary payloads are shown as "b64data"
 *
 *   disconnect, unsubscribe, subscribe, refresh
 *     user, client or session is needed (107)
 *     tenant: for keys of all tenants, "default" if left out
 *     subscribe: who has the channel already keeps it as it is
 *     refresh: with neither expired nor expire_at the connections never expire
 *
 *   connections: {"user":"u","limit":100,"cursor":"…"} → {"connections":{"CLIENT":{"app_name","app_version","transport",
 *     "protocol","user","state":{"channels":{"news":{}}}}},"next":"…"}; without a user everybody's; for keys of all
 *     tenants "tenant" besides; at most --api-page-max a page (107)
 *
 *   history_remove
 *     takes a place (offset) among the publications: who recovers from below it does not; history off: 108
 *   rpc: 104
 *   other methods: HTTP 404; in a batch or in POST /api error 104
 *
 * Keys that are not known are ignored; null is as good as absent, but as data it is a value; a
 * known key with a wrong type is error 107 with HTTP status 400 (in a batch 107 alone).
 * broadcast publishes in the order of its channels; batch runs its commands one after the
 * other, with "parallel":true up to API_WINDOW at once. */
#ifndef GATEWAY_API_H
#define GATEWAY_API_H

#include "config.h"
#include "ops.h"

#define API_BODY_MAX (1 << 20) /* bytes of a request's body */
#define API_WINDOW 64          /* operations of one request in flight at once */
#define API_TAGS_MAX 16384     /* bytes of tags; more: 107 */
#define API_KEY_MAX 255        /* bytes of an idempotency key; more: 107 */

#define API_ERRORS_TRANSPORT "transport" /* an error_mode: errors are statuses */

struct api_request {
    const struct config *config; /* a reference is taken */
    struct bytes http_method;    /* "POST" */
    struct bytes path;           /* "/api" or "/api/publish", without the query */
    struct bytes query;          /* behind the ?, as it came; may be empty */
    struct bytes api_key;        /* header X-API-Key, or empty */
    struct bytes authorization;  /* header Authorization, or empty */
    struct bytes error_mode;     /* header X-Centrifugo-Error-Mode, or as the option says */
    struct bytes body;
    uint64_t now_ms; /* ms since 1970 */
};

/* Borrowed for the call of done. */
struct api_answer {
    int status;
    const char *content_type;
    struct bytes body;
    struct bytes detail; /* printable ASCII, one line, or empty */
    const char *method;  /* "publish" …, for metrics; "" when there was none */
    uint32_t code;       /* error of the request as a whole, or 0 */
};

struct api_call;
typedef void api_done_fn(void *ctx, const struct api_answer *answer);

/* Whether the path is the API's: /api and what begins with /api/. */
bool api_is_path(struct bytes path);
/* Everything in `request` is copied where it is needed longer. done is called exactly once,
 * possibly before this returns. -> the call while it is under way; NULL when done has been
 * called already */
struct api_call *api_handle(struct gateway *g, const struct api_request *request,
                            api_done_fn *done, void *ctx);
/* The asker is gone: forgets the call, done is not called. What was handed on to be published
 * goes on. Only for a call whose done has not been called. */
void api_cancel(struct api_call *call);

#endif
