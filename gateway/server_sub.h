/* Subscriptions that the server makes for its clients (protocol.md 6.8): at connect, and on demand of the application
 * (/api/subscribe). To the data path they are subscriptions like any other. What differs: the client is told of them in
 * the reply to connect or by a push `subscribe`; where a client would have to subscribe anew (2500, 2501) it has to connect
 * anew (3010, 3006; sub.c), since only the server makes them. */
#ifndef GATEWAY_SERVER_SUB_H
#define GATEWAY_SERVER_SUB_H

#include "connection.h"
#include "invitation.h"
#include "want.h"

/* Why a client cannot have what is wanted for it. Both 0: it can. */
struct server_subs_answer {
    uint32_t error;      /* of the reply to connect: a channel that is granted cannot be */
    uint32_t disconnect; /* 3501: a channel that is asked for cannot be; 3505: more than channel_limit */
};

/* Begins those of a connect (JOIN_CONNECT), the personal channel among them. asked: by the client, channel_limit at most (0: as many as its command holds); it gets
 * those that it could subscribe to, and where the others go on from. */
struct server_subs_answer server_subs_enter(struct connection *c, const struct wants *granted, const struct wants *asked);

/* One more for an open connection; the client is told by a push, and then invitation. Nothing happens when it has that channel,
 * or could not be told what it carries. Above channel_limit it is disconnected. */
void server_sub_add(struct connection *c, const struct config_channel *ch, const struct want *want, struct invitation *invitation);

/* Which channels are granted, in any order: two lists of the same have the same. 0: none */
uint64_t server_subs_print(const struct connection *c, const struct wants *granted);

#endif
