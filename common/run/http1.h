/* What of HTTP/1.1 libwebsockets leaves to who serves by it. */
#ifndef RUN_HTTP1_H
#define RUN_HTTP1_H

#include "core/bytes.h"

#include <libwebsockets.h>
#include <string.h>
#include <strings.h>

/* An upgrade to what is not spoken is to be taken for none (RFC 9110 7.8). Java's HttpClient asks for h2c, which libwebsockets would speak, with each
 * request; to anything but that and a WebSocket it has answered 403 by itself. In LWS_CALLBACK_HTTP_CONFIRM_UPGRADE, of which `to` is `in`: libwebsockets
 * looks once more at what stands there. -> what the callback is to return */
static inline int http1_pass_over(char *to)
{
    if (strcasecmp(to, "h2c") != 0)
        return -1;
    *to = '-';
    return 0;
}

/* Whether libwebsockets does not give a request's header of that name to anybody. It follows a name through those that it knows, and notices at the
 * colon only that one which is the beginning of another (X-Auth, of X-Auth-Token) is none of them: that colon and what follows it up to the next one it
 * takes for the rest of the name, so that the header behind is lost as well. What begins with put, patch, delete or uri-args is a method, or a part of
 * the URL, to it, and Sec-WebSocket-Origin is Origin. */
static inline bool http1_loses(struct bytes name)
{
    const char *known;
    bool loses = false;
    for (int i = 0; (known = (const char *)lws_token_to_string((enum lws_token_indexes)i)); i++) {
        size_t n = strlen(known), same = name.n < n ? name.n : n;
        if (n == 0 || strncasecmp(known, name.p, same) != 0)
            continue;
        if (name.n + 1 == n && known[n - 1] == ':')
            return strcasecmp(known, "sec-websocket-origin:") == 0;
        loses = true; /* one is the beginning of the other */
    }
    return loses;
}

/* RFC 9110 10.1.1, for a client that waits for it with its body: curl does for a second, then sends it all the same. -> 0, or -1: the socket is lost */
static inline int http1_continue(struct lws *wsi)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    unsigned char b[LWS_PRE + sizeof line - 1];
    memcpy(b + LWS_PRE, line, sizeof line - 1);
    return lws_write(wsi, b + LWS_PRE, sizeof line - 1, LWS_WRITE_HTTP) < 0 ? -1 : 0;
}

#endif
