/* The page that the admin port shows at /: dashboard/index.html, which reads /status and /metrics. */
#ifndef SUPERVISOR_DASHBOARD_H
#define SUPERVISOR_DASHBOARD_H

#include <stddef.h>

extern const unsigned char dashboard_html[]; /* UTF-8 */
extern const size_t dashboard_bytes;

#endif
