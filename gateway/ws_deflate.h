/* permessage-deflate on the wire: an extension of libwebsockets that negotiates it (no context takeover, either way), marks
 * what was compressed already (deflate.h) and leaves every payload as it is. libwebsockets' own compresses for each connection
 * by itself, with a state for each. */
#ifndef GATEWAY_WS_DEFLATE_H
#define GATEWAY_WS_DEFLATE_H

#include <libwebsockets.h>
#include <stdbool.h>

/* What the extension keeps for a connection, in its struct ws_socket. */
struct ws_deflate {
    bool agreed;   /* with the client */
    bool marks;    /* the message that is being written is compressed */
    bool inflates; /* the one that is coming in */
};

extern const struct lws_extension ws_deflate_extensions[]; /* for a vhost */

/* Of that connection; NULL: none. Given by ws.c, which knows its sockets. */
struct ws_deflate *ws_deflate_of(struct lws *wsi);

/* LWS_CALLBACK_CONFIRM_EXTENSION_OKAY: -> 0 to take what the client offers, else 1 */
int ws_deflate_confirm(struct lws *wsi);
/* LWS_CALLBACK_ADD_HEADERS of the answer to an upgrade. -> 0, or -1: no room */
int ws_deflate_answer(struct ws_deflate *d, struct lws_process_html_args *headers);

#endif
