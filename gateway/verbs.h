/* What each command of a client does, one function per command. All are called on an open connection, except
 * verb_connect; each replies, disconnects, or leaves something behind that will reply. */
#ifndef GATEWAY_VERBS_H
#define GATEWAY_VERBS_H

#include "command.h"
#include "connection.h"

/* The channel of a command, understood. ret points into itself: not to be copied. On an error the reply has been given.
 * -> whether the command goes on */
bool verb_channel(struct connection *c, const struct command *m, struct config_channel *ret);

void verb_connect(struct connection *c, const struct command *m);
void verb_connect_admitted(struct connection *c); /* its turn has come: token and id are the connection's */
void verb_refresh(struct connection *c, const struct command *m);
void verb_subscribe(struct connection *c, const struct command *m);
void verb_unsubscribe(struct connection *c, const struct command *m);
void verb_sub_refresh(struct connection *c, const struct command *m);
void verb_publish(struct connection *c, const struct command *m);
void verb_rpc(struct connection *c, const struct command *m);
void verb_history(struct connection *c, const struct command *m);
void verb_presence(struct connection *c, const struct command *m);
void verb_presence_stats(struct connection *c, const struct command *m);

#endif
