/* Log-linear histogram of durations: 16 steps per power of two, so a value is known within 6.25 %.
 * From 1 µs (below: counted as 1) to about 4,700 s (above: counted as the last step). Mergeable by adding. */
#ifndef CORE_HISTOGRAM_H
#define CORE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_STEPS 16
#define HISTOGRAM_OCTAVES 29
#define HISTOGRAM_CELLS ((HISTOGRAM_OCTAVES + 1) * HISTOGRAM_STEPS)

struct histogram {
    uint64_t count;
    uint64_t sum_us;
    uint64_t max_us;
    uint64_t cells[HISTOGRAM_CELLS];
};

void histogram_record(struct histogram *h, int64_t us); /* negative (clocks disagree) counts as 0 */
void histogram_merge(struct histogram *into, const struct histogram *from);
/* quantile in [0, 1]. -> µs, the upper edge of the step that holds it; 0 when empty */
uint64_t histogram_quantile(const struct histogram *h, double quantile);
/* Values at or below us (us is rounded up to the edge of its step). */
uint64_t histogram_at_most(const struct histogram *h, uint64_t us);

#endif
