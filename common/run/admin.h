/* The small HTTP port of a process: GET /metrics, /health, /ready and what its owner adds. Not the public API. */
#ifndef RUN_ADMIN_H
#define RUN_ADMIN_H

#include "core/buf.h"

#include <ev.h>

struct admin;

/* Fills `body`, sets *content_type (default "application/json"). -> HTTP status; 404 when the path is not its own.
 * method: "GET" or "POST"; query: decoded, its parts joined by &; request: body of a POST (64 KiB at most).
 * A GET of /health that is not the owner's is answered 200: whoever can read it knows that the loop turns. */
typedef int admin_handler(void *owner, const char *method, const char *path, struct bytes query, struct bytes request,
                          struct buf *body, const char **content_type);

/* address as for a listener, TCP only. -> 0, or -errno with the reason in ret_error */
int admin_new(struct ev_loop *loop, const char *address, admin_handler *handler, void *owner,
              struct admin **ret_admin, struct buf *ret_error);
void admin_free(struct admin *a);
int admin_port(const struct admin *a);

#endif
