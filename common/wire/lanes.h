/* Lanes: partitions behind those that channels are hashed over, for channels that would hold up their neighbours
 * (decision 0022). A copy of cellcast.lane: few channels, each with the number of its lane; several may share one.
 *
 *     partition   0 … hashed - 1      channels by their name's hash
 *                 hashed + lane - 1   those of the lane */
#ifndef WIRE_LANES_H
#define WIRE_LANES_H

#include "core/map.h"
#include "wire/channel.h"

#define LANE_MAX 64             /* lanes are numbered from 1 */
#define LANED_CHANNELS_MAX 1000 /* of all lanes */

struct lanes {
    struct map by_channel; /* struct lane::by_channel */
    uint32_t most;         /* highest number in use: so many partitions are behind the hashed ones */
};

void lanes_init(struct lanes *l);
void lanes_fini(struct lanes *l);
/* full: in full form. A second lane of the same channel replaces the first. -> 0; -EINVAL: lane or channel out of bounds;
 * -ENOSPC: too many channels */
int lanes_put(struct lanes *l, struct bytes full, uint64_t lane);
/* All at once: what is in `list`, ctl_map::lanes. -> 0; -EBADMSG: none was taken */
int lanes_take(struct lanes *l, struct bytes list);

uint32_t lanes_of(const struct lanes *l, struct bytes full); /* -> its lane; 0: it has none */

/* Where a channel of that lane, or of none (0), is. */
static inline uint32_t lane_partition(uint32_t lane, struct channel_place place, uint32_t hashed)
{
    return lane ? hashed + lane - 1 : place.partition_hash % hashed;
}
uint32_t lanes_partition(const struct lanes *l, struct bytes full, struct channel_place place, uint32_t hashed);

#endif
