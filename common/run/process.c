#include "run/process.h"

#include "run/log.h"

#include <assert.h>
#include <errno.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void on_end(struct ev_loop *loop, ev_signal *w, int events)
{
    struct process *p = w->data;
    const char *name = w->signum == SIGTERM ? "SIGTERM" : "SIGINT";
    if (!p->stop) {
        log_warn("end_at_once", "signal=%s", name);
        _exit(1);
    }
    void (*stop)(void *) = p->stop;
    p->stop = NULL;
    log_info("stopping", "signal=%s a second one ends the process at once", name);
    stop(p->owner);
}

static void on_reload(struct ev_loop *loop, ev_signal *w, int events)
{
    struct process *p = w->data;
    if (p->reload)
        p->reload(p->owner);
}

static void watch(struct process *p, ev_signal *w,
                  void (*callback)(struct ev_loop *, ev_signal *, int), int signum)
{
    ev_signal_init(w, callback, signum);
    w->data = p;
    ev_signal_start(p->loop, w);
    ev_unref(p->loop); /* waiting for a signal alone is no reason for the loop to go on */
}

static void unwatch(struct process *p, ev_signal *w)
{
    ev_ref(p->loop);
    ev_signal_stop(p->loop, w);
}

static void raise_nofile(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warn("nofile_not_raised", "soft=%llu hard=%llu errno=%s",
                 (unsigned long long)before, (unsigned long long)limit.rlim_max,
                 strerror(errno));
}

/* Linux 6.12 and later: a core that several want is given in turns of this length, not 3 to 4 ms; the share stays. An
 * older kernel ignores it. */
static void take_short_turns(void)
{
    struct sched_attr a = {.size = sizeof a, .sched_flags = SCHED_FLAG_KEEP_POLICY, .sched_runtime = PROCESS_TURN_NS};
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, 0);
    if (errno == 0)
        a.sched_nice = nice;
    syscall(SYS_sched_setattr, 0, &a, 0);
}

void process_init(struct process *p, bool with_parent, void (*stop)(void *owner),
                  void (*reload)(void *owner), void *owner)
{
    *p = (struct process){.stop = stop, .reload = reload, .owner = owner};
    /* A parent that died before this line is noticed by its closed control link. */
    if (with_parent)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    raise_nofile();
    take_short_turns();
    p->loop = ev_default_loop(EVBACKEND_EPOLL);
    assert(p->loop);
    watch(p, &p->term, on_end, SIGTERM);
    watch(p, &p->intr, on_end, SIGINT);
    watch(p, &p->hup, on_reload, SIGHUP);
}

void process_fini(struct process *p)
{
    unwatch(p, &p->term);
    unwatch(p, &p->intr);
    unwatch(p, &p->hup);
}

void process_lower_nofile(int most)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= (rlim_t)most)
        return;
    limit.rlim_cur = (rlim_t)most;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int process_nofile(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int)limit.rlim_cur;
}
