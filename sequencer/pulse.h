/* Whether PostgreSQL can be reached, however long its commits take: a connection of its own asks
 * what costs nothing, ten times in --leader-silence, so that neither a commit nor a lock that
 * others wait for holds the answer back. It tells a database that is slow for everybody from one
 * that only this process is cut off from, by packets that go nowhere: no kernel notices that for
 * seconds.
 *
 * All times are CLOCK_MONOTONIC, and parameters. Kept only where there are peers to compare with.
 */
#ifndef SEQUENCER_PULSE_H
#define SEQUENCER_PULSE_H

#include <stdbool.h>
#include <stdint.h>

struct ev_loop;
struct pg;

struct pulse {
    struct pg *connection; /* NULL: not kept, and then neither lost nor steady */
    bool connected;
    int64_t silence_ns;    /* from --leader-silence */
    int64_t felt_ns;       /* the newest answer came, or we began to wait for one */
    int64_t steady_ns;     /* since then no gap between answers was above half of it; 0: none came */
    int64_t tick_ns;
};

void pulse_start(struct pulse *p, struct ev_loop *loop, const char *conninfo, const char *name,
                 int64_t silence_ns);
void pulse_stop(struct pulse *p);  /* never started is fine */
void pulse_reset(struct pulse *p); /* connects anew */
/* Asks. Call it ten times in silence_ns. */
void pulse_tick(struct pulse *p, int64_t now_ns);

/* The loop turns at now_ns: where it stood still for long, answers lie unread, and waiting begins
 * anew. */
void pulse_turn(struct pulse *p, int64_t now_ns);
/* An answer came. */
void pulse_feel(struct pulse *p, int64_t now_ns);
/* Connected, and no answer for silence_ns. */
bool pulse_is_lost(const struct pulse *p, int64_t now_ns);
/* Answers have kept coming for a third of silence_ns, and still do: after a stall, whoever was in
 * it has had time to notice its end. The time between answers counts, not since the first: between
 * two stalls one process may get an answer and the other none. */
bool pulse_is_steady(const struct pulse *p, int64_t now_ns);

#endif
