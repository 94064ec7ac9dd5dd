/* Calls that concern many gateways (an API request about clients, wherever they are): what one gateway asks, every gateway of
 * the cell answers, itself too, and where it says so those of other cells (crossing.h, decision 31). The asker gets all
 * answers at once, or after --call-timeout those that have come; what goes beyond --call-answers-max is CTL_ANSWER_FULL. A cell that can't be asked counts as a gateway that has
 * not answered, at once; unless it has never run, when there is nobody to ask. */
#ifndef SUPERVISOR_CONTROL_H
#define SUPERVISOR_CONTROL_H

#include "cell.h"
#include "core/map.h"
#include "metrics.h"

struct crossing;

struct control {
    struct cell *cell;
    struct crossing *crossing;
    struct supervisor_metrics *metrics;
    struct map calls;       /* struct call::by_request */
    uint64_t last_request;  /* our own numbers: those of two gateways may be the same */
    uint64_t crossing_from; /* random: added to them for other cells, which may still answer what our predecessor asked */
};

void control_init(struct control *k, struct cell *cell, struct crossing *crossing, struct supervisor_metrics *metrics);
void control_fini(struct control *k);
typedef void control_done(void *owner, uint64_t request, uint32_t asked, struct bytes answers); /* list of ctl_answer */
/* A question of our own to every gateway of the cell; its number in m is set. done is called once, from the loop, never
 * from inside the call. -> its number; 0: too many calls */
uint64_t control_ask(struct control *k, struct ctl_call *m, control_done *done, void *owner);
/* The question of another cell, for which it waits so long; the same. -> its number; 0: too many calls, or nobody to ask */
uint64_t control_ask_for(struct control *k, const struct seq_cross_call *m, control_done *done, void *owner);
int control_call(struct control *k, struct child *asker, struct bytes body);    /* ctl_ask -> 0, -EBADMSG */
int control_answer(struct control *k, struct child *gateway, struct bytes body); /* ctl_answer -> 0, -EBADMSG */
void control_crossed(struct control *k, const struct seq_cross_result *m);       /* another cell's answer */
/* Its process has gone: nobody waits for its answers, and its own calls are forgotten. */
void control_gone(struct control *k, const struct child *gateway);

#endif
