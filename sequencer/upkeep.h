/* Keeping house, on the reader, while leading: publish quotas as the configuration has them (its version is asked for each
 * second), partitions ahead of their day and past their
 * retention (at the start of leadership, then hourly; sooner again when a drop had to give
 * way), used-up keys and receipts (each minute), and what the outbox looks like, for the
 * metrics (each 5 s). Several sequencers may do it at once. */
#ifndef SEQUENCER_UPKEEP_H
#define SEQUENCER_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

struct sequencer;

struct upkeep {
    int64_t partitions_ns, sweep_ns, state_ns; /* CLOCK_MONOTONIC: when each is due */
    int64_t state_asked_ns;
    bool partitions_busy, sweep_busy, state_busy, quotas_busy;
    int64_t config_version; /* whose quotas are gone by; 0: none yet */
    int64_t config_asked;   /* whose are being read */
};

void upkeep_tick(struct sequencer *s, int64_t now_ns); /* call it each second */
void upkeep_soon(struct sequencer *s);                 /* leadership was taken */

#endif
