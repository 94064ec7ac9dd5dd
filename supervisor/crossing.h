/* Calls between cells (decision 31): a supervisor whose configuration knows of other cells connects to every sequencer, and
 * these pass on what it says to another cell (sequencer/crossing.h). With one cell there is no link at all.
 *
 *     gateway ─ ctl_ask ─▶ control ─▶ crossing ─ seq_cross_call ─▶ sequencer ─▶ crossing of b ─▶ control of b ─▶ its gateways
 *     gateway ◀─ ctl_result ─ control ◀─ crossing ◀─ seq_cross_result ◀──────────────────────────┘
 *
 * It goes over the first sequencer that both are connected to; answers come back over the same one. */
#ifndef SUPERVISOR_CROSSING_H
#define SUPERVISOR_CROSSING_H

#include "cell.h"
#include "control.h"
#include "metrics.h"
#include "run/introduce.h"

#define SEQUENCERS_MAX 64
#define CROSSING_PENDING_MAX (8 << 20) /* bytes that wait for a sequencer that does not read; beyond, it is not asked */

struct crossing;

struct cross_link {
    struct crossing *crossing;
    struct dial *dial;
    struct introduction introduction;
    struct buf cells; /* list of cell_name: who is there; empty while it is down */
};

struct crossing {
    struct cell *cell;
    struct control *control;
    struct supervisor_metrics *metrics;
    struct cross_link links[SEQUENCERS_MAX];
    unsigned n_links;
    struct buf others;  /* list of cell_name: of the configuration */
    struct buf unused;  /* those of them that have never run */
    struct list answers; /* struct foreign::link: questions of other cells that are being answered */
    ev_timer beat;
};

void crossing_init(struct crossing *x, struct cell *cell, struct control *control, struct supervisor_metrics *metrics);
void crossing_fini(struct crossing *x);
void crossing_configured(struct crossing *x, struct bytes config); /* JSON that config_read took */
/* m->from is set. -> false: nothing leads to that cell now */
bool crossing_send_call(struct crossing *x, struct seq_cross_call *m);
bool crossing_is_unused(const struct crossing *x, struct bytes cell); /* it has never run: nobody is there who could be meant */

#endif
