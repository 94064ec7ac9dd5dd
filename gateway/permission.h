/* Who may do what on a channel: pure functions of the channel's namespace and of who asks
 * (protocol.md 13.3, 13.4). That the channel belongs to the asker's tenant has been settled
 * before (config_resolve). Each answers 0 or a protocol error code; `user` is empty for an
 * anonymous client. */
#ifndef GATEWAY_PERMISSION_H
#define GATEWAY_PERMISSION_H

#include "config.h"

/* Whether a client may name it so (channel_regex). -> 0, 107 */
uint32_t permission_name(const struct config_channel *c);
/* Whether a payload is of the namespace's format. -> 0, 107 */
uint32_t permission_data(const struct config_channel *c, struct bytes data, bool data_is_json);
/* token: the client sent a subscription token for this channel and it was found good. First
 * match decides: a name with $ needs the token; a token admits; a user-limited channel admits
 * the users in its name (never the anonymous one) and nobody else; allow_subscribe_for_client
 * admits who has a user, and anonymous ones with allow_subscribe_for_anonymous.
 * -> 0, 103 */
uint32_t permission_subscribe(const struct config_channel *c, struct bytes user, bool token);
/* subscribed: on this connection, to this channel. -> 0, 103 */
uint32_t permission_publish(const struct config_channel *c, struct bytes user, bool subscribed);
/* Whether there is a history to be shown: not of an ephemeral channel, nor where history_limit or history_ttl is 0. */
bool permission_has_history(const struct config_channel *c);
/* -> 0, 103, 108 (there is no history) */
uint32_t permission_history(const struct config_channel *c, struct bytes user, bool subscribed);
/* presence and presence_stats. -> 0, 103, 108 (presence is off) */
uint32_t permission_presence(const struct config_channel *c, struct bytes user,
                             bool subscribed);
/* Whether joins and leaves are pushed to a subscriber that asked for them or not
 * (protocol.md 6.1, 6). options: the namespace's, as they are for that subscription. */
bool permission_join_leave(const struct config_channel *c, const struct namespace_options *options, struct bytes user,
                           bool asked);

#endif
