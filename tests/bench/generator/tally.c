#include "tally.h"

void arrivals_record(struct arrivals *a, uint64_t stamp_us, uint64_t kernel_us,
                     uint64_t user_us)
{
    if (a->count++ == 0 || stamp_us < a->stamp_us)
        a->stamp_us = stamp_us;
    if (kernel_us > a->last_kernel_us)
        a->last_kernel_us = kernel_us;
    if (user_us > a->last_user_us)
        a->last_user_us = user_us;
}

uint64_t crowd_subscribers(const struct crowd *c, uint64_t channel)
{
    uint64_t all = c->connections * c->subscriptions;
    return all / c->channels + (channel < all % c->channels);
}

static struct arrivals add_up(const struct arrivals *rows, size_t n, size_t stride)
{
    struct arrivals sum = {0};
    for (size_t i = 0; i < n; i++) {
        const struct arrivals *row = &rows[i * stride];
        if (row->count == 0)
            continue;
        uint32_t count = sum.count + row->count;
        arrivals_record(&sum, row->stamp_us, row->last_kernel_us, row->last_user_us);
        sum.count = count;
    }
    return sum;
}

void tally_message(struct tally *t, const struct crowd *crowd, uint64_t number,
                   const struct arrivals *rows, size_t n, size_t stride, enum outcome outcome)
{
    struct arrivals sum = add_up(rows, n, stride);
    uint64_t expected = outcome == OUTCOME_ACKNOWLEDGED
                            ? crowd_subscribers(crowd, number % crowd->channels)
                            : 0;
    if (outcome == OUTCOME_UNKNOWN)
        expected = sum.count;
    t->expected += expected;
    t->messages += outcome == OUTCOME_ACKNOWLEDGED || sum.count > 0;
    t->missing += expected > sum.count ? expected - sum.count : 0;
    t->extra += sum.count > expected ? sum.count - expected : 0;
    if (sum.count == 0 || sum.count < expected)
        return;
    histogram_record(&t->last_kernel, (int64_t)(sum.last_kernel_us - sum.stamp_us));
    histogram_record(&t->last_user, (int64_t)(sum.last_user_us - sum.stamp_us));
}
