#include "run_dir.h"

#include "run/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each folder on the way, too, and that one for nobody else; one that is there is as its maker wanted it. */
static int make(const char *path)
{
    char part[PATH_MAX];
    size_t n = 0, all = strlen(path);
    while (n < all && all < sizeof part) {
        n += strspn(path + n, "/");
        n += strcspn(path + n, "/");
        memcpy(part, path, n);
        part[n] = 0;
        if (mkdir(part, n < all ? 0755 : 0750) < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

static void append_holder(int fd, struct buf *into)
{
    char pid[24] = "?";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? n : 0] = 0;
    pid[strcspn(pid, "\n")] = 0;
    buf_printf(into, "pid %s", pid);
}

int run_dir_take(const char *path, struct buf *ret_error)
{
    char lock[PATH_MAX], pid[24];
    int error = make(path);
    snprintf(lock, sizeof lock, "%s/supervisor.lock", path);
    int fd = error == 0 ? open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || fchmod(fd, 0600) < 0) { /* whoever can read it can lock it */
        error = error ? error : -errno;
        if (fd >= 0)
            close(fd);
        buf_printf(ret_error, "--run-dir=%s can't be used: %s", path, strerror(-error));
        return error;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        buf_printf(ret_error, "--run-dir=%s is another supervisor's (", path);
        append_holder(fd, ret_error);
        buf_append_str(ret_error, "); each needs its own");
        close(fd);
        return -EBUSY;
    }
    int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) < 0) /* for people: the lock does without */
        log_warn("lock_unsigned", "path=%s errno=%s is the disk full?", lock, strerror(errno));
    return fd;
}
