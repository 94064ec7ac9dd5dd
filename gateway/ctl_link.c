#include "ctl_link.h"

#include "canary.h"
#include "drain.h"
#include "fan_link.h"
#include "flow.h"
#include "kafka_link.h"
#include "summons.h"
#include "tls.h"
#include "ws.h"

#include "core/clock.h"
#include "run/link.h"
#include "run/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATUS_S 0.1
#define METRICS_S 1.0
#define TURN_ACCEPTS 64 /* descriptors taken in one turn of the loop */
#define PEER_BYTES 512  /* of a ctl_accepted */
#define LAG_STEP_MS 4   /* a change of the lag that is told by itself */
#define CONFIG_WHY_MAX 512 /* bytes */

struct ctl_link {
    struct gateway *g;
    struct link *link;
    ev_io accepts;
    ev_timer status_timer, metrics_timer, usage_timer;
    struct ctl_status told; /* last one sent */
    bool told_any;
    uint64_t taken;         /* version of the configuration that is gone by; 0: none yet */
    uint64_t refused;       /* of the one that came last, if it can't be gone by; else 0 */
    struct buf refused_why; /* CONFIG_WHY_MAX at most */
    uint64_t adopted;
};

/* ---- out */

bool ctl_ask_send(struct ctl_link *c, const struct ctl_ask *m)
{
    if (!c || !c->link)
        return false;
    LINK_SEND(c->link, CTL_CALL, ctl_ask, m);
    return true;
}

void ctl_answer_send(struct ctl_link *c, uint64_t request, struct bytes body)
{
    if (c && c->link)
        LINK_SEND(c->link, CTL_ANSWER, ctl_answer, (&(struct ctl_answer){.request = request, .body = body}));
}

void ctl_emulate_send(struct ctl_link *c, const struct ctl_emulate *m)
{
    LINK_SEND(c->link, CTL_EMULATE, ctl_emulate, m);
}

void ctl_canary_send(struct ctl_link *c, const struct ctl_canary_seen *m)
{
    if (c && c->link)
        LINK_SEND(c->link, CTL_CANARY_SEEN, ctl_canary_seen, m);
}

static bool is_same(const struct ctl_status *a, const struct ctl_status *b)
{
    return a->connections == b->connections && a->capacity == b->capacity && a->adopted == b->adopted &&
           a->ready == b->ready && a->draining == b->draining && bytes_equal(a->why, b->why) &&
           labs((long)a->lag_ms - (long)b->lag_ms) < LAG_STEP_MS;
}

/* Not for each token that names a key which is not there: the supervisor looks no oftener anyway. */
static void ask_for_keys(struct ctl_link *c)
{
    struct bytes url;
    while (c->link && jwks_next_wanted(&c->g->jwks, &url))
        LINK_SEND(c->link, CTL_JWKS_ASK, ctl_jwks_ask, (&(struct ctl_jwks_ask){.url = url}));
}

static void send_status(struct ctl_link *c, const struct ctl_status *m)
{
    struct ctl_config_held held = {.version = c->taken, .refused = c->refused, .why = buf_bytes(&c->refused_why)};
    struct buf *frame = link_begin(c->link, CTL_STATUS);
    wire_put_ctl_status(frame, m);
    wire_put_ctl_config_held(frame, &held);
    link_end(c->link);
}

static void tell_status(struct ev_loop *loop, ev_timer *w, int events)
{
    struct ctl_link *c = w->data;
    struct gateway *g = c->g;
    const char *why = "";
    bool ready = gateway_linked(g, &why);
    struct ctl_status status = {.connections = g->n_connections,
                                .capacity = g->capacity,
                                .adopted = c->adopted,
                                .ready = ready,
                                .draining = drain_leaves(g->drain),
                                .why = bytes_str(ready ? "" : why),
                                .lag_ms = (uint32_t)(lag_now(&g->lag, g->now_ns) / NS_PER_MS)};
    ask_for_keys(c);
    if (!c->link || (c->told_any && is_same(&status, &c->told)))
        return;
    c->told = status; /* the reasons are literals */
    c->told_any = true;
    send_status(c, &status);
}

static void tell_metrics(struct ev_loop *loop, ev_timer *w, int events)
{
    struct ctl_link *c = w->data;
    struct gateway *g = c->g;
    if (!c->link)
        return;
    buf_clear(&g->scratch);
    metrics_snapshot("gateway", gateway_metric_specs, gateway_metric_count, &g->metrics, &g->scratch);
    LINK_SEND(c->link, CTL_METRICS, ctl_metrics, (&(struct ctl_metrics){.metrics = buf_bytes(&g->scratch)}));
}

static void tell_usage(struct ev_loop *loop, ev_timer *w, int events)
{
    struct ctl_link *c = w->data;
    struct buf list = {0};
    if (budgets_report(c->g, &list) && c->link)
        LINK_SEND(c->link, CTL_USAGE, ctl_usage, (&(struct ctl_usage){.tenants = buf_bytes(&list)}));
    buf_fini(&list);
}

/* ---- in */

/* why: NULL, it is gone by. Told with the next status. */
static void note_config(struct ctl_link *c, uint64_t version, const struct buf *why)
{
    c->taken = why ? c->taken : version;
    c->refused = why ? version : 0;
    buf_clear(&c->refused_why);
    if (why)
        buf_append(&c->refused_why, why->p, why->n < CONFIG_WHY_MAX ? why->n : CONFIG_WHY_MAX);
    c->told_any = false;
}

static int config_came(struct ctl_link *c, struct bytes body)
{
    struct gateway *g = c->g;
    struct ctl_config m;
    struct config *fresh;
    struct buf why = {0};
    if (wire_get_ctl_config(body, &m) < 0)
        return -EBADMSG;
    if (config_parse(m.json, bytes_str(g->options->cell), &fresh, &why) < 0) {
        log_error("config_refused", "version=%llu why=%.*s the old one stays", (unsigned long long)m.version,
                  BYTES_FMT(buf_bytes(&why)));
        note_config(c, m.version, &why);
    } else {
        note_config(c, m.version, NULL);
        log_info("config_taken", "version=%llu", (unsigned long long)m.version);
        if (why.n)
            log_warn("config_unknown", "what=%.*s left out", BYTES_FMT(buf_bytes(&why)));
        config_attach_jwks(fresh, &g->jwks);
        config_unref(g->config);
        g->config = fresh;
        kafka_link_configured(g->kafka);
        flow_configured(g);
    }
    buf_fini(&why);
    return 0;
}

static int tls_came(struct gateway *g, struct bytes body)
{
    struct ctl_tls m;
    struct buf why = {0};
    if (!g->tls || wire_get_ctl_tls(body, &m) < 0)
        return -EBADMSG;
    if (tls_take(g->tls, &m, &why) < 0)
        log_error("tls_refused", "why=\"%.*s\" what was there stays", BYTES_FMT(buf_bytes(&why)));
    buf_fini(&why);
    return 0;
}

static int jwks_came(struct gateway *g, struct bytes body)
{
    struct ctl_jwks m;
    struct buf why = {0};
    if (wire_get_ctl_jwks(body, &m) < 0)
        return -EBADMSG;
    int n = jwks_take(&g->jwks, &m, &why);
    if (n < 0 || why.n)
        log_warn("jwks_taken", "url=%.*s keys=%d why=\"%.*s\"", BYTES_FMT(m.url), n, BYTES_FMT(buf_bytes(&why)));
    else
        log_info("jwks_taken", "url=%.*s keys=%d", BYTES_FMT(m.url), n);
    buf_fini(&why);
    return 0;
}

static int call_came(struct ctl_link *c, struct bytes body)
{
    struct ctl_call m;
    struct buf answer = {0};
    if (wire_get_ctl_call(body, &m) < 0)
        return -EBADMSG;
    if (summons_answer(c->g, &m, &answer))
        ctl_answer_send(c, m.request, buf_bytes(&answer));
    buf_fini(&answer);
    return 0;
}

#define HEAR(name, body, call)                                                                               \
    ({                                                                                                       \
        struct name m;                                                                                       \
        int error_ = wire_get_##name(body, &m);                                                              \
        if (error_ == 0)                                                                                     \
            call;                                                                                            \
        error_;                                                                                              \
    })

static int frame_came(struct ctl_link *c, uint8_t type, struct bytes body)
{
    struct gateway *g = c->g;
    switch (type) {
    case CTL_CONFIG:
        return config_came(c, body);
    case CTL_MAP:
        return HEAR(ctl_map, body, error_ = fan_links_map(g->fan, &m));
    case CTL_DRAIN:
        return HEAR(ctl_drain, body, gateway_drain(g, m.seconds * 1000LL));
    case CTL_PACE:
        return HEAR(ctl_pace, body, gateway_pace(g, m.clear, m.rate));
    case CTL_CANARY:
        return HEAR(ctl_canary, body, error_ = canary_asked(g, &m));
    case CTL_CALL:
        return call_came(c, body);
    case CTL_TLS:
        return tls_came(g, body);
    case CTL_JWKS:
        return jwks_came(g, body);
    case CTL_USAGE:
        return HEAR(ctl_usage, body, error_ = budgets_heard(g, &m));
    case CTL_EMULATE:
        return HEAR(ctl_emulate, body, emulation_heard(g, &m));
    case CTL_EMULATED:
        return HEAR(ctl_emulated, body, emulation_answered(g, &m));
    case CTL_RESULT:
        return HEAR(ctl_result, body, ops_result_came(g, &m));
    default:
        return 0;
    }
}

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    if (frame_came(owner, type, body) < 0)
        log_error("frame_refused", "peer=supervisor type=%u bytes=%zu", type, body.n);
}

static void on_down(void *owner, struct link *l, int error)
{
    struct ctl_link *c = owner;
    log_error("supervisor_lost", "errno=%s the process ends", strerror(-error));
    link_free(l);
    c->link = NULL;
    ev_break(c->g->loop, EVBREAK_ALL);
}

static const struct link_handlers doors = {on_frame, NULL, on_down};

/* ---- accepted connections */

/* ret_peer: whose it is. -> the descriptor, or -1 with errno (0: the other side has closed) */
static int receive_one(int from, struct source *ret_peer)
{
    char body[PEER_BYTES];
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec iov = {.iov_base = body, .iov_len = sizeof body};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof control.space};
    struct ctl_accepted accepted;
    errno = 0;
    ssize_t n = recvmsg(from, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n <= 0)
        return -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int))) {
        errno = EBADMSG;
        return -1;
    }
    if (wire_get_ctl_accepted(bytes_of(body, (size_t)n), &accepted) < 0 || !source_parse(accepted.peer, ret_peer))
        *ret_peer = (struct source){0};
    int fd;
    memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

static void on_accepts(struct ev_loop *loop, ev_io *w, int events)
{
    struct ctl_link *c = w->data;
    for (int i = 0; i < TURN_ACCEPTS; i++) {
        struct source peer;
        int fd = receive_one(w->fd, &peer);
        if (fd >= 0) {
            c->adopted++;
            c->g->metrics.sockets_adopted_total++;
            ws_adopt(c->g->ws, fd, peer, c->g->tls != NULL);
        } else if (errno == EAGAIN || errno == EINTR) {
            return;
        } else if (errno != EBADMSG) {
            ev_io_stop(loop, w); /* closed: CTL_FD tells the same */
            return;
        }
    }
}

/* ---- life */

static bool is_socket(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 && S_ISSOCK(s.st_mode);
}

static void start_timer(struct ctl_link *c, ev_timer *t, void (*tell)(struct ev_loop *, ev_timer *, int), double every)
{
    ev_timer_init(t, tell, every, every);
    t->data = c;
    ev_timer_start(c->g->loop, t);
}

struct ctl_link *ctl_link_new(struct gateway *g, int port)
{
    if (!is_socket(CTL_FD))
        return NULL;
    struct ctl_link *c = calloc(1, sizeof *c);
    assert(c);
    c->g = g;
    c->link = link_new(g->loop, CTL_FD, &doors, c);
    LINK_SEND(c->link, CTL_HELLO, ctl_hello,
              (&(struct ctl_hello){.version = WIRE_VERSION,
                                   .pid = (uint32_t)getpid(),
                                   .port = (uint32_t)port,
                                   .origin = g->origin,
                                   .node = bytes_str(g->uid)}));
    ev_io_init(&c->accepts, on_accepts, ACCEPT_FD, EV_READ);
    c->accepts.data = c;
    if (is_socket(ACCEPT_FD))
        ev_io_start(g->loop, &c->accepts);
    start_timer(c, &c->status_timer, tell_status, STATUS_S);
    start_timer(c, &c->metrics_timer, tell_metrics, METRICS_S);
    start_timer(c, &c->usage_timer, tell_usage, USAGE_MS / 1000.);
    return c;
}

void ctl_link_free(struct ctl_link *c)
{
    if (!c)
        return;
    ev_io_stop(c->g->loop, &c->accepts);
    ev_timer_stop(c->g->loop, &c->status_timer);
    ev_timer_stop(c->g->loop, &c->metrics_timer);
    ev_timer_stop(c->g->loop, &c->usage_timer);
    link_free(c->link);
    buf_fini(&c->refused_why);
    free(c);
}
