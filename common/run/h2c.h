/* An upgrade to what is not spoken is to be taken for none (RFC 9110 7.8). Java's HttpClient asks for h2c, which libwebsockets would speak, with each
 * request; to anything but that and a WebSocket it has answered 403 by itself. */
#ifndef RUN_H2C_H
#define RUN_H2C_H

#include <strings.h>

/* In LWS_CALLBACK_HTTP_CONFIRM_UPGRADE, of which `to` is `in`: libwebsockets looks once more at what stands there. -> what the callback is to return */
static inline int h2c_pass_over(char *to)
{
    if (strcasecmp(to, "h2c") != 0)
        return -1;
    *to = '-';
    return 0;
}

#endif
