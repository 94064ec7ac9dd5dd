/* The configuration as text: what the supervisor itself reads of it, and the last copy on disk. No PostgreSQL. */
#ifndef SUPERVISOR_CONFIG_COPY_H
#define SUPERVISOR_CONFIG_COPY_H

#include "core/buf.h"
#include "wire/channel.h"

#include <stdbool.h>

#define CONFIG_MAX (7 << 20) /* bytes; it has to fit into a frame */

struct config_facts {
    uint64_t version;
    char topic[CELL_TOPIC_MAX + 1];
    uint32_t partitions; /* that channels are hashed over */
    bool is_new;         /* nobody has recorded yet that this cell runs */
};

/* json: what cellcast.config() returned. -> 0, -ENOENT when it knows no such cell, -EBADMSG when it is no
 * configuration; with the reason in ret_error */
int config_read(struct bytes json, const char *cell, struct config_facts *ret_facts,
                struct buf *ret_error);
/* Appends the lanes of a configuration that config_read took, as ctl_map::lanes. -> the highest number, 0: none; what is no
 * lane is left out */
uint32_t config_lanes(struct bytes json, struct buf *into);
/* Appends the tenants that leave that cell, parted by spaces. json: config_read took it. -> how many */
unsigned config_leaving(struct bytes json, const char *cell, struct buf *into);
/* Appends the other cells, as a list of cell_name; new: those of them that have never run. json: config_read took it. -> how many */
unsigned config_other_cells(struct bytes json, const char *cell, bool new, struct buf *into);
/* Written beside it and renamed, so that a crash leaves the old or the new one. -> 0, -errno */
int config_save(const char *path, struct bytes json);
/* Appends the file. -> 0, -ENOENT, -EFBIG, -errno */
int config_load(const char *path, struct buf *into);

#endif
