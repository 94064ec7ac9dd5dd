/* The gateway's plain HTTP, and who may upgrade:
 *     /connection/websocket, /t/TENANT/connection/websocket   upgrade (plain GET: 426)
 *     /api, /api/METHOD       the HTTP API (api.h)
 *     /health                 200 {} while the loop turns
 *     /ready                  200 {} or 503 {"reason":"…"}: what a balancer asks
 * Everything else is 404.
 *
 * An upgrade is refused before it happens: 404 path or tenant unknown, 400 no subprotocol in common (centrifuge-json and
 * centrifuge-protobuf are echoed, none is JSON; ?format=protobuf and ?cf_protocol=protobuf are Protobuf whatever is
 * offered), 403 Origin not allowed, 503 no room. Before the first configuration no Origin can be judged: those with one are 503. */
#ifndef GATEWAY_HTTP_H
#define GATEWAY_HTTP_H

#include "ws.h"

extern const struct ws_handlers http_handlers;

/* TENANT of /t/TENANT/connection/websocket; empty for /connection/websocket. -> false: neither */
bool http_path_tenant(struct bytes path, struct bytes *ret_tenant);

#endif
