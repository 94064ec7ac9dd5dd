#include "control.h"

#include "flow.h"
#include "run/link.h"
#include "run/log.h"
#include "wire/messages.h"
#include "worker.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define METRICS_PENDING_MAX (1 << 20) /* a supervisor that does not read gets no more of them */

bool control_is_there(void)
{
    struct stat st;
    return fstat(CTL_FD, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int map_came(struct worker *w, struct bytes body)
{
    struct ctl_map m;
    int error = wire_get_ctl_map(body, &m);
    return error < 0 ? error : flow_map(w, &m);
}

static int config_came(struct worker *w, struct bytes body)
{
    struct ctl_config m;
    int error = wire_get_ctl_config(body, &m);
    return error < 0 ? error : flow_config(w, &m);
}

static int take(struct worker *w, uint8_t type, struct bytes body)
{
    switch (type) {
    case CTL_MAP:
        return map_came(w, body);
    case CTL_CONFIG:
        return config_came(w, body);
    case CTL_DRAIN: /* nothing to finish: gateways resume at whoever follows */
        w->draining = true;
        worker_stop(w);
        return 0;
    default:
        return 0; /* what only gateways need, and what a newer supervisor may say */
    }
}

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct control *c = owner;
    if (take(c->worker, type, body) < 0)
        log_error("frame_refused", "peer=supervisor type=%u bytes=%zu ignored", type, body.n);
}

static void on_down(void *owner, struct link *l, int error)
{
    struct control *c = owner;
    log_error("supervisor_lost", "errno=%s this process ends with it", strerror(-error));
    control_close(c);
    worker_stop(c->worker);
}

static const struct link_handlers doors = {on_frame, NULL, on_down};

void control_open(struct control *c, struct worker *w)
{
    c->worker = w;
    c->link = link_new(w->process.loop, CTL_FD, &doors, c);
    LINK_SEND(c->link, CTL_HELLO, ctl_hello,
              (&(struct ctl_hello){.version = WIRE_VERSION, .pid = (uint32_t)getpid()}));
}

void control_close(struct control *c)
{
    link_free(c->link);
    c->link = NULL;
}

void control_status(struct control *c)
{
    struct buf why = {0};
    if (!c->link)
        return;
    struct ctl_status status = {.ready = worker_ready(c->worker, &why),
                                .draining = c->worker->draining};
    status.why = buf_bytes(&why);
    LINK_SEND(c->link, CTL_STATUS, ctl_status, &status);
    buf_fini(&why);
}

void control_metrics(struct control *c)
{
    if (!c->link || link_pending(c->link) > METRICS_PENDING_MAX)
        return;
    struct buf *scratch = &c->worker->scratch;
    buf_clear(scratch);
    worker_metrics_snapshot(&c->worker->metrics, scratch);
    LINK_SEND(c->link, CTL_METRICS, ctl_metrics,
              (&(struct ctl_metrics){.metrics = buf_bytes(scratch)}));
}
