/* Commands of clients that came to another gateway of the cell than their stream (gateway/emulation.h): passed on to the
 * one that they name, and the one that asks is told at once whether there is such a one. Nothing is kept: what waits is in
 * that gateway's link, up to --emulation-backlog. */
#ifndef SUPERVISOR_EMULATION_H
#define SUPERVISOR_EMULATION_H

#include "cell.h"
#include "metrics.h"

int emulation_pass(struct cell *cell, struct supervisor_metrics *metrics, struct child *asker, struct bytes body); /* ctl_emulate -> 0, -EBADMSG */

#endif
