#include "emulation.h"

#include <errno.h>

static struct child *find(struct cell *cell, struct bytes node)
{
    struct child *c;
    for cell_each_gateway (c, cell)
        if (child_can_hear(c) && bytes_is(node, c->node))
            return c;
    return NULL;
}

static uint32_t pass(struct cell *cell, struct supervisor_metrics *metrics, const struct ctl_emulate *m, struct bytes body)
{
    struct child *to = find(cell, m->node);
    if (!to)
        return 404;
    if (child_pending(to) + body.n > (size_t)cell->options->emulation_backlog) {
        metrics->emulations_refused_total++;
        return 503;
    }
    metrics->emulations_total++;
    child_send(to, CTL_EMULATE, body);
    return 204;
}

int emulation_pass(struct cell *cell, struct supervisor_metrics *metrics, struct child *asker, struct bytes body)
{
    struct ctl_emulate m;
    if (asker->role != ROLE_GATEWAY || wire_get_ctl_emulate(body, &m) < 0 || m.node.n == 0)
        return -EBADMSG;
    struct buf answer = {0};
    wire_put_ctl_emulated(&answer, &(struct ctl_emulated){.request = m.request, .status = pass(cell, metrics, &m, body)});
    child_send(asker, CTL_EMULATED, buf_bytes(&answer));
    buf_fini(&answer);
    return 0;
}
