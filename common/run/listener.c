#include "run/listener.h"

#include "run/address.h"
#include "run/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TURN_ACCEPTS 64 /* per loop turn */
#define LOCAL_MODE 0660 /* of a Unix socket, less what the umask takes */
#define SHORT_OF_S 0.1  /* pause without descriptors or memory: the socket stays readable */

struct listener {
    struct ev_loop *loop;
    int fd, port;
    char *path;      /* of a Unix socket, else NULL */
    struct stat own; /* of the file that bind made: another one is not ours to remove */
    listener_accepted *accepted;
    void *owner;
    ev_io incoming;
    ev_timer again;
    bool paused;
    bool short_of; /* descriptors or memory: said once until an accept works again */
};

static void watch(struct listener *l)
{
    if (l->paused || ev_is_active(&l->again))
        ev_io_stop(l->loop, &l->incoming);
    else
        ev_io_start(l->loop, &l->incoming);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
    watch(w->data);
}

static void run_short(struct listener *l, int error)
{
    if (!l->short_of)
        log_error("accept_failed", "port=%d errno=%s accepting pauses until it works again",
                  l->port, strerror(error));
    l->short_of = true;
    ev_timer_set(&l->again, SHORT_OF_S, 0.);
    ev_timer_start(l->loop, &l->again);
    watch(l);
}

static void on_incoming(struct ev_loop *loop, ev_io *w, int events)
{
    struct listener *l = w->data;
    for (int i = 0; i < TURN_ACCEPTS && !l->paused; i++) {
        struct address from = {.n = sizeof from.storage};
        int fd = accept4(l->fd, &from.any, &from.n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 &&
            (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            run_short(l, errno);
            return;
        }
        if (fd < 0 && errno == EAGAIN)
            return;
        if (fd < 0)
            continue; /* that one connection was lost before it was taken */
        l->short_of = false;
        l->accepted(l->owner, fd, &from);
    }
}

static int say(struct buf *ret_error, int error, const char *address, const char *why)
{
    if (ret_error)
        buf_printf(ret_error, "can't listen on %s: %s", address, why);
    return error;
}

/* -> 0 when the file of a dead process was removed */
static int remove_stale(const struct address *a)
{
    struct stat is;
    if (stat(a->local.sun_path, &is) < 0 || !S_ISSOCK(is.st_mode))
        return -EADDRINUSE;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int refused = connect(fd, &a->any, a->n) < 0 && errno == ECONNREFUSED;
    close(fd);
    if (!refused)
        return -EADDRINUSE;
    return unlink(a->local.sun_path) < 0 ? -errno : 0;
}

/* -> descriptor, or -errno */
static int bind_one(const struct address *a, int backlog)
{
    int one = 1, error = 0;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (a->any.sa_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    else if (fchmod(fd, LOCAL_MODE) < 0) /* bind takes it from here: there is no moment at which it is wider */
        error = -errno;
    if (error == 0 && bind(fd, &a->any, a->n) < 0)
        error = -errno;
    if (error == -EADDRINUSE && a->any.sa_family == AF_UNIX) {
        error = remove_stale(a);
        if (error == 0 && bind(fd, &a->any, a->n) < 0)
            error = -errno;
    }
    if (error == 0 && listen(fd, backlog) < 0)
        error = -errno;
    if (error == 0)
        return fd;
    close(fd);
    return error;
}

int listener_bind(const char *address, int backlog, struct buf *ret_error)
{
    struct address all[ADDRESSES_MAX];
    int fd = -EINVAL;
    struct buf why;
    buf_init(&why);
    int n = address_resolve(address, true, all, &why);
    if (n < 0) {
        say(ret_error, n, address, why.p);
        buf_fini(&why);
        return n;
    }
    buf_fini(&why);
    for (int i = 0; i < n; i++) {
        fd = bind_one(&all[i], backlog);
        if (fd >= 0)
            return fd;
    }
    return say(ret_error, fd, address, strerror(-fd));
}

struct listener *listener_adopt(struct ev_loop *loop, int fd, listener_accepted *accepted,
                                void *owner)
{
    struct listener *l = calloc(1, sizeof *l);
    struct address bound = {.n = sizeof bound.storage};
    assert(l);
    getsockname(fd, &bound.any, &bound.n);
    *l = (struct listener){.loop = loop,
                           .fd = fd,
                           .port = address_port(&bound),
                           .accepted = accepted,
                           .owner = owner};
    ev_io_init(&l->incoming, on_incoming, fd, EV_READ);
    ev_timer_init(&l->again, on_again, 0., 0.);
    l->incoming.data = l->again.data = l;
    watch(l);
    return l;
}

int listener_new(struct ev_loop *loop, const char *address, int backlog,
                 listener_accepted *accepted, void *owner, struct listener **ret_listener,
                 struct buf *ret_error)
{
    int fd = listener_bind(address, backlog, ret_error);
    if (fd < 0)
        return fd;
    struct listener *l = listener_adopt(loop, fd, accepted, owner);
    if (address_is_local(address)) {
        l->path = strdup(address);
        assert(l->path);
        if (stat(l->path, &l->own) < 0)
            l->own.st_ino = 0;
    }
    *ret_listener = l;
    return 0;
}

void listener_free(struct listener *l)
{
    struct stat is;
    if (!l)
        return;
    ev_io_stop(l->loop, &l->incoming);
    ev_timer_stop(l->loop, &l->again);
    if (l->path && stat(l->path, &is) == 0 && is.st_ino == l->own.st_ino &&
        is.st_dev == l->own.st_dev)
        unlink(l->path);
    close(l->fd);
    free(l->path);
    free(l);
}

int listener_fd(const struct listener *l)
{
    return l->fd;
}

int listener_port(const struct listener *l)
{
    return l->port;
}

void listener_pause(struct listener *l, bool paused)
{
    l->paused = paused;
    watch(l);
}
