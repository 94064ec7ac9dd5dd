/* Whose turn it is to be written to: tenants by deficit round robin (core/drr.h), and within each of them its channels
 * with news, too; its connections with replies have every other piece of its turn. What a turn costs are writes and bytes.
 *
 *     tenants ─▶ acme ─▶ quiet ─▶ slow lane            acme ─▶ its talking connections ⇄ its channels in turn
 *                                  └─▶ whale ─▶ crowd
 *
 * The slow lane is one flow among the tenants, with a quarter of an ordinary weight. Tenants that take too much of the
 * loop's time (noise.h, --noisy-share) have their turns in there: deficit round robin alone lets everybody wait for a
 * whole turn of each of them, however many they are (decision 0020). Who is alone loses nothing by it. */
#ifndef GATEWAY_FAIRFLUSH_H
#define GATEWAY_FAIRFLUSH_H

#include "core/drr.h"

struct channel;
struct connection;
struct gateway;
struct tenant;

#define FAIRFLUSH_WRITES 20     /* ordinary ones that a turn may cost: 0.2 ms, a part of a slice */
#define FAIRFLUSH_WRITE 16384   /* what a write costs besides its bytes, as bytes: 10 µs (decision 0005) */
#define FAIRFLUSH_LOOK 256      /* and looking at a subscriber who wants nothing */

struct fairflush {
    struct drr tenants;   /* struct tenant::turn of the others, and the lane */
    struct drr slow;      /* struct tenant::turn of noisy ones */
    struct drr_flow lane; /* of `tenants`: stands for `slow` */
    int64_t judged_ns;    /* loop clock: the window's beginning */
};

void fairflush_init(struct gateway *g);
int32_t fairflush_quantum(const struct gateway *g);

/* There is something to be done for it. Again is fine. */
void fairflush_channel(struct channel *c);
void fairflush_connection(struct connection *c);

/* -> the tenant whose turn it is, which has something to be done; NULL: there is nothing to do */
struct tenant *fairflush_next(struct fairflush *f);
void fairflush_pay(struct fairflush *f, struct tenant *t, uint64_t cost);
static inline bool fairflush_is_idle(const struct fairflush *f)
{
    return drr_is_empty(&f->tenants);
}

/* Each second: who is noisy now? */
void fairflush_judge(struct gateway *g);

#endif
