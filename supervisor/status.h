/* What the admin port tells: GET /metrics of the whole cell, /ready, /status. (/health is run/admin.c's; what is POSTed
 * is order.c's.) */
#ifndef SUPERVISOR_STATUS_H
#define SUPERVISOR_STATUS_H

#include "supervisor.h"

admin_handler status_handle; /* owner: struct supervisor */
/* -> whether the cell is ready; if not, appends why: {"hop":…,"text":…},… */
bool status_ready(const struct supervisor *s, int64_t now_ns, struct buf *why);

#endif
