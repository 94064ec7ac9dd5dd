/* Who gets what: the cells with their topics, and for each tenant the cells that host it. A
 * copy of cellcast.cell and cellcast.tenant_cell as of `version`; replaced as a whole when
 * cellcast.config_version() has moved. A cell keeps its number (a bit in every set of cells)
 * for as long as it is configured. */
#ifndef RELAY_CELLS_H
#define RELAY_CELLS_H

#include "core/map.h"
#include "message.h"
#include "wire/lanes.h"

#define CELL_NAME_MAX 63   /* bytes */
#define CELL_PARTITIONS_MAX 10000

struct cell {
    char name[CELL_NAME_MAX + 1];
    char topic[CELL_TOPIC_MAX + 1];
    int32_t partitions; /* that channels are hashed over; 1 … CELL_PARTITIONS_MAX */
    int32_t total;      /* these, and the lanes behind them */
    int32_t there;      /* so many its topic was seen to have; the relay's to set. 0: not seen yet */
};

struct cells {
    struct cell cell[MESSAGE_CELLS_MAX];
    uint64_t used;      /* bit n: cell[n] is configured */
    struct map tenants; /* struct cells_tenant::by_name */
    struct lanes lanes; /* of channels, in every cell */
    int64_t version;    /* -1: nothing loaded yet */
};

void cells_init(struct cells *c);
void cells_fini(struct cells *c);

/* Loading: begin, each cell, end. Between begin and end nothing else is asked. */
struct cells_change {
    uint64_t made;  /* cells that are new, or have another topic or number of partitions, lanes counted */
    uint64_t moved; /* those of `made` that had another topic or number of hashed partitions before */
    uint64_t gone;  /* cells that were there before */
};
/* lanes: channel and number in turn, parted by one space; what is none is left out */
void cells_begin(struct cells *c, int64_t version, struct bytes lanes, struct cells_change *change);
/* tenants: names parted by one space. -> 0; -EINVAL: name, topic or partitions out of bounds;
 * -ENOSPC: too many cells */
int cells_put(struct cells *c, struct cells_change *change, struct bytes name,
              struct bytes topic, int64_t partitions, struct bytes tenants);
void cells_end(struct cells *c, struct cells_change *change);

/* -> bits of the cells that host the tenant; 0: none */
uint64_t cells_of(const struct cells *c, struct bytes tenant);
/* -> number of the cell, or -1 */
int cells_find(const struct cells *c, struct bytes name);

#endif
