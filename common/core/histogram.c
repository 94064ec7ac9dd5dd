#include "core/histogram.h"

/* Cells 0…15 are the values 0…15; then 16 steps for each further power of two. */
static size_t cell_of(uint64_t us)
{
    if (us < HISTOGRAM_STEPS)
        return us;
    unsigned octave = 63 - (unsigned)__builtin_clzll(us) - 4; /* 16…31 -> 0 */
    size_t cell = (octave + 1) * HISTOGRAM_STEPS + (us >> octave) - HISTOGRAM_STEPS;
    return cell < HISTOGRAM_CELLS ? cell : HISTOGRAM_CELLS - 1;
}

static uint64_t upper_edge(size_t cell)
{
    if (cell < HISTOGRAM_STEPS)
        return cell;
    unsigned octave = (unsigned)(cell / HISTOGRAM_STEPS) - 1;
    return ((cell % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1) << octave) - 1;
}

void histogram_record(struct histogram *h, int64_t us)
{
    uint64_t v = us < 0 ? 0 : (uint64_t)us;
    h->count++;
    h->sum_us += v;
    if (v > h->max_us)
        h->max_us = v;
    h->cells[cell_of(v)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    into->count += from->count;
    into->sum_us += from->sum_us;
    if (from->max_us > into->max_us)
        into->max_us = from->max_us;
    for (size_t i = 0; i < HISTOGRAM_CELLS; i++)
        into->cells[i] += from->cells[i];
}

uint64_t histogram_quantile(const struct histogram *h, double quantile)
{
    if (h->count == 0)
        return 0;
    uint64_t rank = (uint64_t)(quantile * (double)(h->count - 1)) + 1, seen = 0;
    for (size_t i = 0; i < HISTOGRAM_CELLS; i++) {
        seen += h->cells[i];
        if (seen >= rank) {
            uint64_t edge = upper_edge(i);
            return edge < h->max_us ? edge : h->max_us;
        }
    }
    return h->max_us;
}

uint64_t histogram_at_most(const struct histogram *h, uint64_t us)
{
    uint64_t seen = 0;
    for (size_t i = 0; i <= cell_of(us); i++)
        seen += h->cells[i];
    return seen;
}
