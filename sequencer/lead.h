/* How this process comes to lead, and what it does when it no longer knows whether it does.
 *
 *   AWAY ──connected──▶ TAKING ──took some──▶ LEADING ──a batch failed──▶ HALTED ──all in
 * flight answered──▶ RESTING ▲                   ▲  └──all are led by others──▶ STANDING_BY │ │
 *    └── connection lost, from anywhere             └── 250 ms ──▶ TAKING    └── (data's fault:
 * at once) ──▶ TAKING ◀┘
 *
 * Without --peers the first taking ends whoever is recorded as leader, and later ones take only
 * what is ours or whose leader's backend is gone: a process that was stopped and goes on finds that
 * it was replaced, and waits behind its successor. With peers, those that are heard and have
 * PostgreSQL are spared, always, and everybody else is not, once it is known who is heard. */
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
    bool force;     /* without peers, and nothing was taken yet: end whoever leads */
    bool reached;   /* PostgreSQL has answered a taking, ever */
    uint64_t asked; /* shards of the take_over that is under way */
    int64_t asked_ns;
    bool asking;
    bool again;       /* something changed while it was */
    uint64_t given;   /* shards that a peer has from us: gateways send there what we drop */
    uint64_t returned; /* of them, those that this taking brought back: what waits may have been committed there */
    uint64_t claimed; /* shards that an operator wants here, until they are */
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
/* Peers changed: there may be something to take now. */
void lead_look(struct sequencer *s);
/* An operator wants these shards here: those that lead them are asked for them, lead_ask again and
 * again until they are. */
void lead_claim(struct sequencer *s, uint64_t shards);
void lead_ask(struct sequencer *s);
/* A peer wants them: what we lead of them is its own once what flies is committed. */
void lead_give(struct sequencer *s, uint64_t shards, const char *peer, int64_t holder, int32_t pid);
const char *phase_name(enum phase p);
/* Bits of the shards that gateways may publish to now. */
uint64_t lead_mask(const struct sequencer *s);
bool lead_has_given(const struct sequencer *s, unsigned shard);
/* A publish for that shard may still be taken in: we lead it, or may do so within the grace. */
bool lead_may_accept(const struct sequencer *s, unsigned shard, int64_t now_ns);

#endif
