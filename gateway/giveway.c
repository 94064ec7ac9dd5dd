#include "giveway.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

void giveway_init(struct giveway *w, int nice, uint64_t *times)
{
    *w = (struct giveway){.fd = -1, .nice = nice, .times = times};
}

void giveway_open(struct giveway *w)
{
    if (getsid(0) == getpid())
        w->fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
}

void giveway_fini(struct giveway *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

/* -> whether the kernel took it. Where it never will it is not asked again. */
static bool weigh(struct giveway *w, int nice)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%d", nice);
    if (write(w->fd, text, (size_t)n) == n)
        return true;
    if (errno != EAGAIN && errno != EINTR)
        giveway_fini(w);
    return false;
}

static void begin(struct giveway *w, int64_t now_ns)
{
    if (w->fd < 0 || w->nice == 0 || (w->began_ns && now_ns - w->began_ns < GIVEWAY_APART_NS) || !weigh(w, w->nice))
        return;
    w->gives = true;
    w->began_ns = now_ns;
    ++*w->times;
}

void giveway_slice(struct giveway *w, bool cut, int64_t now_ns)
{
    w->cuts = cut ? w->cuts + 1 : 0;
    if (w->cuts >= GIVEWAY_CUTS && !w->gives)
        begin(w, now_ns);
}

void giveway_turn(struct giveway *w)
{
    if (w->gives && w->cuts < GIVEWAY_CUTS && w->fd >= 0 && weigh(w, 0))
        w->gives = false;
}
