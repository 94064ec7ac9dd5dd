/* Stands in for cellcast-gateway and cellcast-fanout-worker (it looks at its own name) where the supervisor is under
 * test: speaks ctl_*, takes connections, passes canaries to its fellows over datagram sockets in RUNDIR, and misbehaves
 * as the file RUNDIR/do-NAME says, which it reads every 20 ms:
 *     unready  silent  garbage  version  stubborn (ignores ctl_drain)  blind (sees no canary)  mute (answers no call)
 *     lagging (its loop is late, it says)  verbose (its answers are 3 MiB, of which a client is shown the beginning)
 *     swept (the canaries that it publishes pass Kafka by)
 *     refusing (the configuration; it has none)  slow (to take it: never)  olden (says nothing of it, as programs of before)
 *     stillborn (ends at once)  late (never ready)  wordless (never says anything): these three only of a process that starts
 *     while the file says so
 * What it was told lies in RUNDIR/told-NAME. A client that says "call" gets the answers of all gateways, with "call b" of
 * cell b, too, with "call one b" of one there alone; one that says
 * "peer" the address that was handed on with it, any other the name of the gateway. */
#include "core/clock.h"
#include "run/link.h"
#include "wire/messages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CALLS_MAX 16

static struct {
    char name[32];
    bool gateway;
    unsigned slot, port, capacity;
    const char *run_dir;
    char doing[64];
    struct link *ctl;
    bool mapped, configured, draining, late, wordless, clear;
    uint64_t version, refused; /* of the configuration that it goes by, and does not */
    uint64_t adopted;
    struct buf listen;
    int canaries; /* datagram socket */
    int callers[CALLS_MAX];
    unsigned calls;
} f = {.capacity = 100};

static bool doing(const char *what)
{
    return strstr(f.doing, what) != NULL;
}

static void path_of(char *ret, size_t size, const char *kind)
{
    snprintf(ret, size, "%s/%s-%s", f.run_dir, kind, f.name);
}

/* One line of what it was told. */
static void note(const char *what, unsigned long long n, struct bytes more)
{
    char path[256];
    path_of(path, sizeof path, "told");
    FILE *out = fopen(path, "a");
    fprintf(out, "%s %llu %.*s\n", what, n, BYTES_FMT(more));
    fclose(out);
}

static void send_status(void)
{
    bool ready = f.configured && f.mapped && !f.late && !doing("unready");
    struct ctl_status m = {.connections = 0,
                           .capacity = f.capacity,
                           .adopted = f.adopted,
                           .ready = ready,
                           .draining = f.draining,
                           .why = ready ? BYTES("") : BYTES("it was told so"),
                           .lag_ms = doing("lagging") ? 500 : 0};
    struct ctl_config_held held = {.version = f.version, .refused = f.refused, .why = f.refused ? BYTES("not \"so\"") : BYTES("")};
    struct buf *frame = link_begin(f.ctl, CTL_STATUS);
    wire_put_ctl_status(frame, &m);
    if (f.gateway && !doing("olden"))
        wire_put_ctl_config_held(frame, &held);
    link_end(f.ctl);
}

static void read_orders(void)
{
    char path[256];
    path_of(path, sizeof path, "do");
    FILE *in = fopen(path, "r");
    f.doing[0] = 0;
    if (in && !fgets(f.doing, sizeof f.doing, in))
        f.doing[0] = 0;
    if (in)
        fclose(in);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    read_orders();
    if (doing("garbage"))
        link_send(f.ctl, CTL_STATUS, BYTES("x"));
    if (!doing("silent") && !f.wordless)
        send_status();
}

/* ---- canaries: what one publishes, all see */

static void publish(const struct ctl_canary *m)
{
    uint64_t now = clock_real_us();
    struct publication p = {.epoch = 1, .seq = 1, .id = 1, .data = m->data, .committed_us = now - 400,
                            .relayed_us = now - 300, .consumed_us = now - 200, .sent_us = now - 100};
    if (doing("swept"))
        p.relayed_us = p.consumed_us = 0;
    struct buf publication, seen;
    buf_init(&publication);
    buf_init(&seen);
    wire_put_publication(&publication, &p);
    struct ctl_canary_seen s = {.channel = m->channel, .publication = buf_bytes(&publication), .seen_us = now};
    wire_put_ctl_canary_seen(&seen, &s);
    DIR *dir = opendir(f.run_dir);
    for (struct dirent *e; (e = readdir(dir));) {
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        if (strncmp(e->d_name, "canaries-", 9) != 0)
            continue;
        snprintf(to.sun_path, sizeof to.sun_path, "%.60s/%.40s", f.run_dir, e->d_name);
        sendto(f.canaries, seen.p, seen.n, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
    }
    closedir(dir);
    buf_fini(&publication);
    buf_fini(&seen);
}

static bool listens_to(struct bytes channel)
{
    struct bytes rest = buf_bytes(&f.listen);
    struct ctl_channel one;
    while (wire_next_ctl_channel(&rest, &one) == 1)
        if (bytes_equal(one.channel, channel))
            return true;
    return false;
}

static void on_canary(struct ev_loop *loop, ev_io *w, int events)
{
    char body[4096];
    ssize_t n = recv(f.canaries, body, sizeof body, MSG_DONTWAIT);
    struct ctl_canary_seen m;
    if (n > 0 && wire_get_ctl_canary_seen(bytes_of(body, (size_t)n), &m) == 0 && listens_to(m.channel) &&
        !doing("blind") && !doing("silent"))
        link_send(f.ctl, CTL_CANARY_SEEN, bytes_of(body, (size_t)n));
}

/* ---- connections */

/* ret_peer: its address as the supervisor tells it */
static int take_connection(char ret_peer[64])
{
    char bytes[512];
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct ctl_accepted accepted;
    int fd;
    ssize_t n = recvmsg(ACCEPT_FD, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n <= 0 || !CMSG_FIRSTHDR(&m) || wire_get_ctl_accepted(bytes_of(bytes, (size_t)n), &accepted) < 0)
        return -1;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    snprintf(ret_peer, 64, "%.*s", BYTES_FMT(accepted.peer));
    return fd;
}

static void call(const char *line, int fd)
{
    struct ctl_ask m = {.request = f.calls++, .method = BYTES("info"), .one = strstr(line, "one") != NULL};
    struct buf cells = {0};
    if (strchr(line, 'b'))
        wire_put_cell_name(&cells, &(struct cell_name){.name = BYTES("b")});
    m.cells = buf_bytes(&cells);
    f.callers[m.request % CALLS_MAX] = fd;
    LINK_SEND(f.ctl, CTL_CALL, ctl_ask, &m);
    buf_fini(&cells);
}

static bool serve_one(void)
{
    char line[64] = "", peer[64];
    int fd = take_connection(peer);
    if (fd < 0)
        return false;
    f.adopted++;
    fcntl(fd, F_SETFL, 0);
    ssize_t n = read(fd, line, sizeof line - 1);
    if (n > 0 && strncmp(line, "call", 4) == 0) {
        call(line, fd);
        return true;
    }
    dprintf(fd, "%s\n", strncmp(line, "peer", 4) == 0 ? peer : f.name);
    close(fd);
    return true;
}

static void on_accept(struct ev_loop *loop, ev_io *w, int events)
{
    if (serve_one())
        send_status();
}

/* ---- what it is told */

static void answer(const struct ctl_call *m)
{
    static char text[3 << 20];
    int n = snprintf(text, sizeof text, "%s:%.*s", f.name, BYTES_FMT(m->method));
    struct ctl_answer a = {.request = m->request, .body = bytes_of(text, doing("verbose") ? sizeof text : (size_t)n)};
    if (!doing("mute"))
        LINK_SEND(f.ctl, CTL_ANSWER, ctl_answer, &a);
}

static void show_result(const struct ctl_result *m)
{
    struct bytes rest = m->answers;
    struct ctl_answer a;
    struct cell_name missing;
    int fd = f.callers[m->request % CALLS_MAX];
    dprintf(fd, "asked %u", m->asked);
    while (wire_next_ctl_answer(&rest, &a) == 1)
        dprintf(fd, " %.*s", (int)strnlen(a.body.p, a.body.n), a.body.p);
    rest = m->missing;
    while (wire_next_cell_name(&rest, &missing) == 1)
        dprintf(fd, " missing %.*s", BYTES_FMT(missing.name));
    dprintf(fd, "\n");
    close(fd);
}

static void take_config(uint64_t version)
{
    f.refused = doing("refusing") ? version : 0;
    if (doing("refusing") || doing("slow"))
        return;
    f.configured = true;
    f.version = version;
}

static void on_drain(uint32_t seconds)
{
    note("drain", seconds, BYTES(""));
    f.draining = true;
    while (f.gateway && serve_one()) /* what was passed before it was told to go */
        ;
    if (!doing("stubborn"))
        exit(0);
}

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    union {
        struct ctl_config config;
        struct ctl_map map;
        struct ctl_drain drain;
        struct ctl_pace pace;
        struct ctl_canary canary;
        struct ctl_call call;
        struct ctl_result result;
    } m;
    if (type == CTL_CONFIG && wire_get_ctl_config(body, &m.config) == 0) {
        take_config(m.config.version);
        note("config", m.config.version, m.config.json);
    } else if (type == CTL_MAP && wire_get_ctl_map(body, &m.map) == 0) {
        f.mapped = true;
        note("map", m.map.generation, BYTES(""));
    } else if (type == CTL_DRAIN && wire_get_ctl_drain(body, &m.drain) == 0) {
        on_drain(m.drain.seconds);
    } else if (type == CTL_PACE && wire_get_ctl_pace(body, &m.pace) == 0) {
        if (m.pace.clear != f.clear)
            note(m.pace.clear ? "clear" : "keep", m.pace.rate, BYTES(""));
        f.clear = m.pace.clear;
    } else if (type == CTL_CALL && wire_get_ctl_call(body, &m.call) == 0) {
        answer(&m.call);
    } else if (type == CTL_RESULT && wire_get_ctl_result(body, &m.result) == 0) {
        show_result(&m.result);
    } else if (type == CTL_CANARY && wire_get_ctl_canary(body, &m.canary) == 0) {
        if (m.canary.listen.n) {
            buf_clear(&f.listen);
            buf_append_bytes(&f.listen, m.canary.listen);
        }
        if (m.canary.data.n)
            publish(&m.canary);
    }
    if (type != CTL_CANARY && type != CTL_CALL && !doing("silent"))
        send_status();
}

static void on_down(void *owner, struct link *l, int error)
{
    exit(0);
}

static void make_canary_socket(struct ev_loop *loop)
{
    static ev_io readable;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%.60s/canaries-%.20s", f.run_dir, f.name);
    unlink(at.sun_path);
    f.canaries = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(f.canaries, (struct sockaddr *)&at, sizeof at) < 0)
        exit(9);
    ev_io_init(&readable, on_canary, f.canaries, EV_READ);
    ev_io_start(loop, &readable);
}

static void read_arguments(int argc, char **argv)
{
    f.gateway = strstr(argv[0], "gateway") != NULL;
    for (int i = 1; i < argc; i++) {
        sscanf(argv[i], "--slot=%u", &f.slot);
        sscanf(argv[i], "--port=%u", &f.port);
        sscanf(argv[i], "--capacity=%u", &f.capacity);
        if (strncmp(argv[i], "--run-dir=", 10) == 0)
            f.run_dir = argv[i] + 10;
    }
    snprintf(f.name, sizeof f.name, "%s-%u", f.gateway ? "gateway" : "worker", f.slot);
}

int main(int argc, char **argv)
{
    static const struct link_handlers handlers = {.frame = on_frame, .down = on_down};
    static ev_timer tick;
    static ev_io accepted;
    struct ev_loop *loop = ev_default_loop(0);
    read_arguments(argc, argv);
    f.ctl = link_new(loop, CTL_FD, &handlers, NULL);
    read_orders();
    if (doing("stillborn"))
        return 3;
    f.late = doing("late");
    f.wordless = doing("wordless");
    struct ctl_hello hello = {.version = doing("version") ? 99 : WIRE_VERSION, .pid = (uint32_t)getpid(),
                              .port = f.port, .origin = 1};
    note("start", (unsigned long long)getpid(), BYTES(""));
    if (!f.wordless)
        LINK_SEND(f.ctl, CTL_HELLO, ctl_hello, &hello);
    if (f.gateway) {
        make_canary_socket(loop);
        ev_io_init(&accepted, on_accept, ACCEPT_FD, EV_READ);
        ev_io_start(loop, &accepted);
    }
    ev_timer_init(&tick, on_tick, .02, .02);
    ev_timer_start(loop, &tick);
    ev_run(loop, 0);
    return 0;
}
