/* What each command of a client does, one function per command. All are called on an open connection, except
 * verb_connect; each replies, disconnects, or leaves something behind that will reply. */
#ifndef GATEWAY_VERBS_H
#define GATEWAY_VERBS_H

#include "command.h"
#include "connection.h"

struct auth;

/* A channel in any spelling, as that connection may have it. ret: as below. -> 0, or the error */
uint32_t verb_resolve(const struct connection *c, struct bytes spelling, struct config_channel *ret);
/* Whether what the channel carries has a place on that connection: bytes have none in JSON. */
bool verb_carries(const struct connection *c, const struct config_channel *ch);
/* The channel of a command, understood. ret points into itself: not to be copied. On an error the reply has been given.
 * -> whether the command goes on */
bool verb_channel(struct connection *c, const struct command *m, struct config_channel *ret);

void verb_connect(struct connection *c, const struct command *m);
void verb_connect_admitted(struct connection *c); /* its turn has come: its entrance (entrance.h) goes on */
/* An application says, instead of a token, who a connection is whose connect waits for that (WAITING). Takes what `a` owns. */
void verb_connect_known(struct connection *c, struct auth *a);
void verb_refresh(struct connection *c, const struct command *m);
/* Time has run out: the application decides, where it is to. -> false: nobody is asked. Until its answer there is no end. */
bool verb_refresh_by_application(struct connection *c);
bool verb_sub_refresh_by_application(struct sub *s);
void verb_subscribe(struct connection *c, const struct command *m);
void verb_unsubscribe(struct connection *c, const struct command *m);
void verb_sub_refresh(struct connection *c, const struct command *m);
void verb_publish(struct connection *c, const struct command *m);
void verb_rpc(struct connection *c, const struct command *m);
void verb_history(struct connection *c, const struct command *m);
void verb_presence(struct connection *c, const struct command *m);
void verb_presence_stats(struct connection *c, const struct command *m);

#endif
