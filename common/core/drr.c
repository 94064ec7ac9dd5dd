#include "core/drr.h"

void drr_init(struct drr *d, int32_t quantum)
{
    d->quantum = quantum;
    list_init(&d->turns);
}

void drr_flow_init(struct drr_flow *f)
{
    *f = (struct drr_flow){.weight = DRR_WEIGHT};
    list_init(&f->turn);
}

void drr_weigh(struct drr_flow *f, int64_t weight)
{
    f->weight = (uint16_t)(weight < 1 ? 1 : weight > DRR_WEIGHT_MAX ? DRR_WEIGHT_MAX : weight);
}

void drr_leave(struct drr_flow *f)
{
    list_remove(&f->turn);
    f->in_turn = false;
    if (f->deficit > 0)
        f->deficit = 0;
}

static int32_t share(const struct drr *d, const struct drr_flow *f)
{
    int32_t share = (int32_t)((int64_t)d->quantum * f->weight / DRR_WEIGHT);
    return share > 0 ? share : 1;
}

static void end_turn(struct drr *d, struct drr_flow *f)
{
    f->in_turn = false;
    list_remove(&f->turn);
    list_append(&d->turns, &f->turn);
}

struct drr_flow *drr_next(struct drr *d)
{
    struct drr_flow *f;
    while ((f = list_first(&d->turns, struct drr_flow, turn))) {
        if (d->quantum == DRR_IN_ORDER) {
            f->deficit = 0;
            return f;
        }
        if (!f->in_turn)
            f->deficit += share(d, f);
        f->in_turn = true;
        if (f->deficit > 0)
            return f;
        end_turn(d, f);
    }
    return NULL;
}
