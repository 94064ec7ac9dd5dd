/* Sends what proxy.c asks. */
#include "gateway.h"
#include "proxy.h"

#include "run/http_client.h"

int proxy_send(struct gateway *g, const struct http_request *r, http_done *done, void *owner, struct http_transfer **ret_transfer)
{
    return http_client_send(g->http, r, done, owner, ret_transfer);
}

void proxy_unsend(struct http_transfer *t)
{
    http_transfer_cancel(t);
}
