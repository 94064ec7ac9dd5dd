/* A small HTTP server on the test's loop, whose answers depend on the path:
 * /hello, /echo (the request as it came), /drip (chunked), /long (its length announced), /move (a redirect),
 * /hang (none, until server_answer), /cut (closes), /set (server::set). */
#ifndef TESTS_UNIT_RUN_HTTP_SERVER_H
#define TESTS_UNIT_RUN_HTTP_SERVER_H

#include "run/listener.h"

#include "core/buf.h"
#include "unit.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER_PEERS_MAX 64

struct peer {
    struct server *server;
    ev_io io;
    struct buf in;
    bool open, hangs;
};

struct server {
    struct ev_loop *loop;
    struct listener *listener;
    struct peer peers[SERVER_PEERS_MAX];
    unsigned accepted, requests, closed;
    const char *set; /* NULL: status 500 */
    char seen[SERVER_PEERS_MAX]; /* first letter of the path's second part, in the order of their coming */
};

static inline void peer_close(struct peer *p)
{
    if (!p->open)
        return;
    p->open = false;
    p->server->closed++;
    ev_io_stop(p->server->loop, &p->io);
    close(p->io.fd);
    buf_fini(&p->in);
}

static inline void peer_say(struct peer *p, int status, const char *headers, struct bytes body)
{
    struct buf out = {0};
    buf_printf(&out, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n%s\r\n", status, body.n, headers);
    buf_append_bytes(&out, body);
    ck_assert_int_eq(send(p->io.fd, out.p, out.n, MSG_NOSIGNAL), (ssize_t)out.n);
    buf_fini(&out);
}

static inline void peer_answer(struct peer *p, const char *path, struct bytes request)
{
    static const char drip[] = "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n"
                               "10\r\n0123456789abcdef\r\n0\r\n\r\n";
    if (strncmp(path, "/hello", 6) == 0)
        peer_say(p, 200, "", BYTES("hello"));
    else if (strncmp(path, "/echo", 5) == 0)
        peer_say(p, 201, "", request);
    else if (strncmp(path, "/drip", 5) == 0)
        ck_assert_int_gt(send(p->io.fd, drip, sizeof drip - 1, MSG_NOSIGNAL), 0);
    else if (strncmp(path, "/long", 5) == 0)
        peer_say(p, 200, "", BYTES("0123456789abcdef0123456789abcdef"));
    else if (strncmp(path, "/move", 5) == 0)
        peer_say(p, 302, "Location: /hello\r\n", BYTES(""));
    else if (strncmp(path, "/set", 4) == 0)
        peer_say(p, p->server->set ? 200 : 500, "", bytes_str(p->server->set ? p->server->set : ""));
    else if (strncmp(path, "/cut", 4) == 0)
        peer_close(p);
    else
        p->hangs = true;
}

static inline void peer_request(struct peer *p)
{
    char path[64] = "";
    const char *end = p->in.n ? strstr(p->in.p, "\r\n\r\n") : NULL;
    const char *length = end ? strcasestr(p->in.p, "content-length:") : NULL;
    size_t n = end ? (size_t)(end - p->in.p) + 4 + (length ? (size_t)atoi(length + 15) : 0) : 0;
    if (!end || p->in.n < n)
        return;
    sscanf(p->in.p, "%*s %63s", path);
    const char *mark = strchr(path + 1, '/');
    p->server->seen[p->server->requests++] = mark ? mark[1] : '?';
    peer_answer(p, path, bytes_of(p->in.p, n));
    if (p->open)
        buf_consume(&p->in, n);
}

static inline void peer_ready(struct ev_loop *loop, ev_io *w, int events)
{
    struct peer *p = w->data;
    char part[65536];
    ssize_t n = recv(w->fd, part, sizeof part, 0);
    if (n <= 0) {
        peer_close(p);
        return;
    }
    buf_append(&p->in, part, (size_t)n);
    peer_request(p);
}

static inline void server_accepted(void *owner, int fd, const struct address *from)
{
    struct server *s = owner;
    struct peer *p = &s->peers[s->accepted++];
    ck_assert_uint_le(s->accepted, SERVER_PEERS_MAX);
    *p = (struct peer){.server = s, .open = true};
    ev_io_init(&p->io, peer_ready, fd, EV_READ);
    p->io.data = p;
    ev_io_start(s->loop, &p->io);
}

static inline void server_start(struct server *s, struct ev_loop *loop)
{
    struct buf why = {0};
    *s = (struct server){.loop = loop};
    ck_assert_int_eq(listener_new(loop, "127.0.0.1:0", 64, server_accepted, s, &s->listener, &why), 0);
}

static inline void server_stop(struct server *s)
{
    for (unsigned i = 0; i < s->accepted; i++)
        peer_close(&s->peers[i]);
    listener_free(s->listener);
}

/* Whoever hangs is answered. */
static inline void server_answer(struct server *s)
{
    for (unsigned i = 0; i < s->accepted; i++) {
        struct peer *p = &s->peers[i];
        if (!p->open || !p->hangs)
            continue;
        p->hangs = false;
        peer_say(p, 200, "", BYTES("late"));
    }
}

#endif
