/* Whose turn it is: deficit round robin (Shreedhar and Varghese 1995), in the form in which a turn's cost is told after
 * it was spent, so that nobody has to know it before (surplus round robin; Adiseshu, Parulkar and Varghese 1996).
 *
 *     turns ─▶ A ─▶ C ─▶ B        a turn begins: deficit += quantum of its weight; in debt still: the next one's turn
 *              │                  what is done for it is paid; the turn ends when the deficit is used up
 *              └ drr_next         nothing more to do: it leaves, its debt stays, what it had left over does not
 *
 * Fair: over any time in which two have something to do, what they were given, each divided by its weight, differs by
 * less than a quantum and the largest payment of each. Prompt: who joins waits for one turn of each of the others, at most.
 * Flows nest: one that stands for a scheduler of its own is paid together with the one inside.
 *
 *     struct drr_flow *f;
 *     while ((f = drr_next(&d)) && …) {
 *         cost = …one piece of its work…;
 *         drr_pay(f, cost);
 *         if (…it has nothing more to do…)
 *             drr_leave(f);
 *     } */
#ifndef CORE_DRR_H
#define CORE_DRR_H

#include "core/list.h"

#include <stdint.h>

#define DRR_WEIGHT 100         /* of an ordinary flow */
#define DRR_WEIGHT_MAX 1000
#define DRR_DEBT_MAX (1 << 26) /* more is forgiven; of one piece of work, too */
#define DRR_IN_ORDER 0         /* as quantum: first come, first served; a turn ends when there is nothing more to do */

struct drr {
    struct list turns;  /* struct drr_flow::turn; of those that have something to do, the next one first */
    int32_t quantum;    /* what a turn of weight DRR_WEIGHT may cost, below 2^20; in the owner's unit */
};

struct drr_flow {
    struct list turn;
    int32_t deficit; /* what it may still spend in its turn, when above 0; its debt, when below */
    uint16_t weight; /* 1 to DRR_WEIGHT_MAX */
    bool in_turn;    /* its turn has begun */
};

void drr_init(struct drr *d, int32_t quantum);
void drr_flow_init(struct drr_flow *f);
void drr_weigh(struct drr_flow *f, int64_t weight); /* from its next turn on; what is out of bounds is brought within */

void drr_leave(struct drr_flow *f); /* one that is not there is fine */
/* -> whose turn it is, until it has paid for it all or leaves; NULL when nobody has anything to do */
struct drr_flow *drr_next(struct drr *d);

/* It has something to do. Again is fine. */
static inline void drr_join(struct drr *d, struct drr_flow *f)
{
    if (!list_is_linked(&f->turn))
        list_append(&d->turns, &f->turn);
}

static inline bool drr_is_waiting(const struct drr_flow *f)
{
    return list_is_linked(&f->turn);
}

static inline bool drr_is_empty(const struct drr *d)
{
    return list_is_empty(&d->turns);
}

static inline void drr_pay(struct drr_flow *f, uint64_t cost)
{
    int32_t most = f->deficit + DRR_DEBT_MAX;
    f->deficit -= cost < (uint64_t)most ? (int32_t)cost : most;
}

#endif
