#include "cell_run.h"

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLAGS_MAX 32

static void path_of(const struct cell_run *r, const char *name, char *ret, size_t size)
{
    snprintf(ret, size, "%s/%s", r->folder, name);
}

static void write_file(const struct cell_run *r, const char *name, const char *text)
{
    char path[160], beside[170];
    path_of(r, name, path, sizeof path);
    snprintf(beside, sizeof beside, "%s.new", path);
    FILE *f = fopen(beside, "w");
    fputs(text, f);
    fclose(f);
    rename(beside, path);
}

static void read_file(const struct cell_run *r, const char *name, struct buf *into)
{
    char path[160], part[4096];
    size_t n;
    path_of(r, name, path, sizeof path);
    buf_clear(into);
    buf_append_str(into, "");
    FILE *f = fopen(path, "r");
    while (f && (n = fread(part, 1, sizeof part, f)) > 0)
        buf_append(into, part, n);
    if (f)
        fclose(f);
}

/* ---- the supervisor */

void cell_run_prepare(struct cell_run *r)
{
    char path[160];
    *r = (struct cell_run){.folder = "/tmp/cell-run-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(r->folder));
    path_of(r, "cellcast-gateway", path, sizeof path);
    ck_assert_int_eq(symlink(FAKE_CHILD, path), 0);
    path_of(r, "cellcast-fanout-worker", path, sizeof path);
    ck_assert_int_eq(symlink(FAKE_CHILD, path), 0);
    write_file(r, "config.json", CONFIG(7));
}

void cell_run_configure(struct cell_run *r, const char *json)
{
    write_file(r, "config.json", json);
}

static void become(const struct cell_run *r, const char *const *flags)
{
    char run_dir[96], bin_dir[96], ports[40], log[160];
    const char *argv[FLAGS_MAX] = {"cellcast-supervisor", run_dir, bin_dir, "--listen=127.0.0.1:0",
                                   "--admin=127.0.0.1:0", "--postgres=host=127.0.0.1 port=1", "--kafka=127.0.0.1:1",
                                   "--cell=a", "--canary=100ms", "--log-level=debug", "--defer-accept=0", ports};
    int n = 12;
    snprintf(ports, sizeof ports, "--slot-port-base=%d", 22000 + (int)getpid() % 400 * 20); /* below the ephemeral ones */
    snprintf(run_dir, sizeof run_dir, "--run-dir=%s", r->folder);
    snprintf(bin_dir, sizeof bin_dir, "--bin-dir=%s", r->folder);
    for (; *flags && n < FLAGS_MAX - 1; flags++)
        argv[n++] = *flags;
    path_of(r, "log", log, sizeof log);
    int fd = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nothing behind */
    dup2(fd, 1);
    dup2(fd, 2);
    execv(SUPERVISOR, (char *const *)argv);
    _exit(126);
}

static bool has_started(struct cell_run *r)
{
    struct buf log;
    int ports[2];
    buf_init(&log);
    read_file(r, "log", &log);
    const char *at = strstr(log.p, "event=started");
    bool is = at && (at = strstr(at, " port=")) && sscanf(at, " port=%d admin_port=%d", &ports[0], &ports[1]) == 2;
    if (is) {
        r->port = ports[0];
        r->admin_port = ports[1];
    }
    buf_fini(&log);
    return is;
}

void cell_run_start(struct cell_run *r, const char *const *flags)
{
    fflush(NULL);
    r->pid = fork();
    if (r->pid == 0)
        become(r, flags);
    wait_until(r, has_started(r));
}

void cell_run_start_bare(struct cell_run *r, const char *const *flags)
{
    char path[160];
    path_of(r, "config.json", path, sizeof path);
    unlink(path);
    cell_run_start(r, flags);
}

int cell_run_wait(struct cell_run *r)
{
    int status = 0;
    wait_until(r, waitpid(r->pid, &status, WNOHANG) == r->pid);
    r->pid = 0;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int remove_one(const char *path, const struct stat *is, int type, struct FTW *at)
{
    return remove(path);
}

void cell_run_end(struct cell_run *r)
{
    if (r->pid) {
        kill(r->pid, SIGKILL);
        cell_run_wait(r);
    }
    if (!getenv("CELL_RUN_KEEP"))
        nftw(r->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    buf_fini(&r->answer);
}

void cell_run_show_log(struct cell_run *r)
{
    struct buf log;
    buf_init(&log);
    read_file(r, "log", &log);
    fprintf(stderr, "---- log of the supervisor\n%s\n---- last answer\n%s\n", log.p, r->answer.n ? r->answer.p : "");
    buf_fini(&log);
}

/* ---- looking */

static int connect_to(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Until the other side closes, or nothing comes for so long. */
static void read_all(int fd, int ms, struct buf *into)
{
    char part[4096];
    ssize_t n;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, ms) == 1 && (n = read(fd, part, sizeof part)) > 0)
        buf_append(into, part, (size_t)n);
}

int http(struct cell_run *r, const char *method, const char *path)
{
    int status = 0, fd = connect_to(r->admin_port);
    struct buf all;
    buf_init(&all);
    buf_clear(&r->answer);
    buf_append_str(&r->answer, "");
    if (fd < 0)
        return 0;
    dprintf(fd, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", method, path);
    read_all(fd, 5000, &all);
    close(fd);
    const char *body = all.n ? strstr(all.p, "\r\n\r\n") : NULL;
    if (body && sscanf(all.p, "HTTP/1.1 %d", &status) == 1)
        buf_append_str(&r->answer, body + 4);
    buf_fini(&all);
    return status;
}

bool says(struct cell_run *r, const char *path, const char *text)
{
    return http(r, "GET", path) && strstr(r->answer.p, text);
}

pid_t pid_of(struct cell_run *r, const char *child)
{
    char name[64];
    int pid = 0;
    snprintf(name, sizeof name, "\"name\":\"%s\"", child);
    if (!says(r, "/status", name))
        return 0;
    const char *at = strstr(strstr(r->answer.p, name), "\"pid\":");
    sscanf(at, "\"pid\":%d", &pid);
    return pid;
}

int dial_silently(struct cell_run *r)
{
    int fd = connect_to(r->port);
    ck_assert_int_ge(fd, 0);
    return fd;
}

int dial_only(struct cell_run *r, const char *line)
{
    int fd = dial_silently(r);
    dprintf(fd, "%s\n", line);
    return fd;
}

void hear_all(int fd, char *ret, size_t size)
{
    struct buf all;
    buf_init(&all);
    read_all(fd, 10000, &all);
    close(fd);
    snprintf(ret, size, "%.*s", all.n ? (int)strcspn(all.p, "\n") : 0, all.n ? all.p : "");
    buf_fini(&all);
}

void dial_in(struct cell_run *r, const char *line, char *ret, size_t size)
{
    hear_all(dial_only(r, line), ret, size);
}

void order(struct cell_run *r, const char *child, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "do-%s", child);
    write_file(r, name, what);
}

unsigned told(struct cell_run *r, const char *child, const char *what)
{
    char name[64];
    unsigned n = 0;
    struct buf text;
    buf_init(&text);
    snprintf(name, sizeof name, "told-%s", child);
    read_file(r, name, &text);
    for (const char *at = text.p; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        n += strncmp(at, what, strlen(what)) == 0;
    buf_fini(&text);
    return n;
}

bool logged(struct cell_run *r, const char *text)
{
    struct buf log;
    buf_init(&log);
    read_file(r, "log", &log);
    bool is = strstr(log.p, text) != NULL;
    buf_fini(&log);
    return is;
}
