#include "child.h"

#include "command.h"
#include "core/clock.h"
#include "core/random.h"
#include "run/log.h"
#include "spawn.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 2000 /* behind the time that a draining child was given */

static void arm(struct child *c, uint32_t ms)
{
    ev_timer_stop(c->loop, &c->timer);
    ev_timer_set(&c->timer, ms / 1000., 0.);
    ev_timer_start(c->loop, &c->timer);
}

/* ---- what the child says */

static int take_hello(struct child *c, struct bytes body)
{
    struct ctl_hello m;
    if (wire_get_ctl_hello(body, &m) < 0)
        return -EBADMSG;
    if (m.version != WIRE_VERSION)
        return -EPROTO;
    c->greeted = true;
    c->faulted = 0;
    c->fault = NULL;
    c->port = m.port;
    c->origin = m.origin;
    snprintf(c->node, sizeof c->node, "%.*s", BYTES_FMT(m.node));
    c->handlers->greeted(c->owner, c);
    return 0;
}

static void keep_why(struct buf *why, struct bytes text)
{
    buf_clear(why);
    buf_append(why, text.p, text.n < CHILD_WHY_MAX ? text.n : CHILD_WHY_MAX);
}

static int take_config_held(struct child_config *config, struct bytes body)
{
    struct ctl_config_held m;
    int there = wire_next_ctl_config_held(&body, &m);
    if (there <= 0)
        return there;
    config->says = true;
    config->version = m.version;
    config->refused = m.refused;
    keep_why(&config->why, m.why);
    return 0;
}

static int take_status(struct child *c, struct bytes body)
{
    struct ctl_status m;
    if (!c->greeted || wire_next_ctl_status(&body, &m) <= 0 || take_config_held(&c->config, body) < 0)
        return -EBADMSG;
    keep_why(&c->why, m.why);
    c->report = m;
    c->report.why = bytes_of(NULL, 0);
    child_event(c, m.ready && !m.draining ? CHILD_ON_READY : CHILD_ON_NOT_READY);
    c->handlers->reported(c->owner, c);
    return 0;
}

static int take_metrics(struct child *c, struct bytes body)
{
    struct ctl_metrics m;
    if (wire_get_ctl_metrics(body, &m) < 0)
        return -EBADMSG;
    if (m.metrics.n > CHILD_METRICS_MAX)
        return 0;
    buf_clear(&c->metrics);
    buf_append_bytes(&c->metrics, m.metrics);
    return 0;
}

static int take_frame(struct child *c, uint8_t type, struct bytes body)
{
    switch (type) {
    case CTL_HELLO:
        return take_hello(c, body);
    case CTL_STATUS:
        return take_status(c, body);
    case CTL_METRICS:
        return take_metrics(c, body);
    default:
        return c->greeted ? c->handlers->frame(c->owner, c, type, body) : -EBADMSG;
    }
}

/* One that is on its way out may say what it likes. */
static void fault(struct child *c, const char *why)
{
    if (child_step(c->state, CHILD_ON_FAULT).action != CHILD_DO_KILL)
        return;
    c->fault = why;
    log_error("child_fault", "child=%s pid=%d why=\"%s\" it is killed and started again", c->name,
              (int)c->pid, why);
    child_event(c, CHILD_ON_FAULT);
}

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct child *c = owner;
    c->silent = 0;
    int error = take_frame(c, type, body);
    if (error == -EPROTO)
        fault(c, "another WIRE_VERSION: programs of two releases are mixed");
    else if (error < 0)
        fault(c, "a frame that can't be read");
}

/* The process is still there, or its end has not been told yet; if it lives on, it is silent from here on. */
static void on_down(void *owner, struct link *l, int error)
{
    struct child *c = owner;
    log_debug("child_link_down", "child=%s error=%d", c->name, error);
    link_free(c->link);
    c->link = NULL;
}

static const struct link_handlers link_handlers = {.frame = on_frame, .down = on_down};

bool child_can_hear(const struct child *c)
{
    return c->greeted && c->link;
}

struct headroom child_headroom(const struct child *c)
{
    bool takes = c->link && !c->report.draining && !c->set_aside;
    return (struct headroom){.state = takes ? c->state : CHILD_DOWN,
                             .full = c->accept_full,
                             .capacity = c->report.capacity,
                             .connections = c->report.connections,
                             .adopted = c->report.adopted,
                             .passed = c->passed,
                             .lag_ms = c->report.lag_ms};
}

size_t child_pending(const struct child *c)
{
    return c->link ? link_pending(c->link) : 0;
}

void child_send(struct child *c, enum ctl_type type, struct bytes body)
{
    if (!child_can_hear(c))
        return;
    if (link_pending(c->link) > CHILD_PENDING_MAX) {
        fault(c, "it does not read what it is told");
        return;
    }
    link_send(c->link, (uint8_t)type, body);
}

/* ---- its process */

static void forget_process(struct child *c)
{
    ev_child_stop(c->loop, &c->exit);
    link_free(c->link);
    c->link = NULL;
    if (c->accept_fd >= 0)
        close(c->accept_fd);
    c->accept_fd = -1;
    c->pid = 0;
    c->port = 0;
    c->node[0] = 0;
    c->greeted = false;
    c->silent = 0;
    c->passed = 0;
    c->report = (struct ctl_status){0};
    buf_clear(&c->why);
    buf_fini(&c->config.why);
    c->config = (struct child_config){0};
    buf_clear(&c->metrics);
}

static void tell_end(struct child *c, int status)
{
    if (c->state == CHILD_ENDING && c->fault)
        snprintf(c->last_end, sizeof c->last_end, "killed: %s", c->fault);
    else if (WIFSIGNALED(status))
        snprintf(c->last_end, sizeof c->last_end, "signal %d (%s)%s", WTERMSIG(status),
                 strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
    else
        snprintf(c->last_end, sizeof c->last_end, "exit %d", WEXITSTATUS(status));
    bool asked = c->state == CHILD_DRAINING || c->state == CHILD_REPLACING;
    log_line(asked ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "child_ended",
             "child=%s pid=%d how=\"%s\" up_ms=%lld state=%s", c->name, (int)c->pid, c->last_end,
             (long long)((clock_mono_ns() - c->started_ns) / NS_PER_MS),
             child_state_name(c->state));
}

static void on_exit_of(struct ev_loop *loop, ev_child *w, int events)
{
    struct child *c = w->data;
    tell_end(c, w->rstatus);
    if (c->state != CHILD_ENDING)
        c->faulted = 0; /* a death of its own: no reason to spare others any longer */
    forget_process(c);
    child_event(c, CHILD_ON_EXITED);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    child_event(w->data, CHILD_ON_TIMER);
}

/* ---- what an action does */

static void do_spawn(struct child *c)
{
    struct spawned s;
    struct command *command = c->handlers->command(c->owner, c);
    int error = c->role == ROLE_GATEWAY && command->inherits.listen < 0 ? command->inherits.listen : 0;
    if (error == 0)
        error = spawn(command->path, command->argv, command->env, c->role == ROLE_GATEWAY, &command->inherits, &s);
    command_free(command);
    c->started_ns = clock_mono_ns();
    if (error < 0) {
        snprintf(c->last_end, sizeof c->last_end, "not started: %s", strerror(-error));
        log_error("child_not_started", "child=%s errno=%s", c->name, strerror(-error));
        child_event(c, CHILD_ON_EXITED);
        return;
    }
    c->pid = s.pid;
    c->accept_fd = s.accept_fd;
    c->link = link_new(c->loop, s.ctl_fd, &link_handlers, c);
    ev_child_set(&c->exit, s.pid, 0);
    ev_child_start(c->loop, &c->exit);
    arm(c, CHILD_SETTLED_MS);
    log_info("child_started", "child=%s pid=%d", c->name, (int)s.pid);
}

static void do_retry(struct child *c)
{
    c->counts.restarts_total++;
    uint32_t ms = backoff_next(&c->backoff, random_u64());
    arm(c, ms);
    log_info("child_restart", "child=%s in_ms=%u restarts=%llu", c->name, ms,
             (unsigned long long)c->counts.restarts_total);
}

/* Its ACCEPT_FD ends before it is told to go, so that it can know when it has taken all that was passed. */
static void do_let_go(struct child *c)
{
    if (c->accept_fd >= 0)
        shutdown(c->accept_fd, SHUT_WR);
    struct buf body;
    struct ctl_drain m = {.seconds = (c->drain_ms + 999) / 1000};
    buf_init(&body);
    wire_put_ctl_drain(&body, &m);
    if (child_can_hear(c))
        child_send(c, CTL_DRAIN, buf_bytes(&body));
    else
        kill(c->pid, SIGTERM);
    buf_fini(&body);
    arm(c, c->drain_ms + DEADLINE_MS);
}

static void do_kill(struct child *c)
{
    if (c->state == CHILD_ENDING && !c->faulted)
        c->faulted = 1; /* again before it has greeted: that time goes on */
    kill(c->pid, SIGKILL);
}

static void act(struct child *c, enum child_action action)
{
    switch (action) {
    case CHILD_DO_SPAWN:
        do_spawn(c);
        break;
    case CHILD_DO_RETRY:
        do_retry(c);
        break;
    case CHILD_DO_FORGIVE:
        backoff_reset(&c->backoff);
        break;
    case CHILD_DO_LET_GO:
        do_let_go(c);
        break;
    case CHILD_DO_KILL:
        do_kill(c);
        break;
    case CHILD_DO_REST:
        ev_timer_stop(c->loop, &c->timer);
        backoff_reset(&c->backoff);
        break;
    case CHILD_DO_NONE:
        break;
    default:
        assert(!"an event that can't happen in this state");
    }
}

void child_event(struct child *c, enum child_event event)
{
    enum child_state from = c->state;
    struct child_step step = child_step(from, event);
    c->state = step.next;
    act(c, step.action);
    if (c->state != from)
        c->handlers->moved(c->owner, c, from);
}

void child_let_go(struct child *c, uint32_t drain_ms)
{
    c->drain_ms = drain_ms;
    child_event(c, CHILD_ON_DRAIN);
}

/* ---- life */

const char *role_name(enum child_role role)
{
    return role == ROLE_GATEWAY ? "gateway" : "worker";
}

void child_fill(struct child *c, unsigned slot, const char *suffix)
{
    assert(slot >= 1 && slot <= SLOTS_MAX);
    c->slot = slot;
    snprintf(c->name, sizeof c->name, "%s-%u%s%s", role_name(c->role), slot, suffix ? "-" : "",
             suffix ? suffix : "");
}

struct child *child_new(struct ev_loop *loop, enum child_role role, unsigned seat,
                        const struct child_handlers *handlers, void *owner)
{
    struct child *c = calloc(1, sizeof *c);
    assert(c && seat <= SLOTS_MAX);
    *c = (struct child){.role = role, .seat = seat, .loop = loop, .handlers = handlers,
                        .owner = owner, .accept_fd = -1};
    backoff_init(&c->backoff, CHILD_BACKOFF_MIN_MS, CHILD_BACKOFF_MAX_MS);
    ev_init(&c->timer, on_timer);
    ev_init(&c->exit, on_exit_of);
    c->timer.data = c->exit.data = c;
    buf_init(&c->why);
    buf_init(&c->metrics);
    return c;
}

void child_free(struct child *c)
{
    if (!c)
        return;
    if (c->pid)
        kill(c->pid, SIGKILL);
    forget_process(c);
    ev_timer_stop(c->loop, &c->timer);
    buf_fini(&c->why);
    buf_fini(&c->config.why);
    buf_fini(&c->metrics);
    free(c);
}
