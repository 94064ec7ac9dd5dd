#include "supervisor.h"

#include "command.h"
#include "emulation.h"

#include "core/clock.h"
#include "run/log.h"
#include "run_dir.h"
#include "status.h"
#include "token_memory.h"
#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- what a child says and does */

static struct command *on_command(void *owner, const struct child *c)
{
    struct supervisor *s = owner;
    struct command *command =
        command_new(&s->options, s->programs[c->role], c, s->topic, s->started_ms, environ);
    if (c->role == ROLE_GATEWAY)
        command->inherits = (struct inherits){slot_port_open(&s->cell.ports, c->slot), s->tokens_fd};
    return command;
}

static void send_config(struct supervisor *s, struct child *c)
{
    struct ctl_config m = {.version = s->config.facts.version,
                           .json = buf_bytes(&s->config.json)};
    struct buf body;
    if (s->config.source == CONFIG_NONE || !child_can_hear(c))
        return;
    buf_init(&body);
    wire_put_ctl_config(&body, &m);
    child_send(c, CTL_CONFIG, buf_bytes(&body));
    buf_fini(&body);
    c->config.told = m.version;
    c->config.told_ns = clock_mono_ns();
}

static void tell_tls(struct supervisor *s, struct child *c)
{
    struct buf body = {0};
    tls_put(&s->tls, &body);
    child_send(c, CTL_TLS, buf_bytes(&body));
    buf_fini(&body);
}

static void hand_keys(void *ctx, struct bytes body)
{
    child_send(ctx, CTL_JWKS, body);
}

static void on_keys(void *owner, struct bytes body)
{
    struct supervisor *s = owner;
    struct child *c;
    for cell_each_gateway (c, &s->cell)
        hand_keys(c, body);
}

static void on_greeted(void *owner, struct child *c)
{
    struct supervisor *s = owner;
    send_config(s, c);
    cell_greeted(&s->cell, c);
    canary_replan(&s->canary);
    if (c->role == ROLE_GATEWAY && tls_is_on(&s->tls))
        tell_tls(s, c);
    if (c->role == ROLE_GATEWAY) {
        jwks_each(&s->jwks, hand_keys, c);
        canary_greeted(&s->canary, c);
        usage_greeted(&s->usage);
    }
}

static void on_reported(void *owner, struct child *c)
{
    struct supervisor *s = owner;
    acceptor_consider(&s->acceptor);
}

static bool has_ended(const struct child *c, enum child_state from)
{
    return c->pid == 0 || (from == CHILD_REPLACING && c->state == CHILD_STARTING); /* there is another one already */
}

static void on_moved(void *owner, struct child *c, enum child_state from)
{
    struct supervisor *s = owner;
    log_line(c->state == CHILD_WAITING ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "child_moved",
             "child=%s from=%s to=%s why=\"%.*s\"", c->name, child_state_name(from),
             child_state_name(c->state), BYTES_FMT(buf_bytes(&c->why)));
    if (c->state == CHILD_ENDING)
        s->metrics.faults_total++;
    if (c->role == ROLE_GATEWAY && has_ended(c, from)) {
        control_gone(&s->control, c);
        usage_gone(&s->usage, c);
    }
    if (c->role == ROLE_GATEWAY && c->state == CHILD_DOWN && cell_fills(&s->cell, c))
        slot_port_close(&s->cell.ports, c->slot);
    acceptor_consider(&s->acceptor);
    evacuation_moved(&s->evacuation);
    roll_moved(&s->roll, c);
    canary_replan(&s->canary); /* a worker may have taken over */
    drain_moved(&s->drain);
}

static int on_frame(void *owner, struct child *c, uint8_t type, struct bytes body)
{
    struct supervisor *s = owner;
    if (c->role != ROLE_GATEWAY)
        return -EBADMSG;
    switch (type) {
    case CTL_CANARY_SEEN:
        return canary_seen(&s->canary, c, body, clock_mono_ns());
    case CTL_CALL:
        return control_call(&s->control, c, body);
    case CTL_ANSWER:
        return control_answer(&s->control, c, body);
    case CTL_EMULATE:
        return emulation_pass(&s->cell, &s->metrics, c, body);
    case CTL_USAGE:
        return usage_told(&s->usage, c, body);
    case CTL_JWKS_ASK:
        return jwks_asked(&s->jwks, body, clock_mono_ns());
    default:
        return -EBADMSG;
    }
}

static const struct child_handlers child_handlers = {
    .command = on_command,
    .greeted = on_greeted,
    .reported = on_reported,
    .moved = on_moved,
    .frame = on_frame,
};

/* ---- the configuration */

static void on_config(void *owner)
{
    struct supervisor *s = owner;
    struct child *c;
    bool other_topic = s->topic[0] && strcmp(s->topic, s->config.facts.topic) != 0;
    snprintf(s->topic, sizeof s->topic, "%s", s->config.facts.topic);
    s->metrics.config_changes_total++;
    for cell_each (c, &s->cell)
        send_config(s, c);
    jwks_configured(&s->jwks, buf_bytes(&s->config.json));
    if (s->drain.state != DRAIN_RUNNING)
        return;
    cell_start(&s->cell, s->config.facts.partitions, buf_bytes(&s->config.json));
    canary_replan(&s->canary);
    crossing_configured(&s->crossing, buf_bytes(&s->config.json));
    moves_configured(&s->moves);
    if (other_topic)
        roll_role(&s->roll, ROLE_WORKER);
}

int supervisor_scale(struct supervisor *s, unsigned gateways, unsigned workers)
{
    unsigned had_gateways = s->cell.crews[ROLE_GATEWAY].wanted, had_workers = s->cell.crews[ROLE_WORKER].wanted;
    if (s->drain.state != DRAIN_RUNNING)
        return -EBUSY;
    cell_scale(&s->cell, gateways, workers);
    canary_replan(&s->canary);
    if (s->ready)
        canary_spare(&s->canary, had_gateways, had_workers, clock_mono_ns());
    log_info("scaled", "gateways=%u workers=%u", s->cell.crews[ROLE_GATEWAY].wanted,
             s->cell.crews[ROLE_WORKER].wanted);
    return 0;
}

int supervisor_restart(struct supervisor *s, struct bytes what)
{
    struct child *c;
    if (s->drain.state != DRAIN_RUNNING)
        return -EBUSY;
    if (bytes_is(what, "all"))
        return (int)roll_all(&s->roll);
    if (bytes_is(what, "gateways"))
        return (int)roll_role(&s->roll, ROLE_GATEWAY);
    if (bytes_is(what, "workers"))
        return (int)roll_role(&s->roll, ROLE_WORKER);
    for cell_each (c, &s->cell)
        if (bytes_is(what, c->name))
            return (int)roll_one(&s->roll, c);
    return -ENOENT;
}

int supervisor_set_aside(struct supervisor *s, struct bytes gateway, bool aside)
{
    struct child *c = cell_find(&s->cell, gateway);
    if (s->drain.state != DRAIN_RUNNING)
        return -EBUSY;
    return c ? evacuation_set_aside(&s->evacuation, c, aside) : -ENOENT;
}

/* ---- each second */

static void say_spared(struct supervisor *s, enum watch_verdict verdict)
{
    static const char *const why[] = {
        [WATCH_ONE_BY_ONE] = "another child is being replaced",
        [WATCH_SHARED] = "most are: it is not theirs alone",
        [WATCH_AWAY] = "PostgreSQL or Kafka is away",
    };
    bool spared = verdict != WATCH_NONE && verdict != WATCH_KILL;
    if (spared && !s->watch_said)
        log_warn("silent_spared", "why=\"%s\" children are silent and not killed", why[verdict]);
    s->watch_said = spared;
}

static void watch_children(struct supervisor *s, int64_t now_ns)
{
    struct watched all[2 * (SLOTS_MAX + 1)];
    size_t n = 0, worst;
    struct child *c;
    for cell_each (c, &s->cell) {
        bool runs = c->state == CHILD_STARTING || c->state == CHILD_UP || c->state == CHILD_WAITING;
        c->silent += runs;
        c->faulted += c->faulted > 0;
        all[n++] = (struct watched){.runs = runs, .greeted = c->greeted, .silent = c->silent, .faulted = c->faulted};
    }
    bool away = config_postgres_away(&s->config, now_ns) || !kafka_watch_up(s->kafka);
    enum watch_verdict verdict =
        watch_judge(all, n, (unsigned)((s->options.silence + 999) / 1000), away, &worst);
    say_spared(s, verdict);
    if (verdict != WATCH_KILL)
        return;
    c = cell_at(&s->cell, (unsigned)worst);
    log_error("child_silent", "child=%s pid=%d seconds=%u it is killed and started again", c->name,
              (int)c->pid, c->silent);
    child_event(c, CHILD_ON_FAULT);
}

static void say_ready(struct supervisor *s, int64_t now_ns)
{
    struct buf why;
    buf_init(&why);
    bool ready = status_ready(s, now_ns, &why);
    if (ready && !s->ready)
        log_info("ready", "every gateway sees the canaries of every worker");
    if (!ready && s->ready)
        log_warn("not_ready", "why=[%.*s]", BYTES_FMT(buf_bytes(&why)));
    s->ready = ready;
    s->metrics.ready = ready;
    buf_fini(&why);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct supervisor *s = w->data;
    struct child *c;
    int64_t now_ns = clock_mono_ns();
    watch_children(s, now_ns);
    if (tls_tick(&s->tls, now_ns))
        for cell_each_gateway (c, &s->cell)
            tell_tls(s, c);
    jwks_tick(&s->jwks, now_ns);
    canary_spare_replaced(&s->canary, now_ns);
    acceptor_tick(&s->acceptor, now_ns);
    moves_tick(&s->moves);
    say_ready(s, now_ns);
}

/* ---- signals */

static void on_stop(void *owner)
{
    struct supervisor *s = owner;
    roll_stop(&s->roll, "the cell stops");
    drain_stop(&s->drain);
}

static void on_hup(void *owner)
{
    struct supervisor *s = owner;
    log_info("roll", "children=%d SIGHUP: they are replaced one by one", supervisor_restart(s, BYTES("all")));
}

static void on_stopped(void *owner)
{
    struct supervisor *s = owner;
    log_info("stopped", "every child has ended");
    ev_break(s->process.loop, EVBREAK_ALL);
}

/* ---- life */

static int find_programs(struct supervisor *s, const char *self, struct buf *ret_error)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    for (int role = 0; role < ROLE_COUNT; role++) {
        int error = command_find(s->options.bin_dir, n > 0 ? path : self, (enum child_role)role,
                                 &s->programs[role], ret_error);
        if (error < 0)
            return error;
    }
    return 0;
}

static int check_options(const struct supervisor_options *o, struct buf *ret_error)
{
    if (!tenant_name_valid(bytes_str(o->cell))) {
        buf_printf(ret_error, "--cell=%s: a name of [a-z0-9-], 32 at most", o->cell);
        return -EINVAL;
    }
    if (o->slot_port_base + SLOTS_MAX > 65535) {
        buf_printf(ret_error, "--slot-port-base=%lld: %d ports above it must exist",
                   (long long)o->slot_port_base, SLOTS_MAX);
        return -EINVAL;
    }
    return 0;
}

/* What must be there before anything is started. */
static int take_what_is_needed(struct supervisor *s, const char *self, struct buf *ret_error)
{
    int error = check_options(&s->options, ret_error);
    if (error == 0)
        error = find_programs(s, self, ret_error);
    if (error < 0)
        return error;
    error = tls_init(&s->tls, &s->options, &s->metrics, s->started_ns, ret_error);
    if (error < 0)
        return error;
    s->lock_fd = run_dir_take(s->options.run_dir, ret_error);
    if (s->lock_fd < 0)
        return s->lock_fd;
    error = acceptor_init(&s->acceptor, &s->cell, &s->metrics, ret_error);
    if (error < 0)
        return error;
    return admin_new(s->process.loop, s->options.admin, status_handle, s, &s->admin, ret_error);
}

int supervisor_init(struct supervisor *s, const char *self, struct buf *ret_error)
{
    s->lock_fd = s->tokens_fd = -1;
    s->started_ns = clock_mono_ns();
    s->started_ms = (uint64_t)(clock_real_ns() / NS_PER_MS);
    process_init(&s->process, false, on_stop, on_hup, s);
    cell_init(&s->cell, s->process.loop, &s->options, &child_handlers, s);
    roll_init(&s->roll, &s->cell);
    evacuation_init(&s->evacuation, &s->cell);
    drain_init(&s->drain, &s->cell, &s->acceptor, on_stopped, s);
    control_init(&s->control, &s->cell, &s->crossing, &s->metrics);
    crossing_init(&s->crossing, &s->cell, &s->control, &s->metrics);
    usage_init(&s->usage, &s->cell);
    ev_timer_init(&s->tick, on_tick, 1., 1.);
    s->tick.data = s;
    int error = take_what_is_needed(s, self, ret_error);
    if (error < 0)
        return error;
    s->tokens_fd = token_memory_new(s->options.token_memory);
    s->kafka = kafka_watch_new(s->options.kafka);
    canary_init(&s->canary, &s->cell, &s->config, s->kafka, &s->metrics);
    jwks_init(&s->jwks, s->process.loop, &s->options, &s->metrics, on_keys, s);
    moves_init(&s->moves, &s->cell, &s->config, &s->canary, &s->control, &s->metrics);
    config_init(&s->config, s->process.loop, s->options.postgres, s->options.run_dir,
                s->options.cell, on_config, s);
    ev_timer_start(s->process.loop, &s->tick);
    return 0;
}

void supervisor_run(struct supervisor *s)
{
    log_info("started", "cell=%s port=%d admin_port=%d gateways=%lld workers=%lld",
             s->options.cell, acceptor_port(&s->acceptor), admin_port(s->admin),
             (long long)s->options.gateways, (long long)s->options.workers);
    ev_run(s->process.loop, 0);
}

void supervisor_fini(struct supervisor *s)
{
    ev_timer_stop(s->process.loop, &s->tick);
    if (s->canary.cell) {
        config_fini(&s->config);
        jwks_fini(&s->jwks);
        moves_fini(&s->moves);
        canary_fini(&s->canary);
    }
    kafka_watch_free(s->kafka);
    admin_free(s->admin);
    if (s->acceptor.cell)
        acceptor_fini(&s->acceptor);
    roll_fini(&s->roll);
    evacuation_fini(&s->evacuation);
    crossing_fini(&s->crossing);
    control_fini(&s->control);
    top_fini(&s->top);
    top_fini(&s->watched);
    usage_fini(&s->usage);
    tls_fini(&s->tls);
    cell_fini(&s->cell);
    for (int role = 0; role < ROLE_COUNT; role++)
        free(s->programs[role]);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    if (s->tokens_fd >= 0)
        close(s->tokens_fd);
    process_fini(&s->process);
}
