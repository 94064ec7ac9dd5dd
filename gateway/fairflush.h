/* Whose turn it is to be written to: tenants by deficit round robin (core/drr.h), and within each of them its channels
 * with news, too; its connections with replies have every other piece of its turn. What a turn costs are writes and bytes.
 *
 *     tenants ─▶ acme ─▶ quiet ─▶ slow turn            acme ─▶ its talking connections ⇄ its channels in turn
 *                                  └─▶ whale ─▶ crowd
 *
 * The slow turn is one flow among the tenants, with a quarter of an ordinary weight. Tenants that take too much of the
 * loop's time (noise.h, --noisy-share) have their turns in there: deficit round robin alone lets everybody wait for a
 * whole turn of each of them, however many they are (decision 0020). When it has had something to do for two seconds without an
 * end, the slow turn is as wide as the loop's lag allows (core/aimd.h, --slow-turn-lag): where gateways want more than the
 * machine's cores, everything on a message's way waits for a core, which no order of the flush can help. What waits then goes in
 * fewer, larger writes. */
#ifndef GATEWAY_FAIRFLUSH_H
#define GATEWAY_FAIRFLUSH_H

#include "core/aimd.h"
#include "core/drr.h"

struct channel;
struct connection;
struct gateway;
struct tenant;

#define FAIRFLUSH_WRITES 20     /* ordinary ones that a turn may cost: 0.2 ms, a part of a slice */
#define FAIRFLUSH_WRITE 16384   /* what a write costs besides its bytes, as bytes: 10 µs (decision 0005) */
#define FAIRFLUSH_LOOK 256      /* and looking at a subscriber who wants nothing */
#define FAIRFLUSH_SLOW 200      /* turns' worth of work that the slow turn does in a second, at least */

struct fairflush {
    struct drr tenants;   /* struct tenant::turn of the others, and the slow turn */
    struct drr slow;      /* struct tenant::turn of noisy ones */
    struct drr_flow slow_turn; /* of `tenants`: stands for `slow` */
    struct aimd width;    /* of the slow turn: turns' worth of work in a second */
    int64_t slow_since_ns; /* loop clock: since when the slow turn has always had something to do */
    uint64_t unpaid;      /* of the slow turn's work, less than a piece */
    bool parked;          /* the slow turn has something to do, and waits for its width */
    int64_t judged_ns;    /* loop clock: the window's beginning */
};

void fairflush_init(struct gateway *g);
int32_t fairflush_quantum(const struct gateway *g);

/* There is something to be done for it. Again is fine. */
void fairflush_channel(struct channel *c);
void fairflush_connection(struct connection *c);

/* A slice begins. -> whether there may be something to do in it */
bool fairflush_begin(struct gateway *g);
/* -> the tenant whose turn it is, which has something to be done; NULL: there is nothing to do, or only in a parked slow turn */
struct tenant *fairflush_next(struct gateway *g);
void fairflush_pay(struct gateway *g, struct tenant *t, uint64_t cost); /* for one piece of work */
bool fairflush_is_narrow(const struct gateway *g); /* the slow turn, and something is to be done in it */
int32_t fairflush_next_ms(const struct gateway *g); /* until the parked slow turn goes on; -1: it is not parked */

/* Each second: who is noisy now? */
void fairflush_judge(struct gateway *g);

#endif
