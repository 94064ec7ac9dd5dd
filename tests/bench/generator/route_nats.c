/* Publishing as a client of NATS: PUBs and a PING behind them; its PONG says that the server
 * has them all. */
#include "payload.h"
#include "route.h"

#include "run/address.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_S 30

struct nats {
    const struct bench_options *options;
    int fd; /* -1: no server */
    struct buf out, in;
};

static int dial(const char *where)
{
    struct address found[ADDRESSES_MAX];
    struct timeval patience = {.tv_sec = TIMEOUT_S};
    if (address_resolve(where, false, found, NULL) < 1)
        return -1;
    int fd = socket(found[0].any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (fd >= 0 && connect(fd, &found[0].any, found[0].n) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void *open_nats(const struct bench_options *o)
{
    struct nats *n = calloc(1, sizeof *n);
    assert(n);
    n->options = o;
    n->fd = dial(o->api);
    buf_append_str(&n->out, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
    return n;
}

static void close_nats(void *session)
{
    struct nats *n = session;
    if (n->fd >= 0)
        close(n->fd);
    buf_fini(&n->out);
    buf_fini(&n->in);
    free(n);
}

static void append_message(struct nats *n, uint64_t message, uint64_t stamp_us)
{
    struct buf data = {0};
    payload_append(&data, message, stamp_us, (size_t)n->options->payload);
    buf_append_str(&n->out, "PUB ");
    route_append_channel(n->options, message, &n->out);
    buf_printf(&n->out, " %zu\r\n%.*s\r\n", data.n, BYTES_FMT(buf_bytes(&data)));
    buf_fini(&data);
}

static bool send_all(struct nats *n)
{
    size_t sent = 0;
    while (sent < n->out.n) {
        ssize_t k = send(n->fd, n->out.p + sent, n->out.n - sent, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        sent += (size_t)k;
    }
    buf_clear(&n->out);
    return true;
}

/* INFO, and PINGs of the server's own, come before it. */
static bool wait_for_pong(struct nats *n)
{
    char text[4096];
    buf_clear(&n->in);
    for (;;) {
        ssize_t k = recv(n->fd, text, sizeof text, 0);
        if (k <= 0)
            return false;
        buf_append(&n->in, text, (size_t)k);
        if (memmem(n->in.p, n->in.n, "-ERR", 4))
            return false;
        if (memmem(n->in.p, n->in.n, "PONG\r\n", 6))
            break;
    }
    if (memmem(n->in.p, n->in.n, "PING\r\n", 6))
        buf_append_str(&n->out, "PONG\r\n");
    return true;
}

static void publish(void *session, const struct parcel *parcel, enum outcome *ret_outcomes)
{
    struct nats *n = session;
    for (size_t i = 0; i < parcel->n; i++)
        append_message(n, parcel->first + i * parcel->step, parcel->stamp_us);
    buf_append_str(&n->out, "PING\r\n");
    bool taken = n->fd >= 0 && send_all(n) && wait_for_pong(n);
    for (size_t i = 0; i < parcel->n; i++)
        ret_outcomes[i] = taken ? OUTCOME_ACKNOWLEDGED : OUTCOME_UNKNOWN;
}

const struct route route_nats = {.name = "nats",
                                 .most = ROUTE_MOST,
                                 .open = open_nats,
                                 .close = close_nats,
                                 .publish = publish};
