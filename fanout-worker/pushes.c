#include "pushes.h"

#include "core/clock.h"

#define BURST_NS NS_PER_S            /* so much of the rate may be used at once */
#define COUNTS_NS NS_PER_S           /* between two counts, at least */
#define COUNTS_MAX_NS (60 * NS_PER_S) /* at most, however large the channel is */

static int64_t cost_ns(const struct pushes *p, size_t members)
{
    return p->per_s ? (int64_t)(members * (uint64_t)NS_PER_S / p->per_s) : 0;
}

bool pushes_take(struct pushes *p, size_t members, int64_t now_ns)
{
    int64_t from_ns = p->paid_ns > now_ns ? p->paid_ns : now_ns;
    int64_t paid_ns = from_ns + cost_ns(p, members);
    if (paid_ns - now_ns > BURST_NS) {
        p->missed = true;
        return false;
    }
    p->paid_ns = paid_ns;
    return true;
}

void pushes_miss(struct pushes *p)
{
    p->missed = true;
}

enum pushes_counts pushes_counts(struct pushes *p, size_t members, int64_t now_ns)
{
    if (now_ns < p->counts_ns)
        return PUSHES_LATER;
    if (!p->missed)
        return PUSHES_ALL_TOLD;
    int64_t pause_ns = cost_ns(p, members);
    if (pause_ns < COUNTS_NS)
        pause_ns = COUNTS_NS;
    if (pause_ns > COUNTS_MAX_NS)
        pause_ns = COUNTS_MAX_NS;
    p->missed = false;
    p->counts_ns = now_ns + pause_ns;
    return PUSHES_COUNTS;
}
