/* What of HTTP/1.1 libwebsockets leaves to who serves by it. */
#ifndef RUN_HTTP1_H
#define RUN_HTTP1_H

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

/* RFC 9110 10.1.1, for a client that waits for it with its body: curl does for a second, then sends it all the same. -> 0, or -1: the socket is lost */
static inline int http1_continue(struct lws *wsi)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    unsigned char b[LWS_PRE + sizeof line - 1];
    memcpy(b + LWS_PRE, line, sizeof line - 1);
    return lws_write(wsi, b + LWS_PRE, sizeof line - 1, LWS_WRITE_HTTP) < 0 ? -1 : 0;
}

#endif
