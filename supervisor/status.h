/* What the admin port tells: GET /metrics of the whole cell, /ready, /status; POST /scale?gateways=N&workers=M.
 * (/health is run/admin.c's.) */
#ifndef SUPERVISOR_STATUS_H
#define SUPERVISOR_STATUS_H

#include "supervisor.h"

admin_handler status_handle; /* owner: struct supervisor */
/* -> whether the cell is ready; if not, appends why: {"hop":…,"text":…},… */
bool status_ready(const struct supervisor *s, int64_t now_ns, struct buf *why);

struct scale {
    unsigned gateways, workers; /* 0: as it is */
};
/* query: gateways=N&workers=M, at least one of them. -> 0, or -EINVAL with what would be right in ret_error */
int scale_read(struct bytes query, struct scale *ret_scale, struct buf *ret_error);

#endif
