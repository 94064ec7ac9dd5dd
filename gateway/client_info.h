/* Who published, joined or is present (protocol.md 2, ClientInfo). It is kept and carried as JSON. */
#ifndef GATEWAY_CLIENT_INFO_H
#define GATEWAY_CLIENT_INFO_H

#include "core/buf.h"

struct client_info {
    struct bytes user, client;
    struct bytes conn_info, chan_info; /* JSON, or empty */
};

/* Appends {"user":"…","client":"…","conn_info":…,"chan_info":…}. */
void client_info_json(struct buf *b, const struct client_info *info);
/* json: one that has been checked. Texts are appended to memory, which must not move: reserve json's bytes. What is missing
 * or no text is empty. */
void client_info_read(struct bytes json, struct buf *memory, struct client_info *ret);

#endif
