/* One request to an admin port, blocking; the only file that sees libcurl. */
#ifndef SUPERVISOR_CTL_HTTP_H
#define SUPERVISOR_CTL_HTTP_H

#include "core/buf.h"

#define ANSWER_MAX (16 << 20) /* bytes */

/* base: http://host:port; the path follows it. Appends the body to `into`.
 * -> HTTP status, or -EIO with the reason in ret_error */
int ctl_http(const char *method, const char *base, const char *path, int64_t timeout_ms,
             struct buf *into, struct buf *ret_error);

#endif
