/* How this process comes to lead, and what it does when it no longer knows whether it does.
 *
 *   AWAY ──connected──▶ TAKING ──took some──▶ LEADING ──a batch failed──▶ HALTED ──all in
 * flight answered──▶ RESTING ▲                   ▲  └──all are led by others──▶ STANDING_BY │ │
 *    └── connection lost, from anywhere             └── 250 ms ──▶ TAKING    └── (data's fault:
 * at once) ──▶ TAKING ◀┘
 *
 * The first taking ends whoever is recorded as leader. Later ones take only what is ours or
 * nobody's: a process that was stopped and goes on finds that it was replaced, and waits behind
 * its successor. */
#ifndef SEQUENCER_LEAD_H
#define SEQUENCER_LEAD_H

#include "core/backoff.h"
#include "fault.h"
#include "pg/pg.h"

#include <ev.h>

struct sequencer;

enum phase { AWAY, TAKING, LEADING, STANDING_BY, HALTED, RESTING, LEAVING };

struct lead {
    enum phase phase;
    int64_t holder; /* drawn at the start: whose the shard rows are */
    bool force;     /* nothing was taken yet: end whoever leads */
    bool reached;   /* PostgreSQL has answered a taking, ever */
    uint64_t asked; /* shards of the take_over that is under way */
    bool asking;
    bool failing; /* the server refuses batches: LEADING alone is no end of it, a commit is */
    int64_t lost_ns;  /* since when it has not been LEADING, or failing */
    enum fault fault; /* HALTED: of the first batch that failed */
    struct backoff backoff;
    ev_timer retry;
};

void lead_init(struct sequencer *s);
void lead_fini(struct sequencer *s);
void lead_connected(struct sequencer *s);
void lead_disconnected(struct sequencer *s);
void lead_halt(struct sequencer *s, enum fault f); /* a batch failed; the first fault counts */
void lead_again(
    struct sequencer *s); /* HALTED, nothing in flight any more, messages are back */
void lead_leave(struct sequencer *s);  /* the process is to end */
void lead_worked(struct sequencer *s); /* a batch was committed */
const char *phase_name(enum phase p);
/* Bits of the shards that gateways may publish to now. */
uint64_t lead_mask(const struct sequencer *s);
/* A publish for that shard may still be taken in: we lead it, or may do so within the grace. */
bool lead_may_accept(const struct sequencer *s, unsigned shard, int64_t now_ns);

#endif
