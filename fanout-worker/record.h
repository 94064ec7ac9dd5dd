/* A Kafka record, checked: nothing of it is trusted further than it was looked at here. */
#ifndef FANOUT_RECORD_H
#define FANOUT_RECORD_H

#include "wire/messages.h"

#define RECORD_BYTES_MAX (4 << 20) /* of a value; a fan_publication of it fits a link's frame */

/* Full form: a tenant's name, a slash, a channel's name. */
bool channel_full_valid(struct bytes channel);

/* key: the channel. Slices of ret_publication point into value. -> 0, or -EBADMSG (also:
 * another WIRE_VERSION) */
int record_decode(struct bytes key, struct bytes value, enum record_kind *ret_kind,
                  struct publication *ret_publication);
/* The same of a RECORD_PRESENCE, which record_decode refuses. -> 0, or -EBADMSG */
int record_news(struct bytes key, struct bytes value, struct presence_news *ret_news);

#endif
