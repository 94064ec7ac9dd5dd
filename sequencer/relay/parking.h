/* Setting a cell aside whose topic takes nothing, so that the others go on, and bringing it back.
 *
 *     live ── nothing acknowledged for --park-after ──▶ parked ── a shard is read up to where the
 *       ▲     (or it alone fills --outstanding-…)         │       others stand: it rejoins ──┐
 *       └─────────────────────────────────────────────────┴──────── all shards ◀────────────┘
 *
 * A parked (cell, shard) gets no live message. What it lacks is read from the table by id, above
 * mark::caught, in a small window of its own: PARKING_PROBE messages until the topic has
 * acknowledged something, then PARKING_WINDOW, each at most PARKING_BYTES; so a dead topic keeps
 * next to nothing in memory. A shard rejoins in the moment in which it has been read up to
 * mark::released; for the last question the gate keeps that shard shut (JOIN_NS at most), since
 * on a busy shard there would be no such moment.
 *
 * Nobody is parked whose stall everybody shares (Kafka away): there is nobody to protect. Nor
 * before its progress stands in the table, since a relay that starts learns from there who was
 * parked: whose progress is far behind another cell's. */
#ifndef RELAY_PARKING_H
#define RELAY_PARKING_H

#include "mark.h"
#include "row.h"

#define PARKING_PROBE 16
#define PARKING_WINDOW 512
#define PARKING_BYTES (16 << 20)

struct relay;

struct parking {
    uint64_t cells;             /* bit n: cell n is parked on some shard */
    uint64_t goes;              /* bit n: its topic has acknowledged since it was parked */
    uint64_t remembered[SHARDS]; /* mark::parked of the session before */
    uint64_t near[SHARDS];      /* bit n: the last answer held all that there was */
    struct parking_cell {
        int64_t since_ns;   /* monotonic: parked */
        uint64_t count;     /* messages of the window that are not acknowledged */
        size_t bytes;       /* the same */
        uint64_t caught_up; /* messages read by id since it was parked */
    } cell[MESSAGE_CELLS_MAX];
    int64_t full_ns; /* monotonic: since when nothing is read; 0: it is */
    struct {
        bool asked;   /* and not answered */
        bool counts;  /* its answer is wanted */
        bool joining; /* the gate keeps the shard shut meanwhile */
        unsigned cell, shard;
        uint64_t upto;
        int64_t at_ns; /* monotonic */
    } question;
    unsigned next; /* cell * SHARDS + shard: to look at next */
};

/* At each tick: who is to be parked, whose topic is to be looked for again. */
void parking_tick(struct relay *r, int64_t now_ns);
/* At the end of each turn: reads on for those that are parked, and lets rejoin. */
void parking_turn(struct relay *r);
/* What the store says of the question: its rows, then the end. all: there are no further ones.
 * A question that was refused ends too, with all false. */
void parking_row(struct relay *r, const struct row *row);
void parking_end(struct relay *r, bool all);
/* A delivery of the window is acknowledged, or given back. */
void parking_acked(struct relay *r, struct delivery *d);

/* Progress has been read: parks (cell, shard) at id when it was parked in the session before, or
 * is behind `top`, the most that any cell has of the shard. -> true: parked */
bool parking_loaded(struct relay *r, unsigned cell, unsigned shard, uint64_t id, uint64_t top);
void parking_session_ends(struct relay *r); /* before mark_forget */
void parking_forget(struct relay *r, unsigned cell); /* it is configured no more */
/* -> ms since the oldest message came in that the cell's topic may lack; 0: it lacks none */
int64_t parking_lag_ms(const struct relay *r, unsigned cell, int64_t now_ns);

#endif
