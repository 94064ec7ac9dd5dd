/* The gateway's plain HTTP, and who may be connected how:
 *     /connection/NAME        of each transport (transport.def): upgrade (plain GET: 426), or GET or POST of a stream
 *     /connection/init        200 {}: for a balancer's cookie
 *     /emulation              commands of those that have a stream (emulation.h)
 *     /t/TENANT/…             these, for that tenant; else the token says whose the client is, or it is `default`'s
 *     /api, /api/METHOD       the HTTP API (api.h)
 *     /health                 200 {} while the loop turns
 *     /ready                  200 {} or 503 {"reason":"…"}: what a balancer asks
 * Everything else is 404.
 *
 * A connection is refused before there is one: 404 path or tenant unknown, 403 Origin not allowed, 405 method, 503 no room;
 * an upgrade without a subprotocol in common 400 (centrifuge-json and centrifuge-protobuf are echoed, none is JSON;
 * ?format=protobuf and ?cf_protocol=protobuf are Protobuf whatever is offered), a GET of a stream without its ?cf_connect= too.
 * Before the first configuration no Origin can be judged: those with one are 503. A stream, and /emulation, is in Protobuf where
 * the Content-Type is application/octet-stream; SSE and one-way transports are JSON always.
 *
 * Pages of the tenant's allowed_origins may read all of the above but /api, /health and /ready, with credentials, and ask so
 * before (OPTIONS, 204). */
#ifndef GATEWAY_HTTP_H
#define GATEWAY_HTTP_H

#include "ws.h"

extern const struct ws_handlers http_handlers;

/* /t/TENANT/REST, or /REST: then the tenant is empty. -> false: no tenant could be called that */
bool http_path(struct bytes path, struct bytes *ret_tenant, struct bytes *ret_rest);

#endif
