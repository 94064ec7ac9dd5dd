/* libwebsockets as this gateway sets it up: on a libev loop, one thread, no listener (sockets are adopted), none of its
 * timers per connection, and as little memory for each as it can do with. tests/bench/bare_ws.c measures what a
 * connection costs in libwebsockets alone with the very same settings. */
#ifndef GATEWAY_WS_CONTEXT_H
#define GATEWAY_WS_CONTEXT_H

#include "tls.h"

#include <ev.h>
#include <libwebsockets.h>

struct ws_context {
    struct lws_context *context;
    struct lws_vhost *plain, *secure; /* where sockets are adopted to; secure NULL: no TLS */
    lws_callback_function *callback;
    struct tls *tls;
    struct lws_protocols protocols[3];
};

/* tls, extensions: NULL, none. callback: of all connections. -> 0, or -EIO; libwebsockets has said why in its log. c stays where it is until fini. */
int ws_context_init(struct ws_context *c, struct ev_loop *loop, struct tls *tls, const struct lws_extension *extensions,
                    size_t headers_max, lws_callback_function *callback);
void ws_context_fini(struct ws_context *c); /* cuts what is still open: the callback is called */
/* Takes the descriptor of an accepted client. -> NULL when it could not, and the descriptor is closed */
struct lws *ws_context_adopt(struct ws_context *c, int fd, bool secure);

#endif
