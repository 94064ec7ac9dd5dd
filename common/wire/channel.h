/* Channel names and where they belong. A full name is `tenant/name`; see decisions/0007-channel-names.md.
 * Printable ASCII without the space, 1 to 255 bytes, the tenant's part not counted in the limit. */
#ifndef WIRE_CHANNEL_H
#define WIRE_CHANNEL_H

#include "core/bytes.h"

#define SHARDS 64        /* virtual shards; fixed for the life of the message log */
#define CHANNEL_MAX 255  /* bytes of the name; protocol.md 13.1 */
#define TENANT_MAX 32    /* bytes; [a-z0-9-] */
#define NAMESPACE_MAX 64 /* bytes of a namespace's name */
#define AFTER_MAX 8      /* references that one publication may name */
#define DATA_MAX 65536   /* bytes of payload */
#define CELL_TOPIC_MAX 249 /* bytes of the name of a cell's topic; Kafka's limit */

struct channel_place {
    uint8_t shard;           /* < SHARDS: first byte of MD5(full name), low 6 bits */
    uint32_t partition_hash; /* bytes 4…7 of it, big-endian; lanes.h makes a partition of it */
};

struct channel_place channel_place(struct bytes full);
bool channel_name_valid(struct bytes name);  /* length and characters of the part behind the tenant */
bool tenant_name_valid(struct bytes name);
/* Empty (channels without a namespace), or 2 to NAMESPACE_MAX of a-z, A-Z, 0-9, - and _ */
bool namespace_name_valid(struct bytes name);
/* Splits a full name at its first slash. -> false when there is none */
bool channel_split(struct bytes full, struct bytes *ret_tenant, struct bytes *ret_name);
/* Namespace of the name behind the tenant: before the first ':' after a leading '$'. -> empty when there is none */
struct bytes channel_namespace(struct bytes name);
/* One reference of an `after` list (parted by single spaces), taken off its front: full channel and seq.
 * -> 1, 0 at the end, -EBADMSG */
int after_next(struct bytes *list, struct bytes *ret_channel, uint64_t *ret_seq);

#endif
