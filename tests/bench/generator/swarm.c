#include "swarm.h"

#include "dialect.h"
#include "reading.h"
#include "tls.h"

#include "core/random.h"
#include "run/process.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_S 0.01
#define LOOK_S 0.25 /* so that the Go SDK's second for a handshake is one */
#define FIRST_SOURCE 0x7f010001u /* 127.1.0.1 */
#define LOOPBACK_NET 127

int swarm_resolve(const char *servers, struct address ret_servers[SERVERS_MAX], size_t *ret_n,
                  struct buf *ret_error)
{
    size_t n = 0;
    int error = 0;
    char *copy = strdup(servers), *rest = copy;
    assert(copy);
    for (char *one = strsep(&rest, ","); one && error >= 0; one = strsep(&rest, ",")) {
        struct address found[ADDRESSES_MAX];
        error = n == SERVERS_MAX ? -EINVAL : address_resolve(one, false, found, ret_error);
        if (error > 0)
            ret_servers[n++] = found[0];
    }
    free(copy);
    *ret_n = n;
    return error < 0 ? error : 0;
}

/* A source that the kernel gives a port when it knows the destination too, so that a port
 * serves once per server. */
static int bind_source(int fd, const struct address *to, uint32_t source)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&to->storage;
    int one = 1;
    if (in->sin_family != AF_INET || ntohl(in->sin_addr.s_addr) >> 24 != LOOPBACK_NET)
        return 0;
    uint32_t address = FIRST_SOURCE + source / 250 * 256 + source % 250;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    return bind(fd, (struct sockaddr *)&from, sizeof from) < 0 ? -errno : 0;
}

int swarm_socket(const struct swarm *s, uint64_t index)
{
    const struct address *to = &s->servers[index % s->n_servers];
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int error = reading_init(fd);
    if (error == 0)
        error = bind_source(fd, to, (uint32_t)(index % (uint64_t)s->options->sources));
    if (error == 0 && connect(fd, &to->any, to->n) < 0 && errno != EINPROGRESS)
        error = -errno;
    if (error == 0)
        return fd;
    close(fd);
    return error;
}

static void begin_some(struct swarm *s)
{
    double due = (ev_now(s->loop) - s->started) * s->rate;
    while (s->begun < s->n && (double)s->begun < due &&
           s->opening < (size_t)s->options->opening_max)
        connection_open(&s->connections[s->begun++]);
}

static void cut_some(struct swarm *s)
{
    double now = ev_now(s->loop);
    if (s->cut_since == 0)
        s->cut_since = now;
    for (; (double)s->n_cut < (now - s->cut_since) * s->cut_rate; s->n_cut++)
        connection_cut(&s->connections[random_u64() % s->n]);
}

/* The slow ones stand spread over all, so that each server's process has its share. */
static bool is_slow(const struct swarm *s, size_t i)
{
    return (i + 1) * s->n_slow / s->n > i * s->n_slow / s->n;
}

static void make_slow(struct swarm *s, bool slow)
{
    s->slow = slow;
    for (size_t i = 0; i < s->n; i++) {
        if (!is_slow(s, i))
            continue;
        if (slow)
            connection_pause(&s->connections[i]);
        else
            connection_resume(&s->connections[i]);
    }
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct swarm *s = w->data;
    int phase = s->board->phase;
    begin_some(s);
    if (phase == PHASE_PUBLISH && s->cut_rate > 0 && !board_all_published(s->board))
        cut_some(s);
    bool slow = phase == PHASE_PUBLISH && !board_all_published(s->board);
    if (s->n_slow && slow != s->slow)
        make_slow(s, slow);
    if (phase == PHASE_END)
        ev_break(loop, EVBREAK_ALL);
}

static void on_look(struct ev_loop *loop, ev_timer *w, int events)
{
    struct swarm *s = w->data;
    for (size_t i = 0; i < s->begun; i++)
        connection_look(&s->connections[i], ev_now(loop));
}

static void start_timer(struct swarm *s, ev_timer *w,
                        void (*callback)(struct ev_loop *, ev_timer *, int), double every)
{
    ev_timer_init(w, callback, every, every);
    w->data = s;
    ev_timer_start(s->loop, w);
}

static void stop(void *owner)
{
    struct swarm *s = owner;
    ev_break(s->loop, EVBREAK_ALL);
}

static void make_connections(struct swarm *s, uint64_t first)
{
    size_t each = (size_t)s->options->subscriptions;
    s->connections = calloc(s->n, sizeof *s->connections);
    s->subscriptions = calloc(s->n * each, sizeof *s->subscriptions);
    s->room = malloc(READ_MAX);
    assert(s->connections && s->subscriptions && s->room);
    for (size_t i = 0; i < s->n; i++)
        connection_init(&s->connections[i], s, first + i, &s->subscriptions[i * each]);
    s->report->asked = s->n;
}

void swarm_run(const struct bench_options *options, const struct dialect *dialect,
               struct board *board, size_t number, uint64_t first, size_t n)
{
    static struct swarm swarm;
    struct swarm *s = &swarm;
    struct process process;
    double share = (double)n / (double)options->connections;
    *s = (struct swarm){.options = options,
                        .dialect = dialect,
                        .board = board,
                        .report = &board->reports[number],
                        .arrivals = &board->arrivals[number * board->messages],
                        .n = n,
                        .n_slow = n * (size_t)options->slow_percent / 100,
                        .rate = (double)options->connect_rate * share,
                        .cut_rate = (double)options->drop_rate * share};
    process_init(&process, true, stop, NULL, s);
    s->loop = process.loop;
    swarm_resolve(options->server, s->servers, &s->n_servers, NULL);
    sdk_choose(options, &s->sdk, NULL);
    s->tls = options->tls ? tls_context_new() : NULL;
    make_connections(s, first);
    turns_start(&s->turns, s->loop, connection_open);
    start_timer(s, &s->tick, on_tick, TICK_S);
    start_timer(s, &s->look, on_look, LOOK_S);
    ev_now_update(s->loop);
    s->started = ev_now(s->loop);
    ev_set_io_collect_interval(s->loop, (double)options->collect / 1000);
    ev_run(s->loop, 0);
    for (size_t i = 0; i < s->n; i++)
        connection_fini(&s->connections[i]);
    tls_context_free(s->tls);
    free(s->connections);
    free(s->subscriptions);
    free(s->room);
}
