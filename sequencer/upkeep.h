/* Keeping house while leading. On the reader: publish quotas as the configuration has them (its version is asked for each
 * second), and what the outbox looks like, for the metrics (each 5 s). On a connection of its own, since no lookup and no row of
 * the outbox may wait for their locks and their length: partitions ahead of their day and past their retention (at the start of
 * leadership, then hourly; a minute later when one had to give way), used-up keys and receipts, removed histories (each
 * minute, each second while there is more). Several sequencers may do it at once. */
#ifndef SEQUENCER_UPKEEP_H
#define SEQUENCER_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

struct pg;
struct sequencer;

struct upkeep {
    struct pg *keeper; /* of partitions; sweeps */
    int64_t partitions_ns, sweep_ns, state_ns; /* CLOCK_MONOTONIC: when each is due */
    int64_t state_asked_ns;
    bool partitions_busy, sweep_busy, state_busy, quotas_busy;
    int64_t config_version; /* whose quotas are gone by; 0: none yet */
    int64_t config_asked;   /* whose are being read */
};

void upkeep_start(struct sequencer *s);
void upkeep_stop(struct sequencer *s); /* never started is fine */
void upkeep_tick(struct sequencer *s, int64_t now_ns); /* call it each second */
void upkeep_soon(struct sequencer *s);                 /* leadership was taken */

#endif
