/* Accepts on a TCP ("host:port", ":port", port 0 allowed) or Unix ("/path") address. */
#ifndef RUN_LISTENER_H
#define RUN_LISTENER_H

#include "run/address.h"

#include <ev.h>

struct listener;

/* fd is the callee's. peer: the remote address. */
typedef void listener_accepted(void *owner, int fd, const struct address *peer);

/* A Unix socket is its user's and group's at most (0660, less the umask). One that a dead process left behind is replaced; one
 * that answers is -EADDRINUSE. -> 0, or -errno with the reason in ret_error */
int listener_new(struct ev_loop *loop, const char *address, int backlog, listener_accepted *accepted, void *owner,
                 struct listener **ret_listener, struct buf *ret_error);
/* The first half of it: -> descriptor, listening, non-blocking, close-on-exec; or -errno with the reason in ret_error */
int listener_bind(const char *address, int backlog, struct buf *ret_error);
/* The second half, of a TCP socket that somebody else may hold, too; fd is the callee's. */
struct listener *listener_adopt(struct ev_loop *loop, int fd, listener_accepted *accepted, void *owner);
void listener_free(struct listener *l); /* removes its Unix socket file; not inside `accepted` */
int listener_fd(const struct listener *l);
int listener_port(const struct listener *l); /* 0 for Unix */
void listener_pause(struct listener *l, bool paused);

#endif
