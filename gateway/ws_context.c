#include "ws_context.h"

#include "ws.h"

#include <errno.h>
#include <linux/tcp.h>
#include <sys/socket.h>

#define NOTSENT_LOWAT 32768
#define RX_BYTES 512      /* per connection, allocated by libwebsockets */
#define SERVE_BYTES 8192  /* per process: reading, and the answer to an upgrade */
#define KEEPALIVE_S 60

/* SSL_CTX of the vhost, before anything is accepted; everything else is the gateway's. */
static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    struct ws_context *c = lws_context_user(lws_get_context(wsi));
    if (reason != LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS)
        return c->callback(wsi, reason, user, in, n);
    tls_attach(c->tls, user);
    return 0;
}

static struct lws_vhost *vhost_new(struct ws_context *c, struct lws_context_creation_info *info, bool secure)
{
    info->vhost_name = secure ? "secure" : "plain";
    if (secure)
        info->options |= LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX | LWS_SERVER_OPTION_ALLOW_NON_SSL_ON_SSL_PORT |
                         LWS_SERVER_OPTION_ALLOW_HTTP_ON_HTTPS_LISTENER;
    return lws_create_vhost(c->context, info);
}

int ws_context_init(struct ws_context *c, struct ev_loop *loop, struct tls *tls, const struct lws_extension *extensions,
                    size_t headers_max, lws_callback_function *callback)
{
    static const char *const names[] = {WS_PROTOCOL_JSON, WS_PROTOCOL_PROTOBUF}; /* who offers none gets the first */
    static const lws_retry_bo_t no_validity_checks; /* zeroed: no timer per connection */
    void *loops[] = {loop};
    *c = (struct ws_context){.callback = callback, .tls = tls};
    for (int i = 0; i < 2; i++)
        c->protocols[i] = (struct lws_protocols){.name = names[i],
                                                 .callback = tls ? on_event : callback,
                                                 .rx_buffer_size = RX_BYTES,
                                                 .tx_packet_size = 1 << 30}; /* else a write goes out in pieces of RX_BYTES */
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = c->protocols,
        .extensions = extensions,
        .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME | (tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
        .foreign_loops = loops,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .count_threads = 1,
        .pt_serv_buf_size = SERVE_BYTES,
        .max_http_header_data2 = (unsigned)headers_max,
        .keepalive_timeout = KEEPALIVE_S,
        .retry_and_idle_policy = &no_validity_checks,
        .alpn = "http/1.1",
        .user = c,
    }; /* fd_limit_per_thread stays 0: anything else turns finding a connection by descriptor into a linear search */
    c->context = lws_create_context(&info);
    c->plain = c->context ? vhost_new(c, &info, false) : NULL;
    c->secure = c->plain && tls ? vhost_new(c, &info, true) : NULL;
    if (c->plain && (c->secure || !tls))
        return 0;
    ws_context_fini(c);
    return -EIO;
}

void ws_context_fini(struct ws_context *c)
{
    if (c->context)
        lws_context_destroy(c->context);
    c->context = NULL;
}

struct lws *ws_context_adopt(struct ws_context *c, int fd, bool secure)
{
    int one = 1, lowat = NOTSENT_LOWAT;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof lowat);
    struct lws *wsi = lws_adopt_socket_vhost(secure ? c->secure : c->plain, fd);
    if (wsi) /* the deadline of a request is ours (wheel.h); this one is in a sorted list that each newcomer would walk */
        lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
    return wsi;
}
