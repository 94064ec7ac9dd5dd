/* The clock that ids go by: the database's, as last read, carried on by the monotonic one. Backwards
 * it is followed at once, which harms nothing: an id is above its shard's last whatever the clock
 * says. Forwards it is not believed at once, since ids never come back: by `step_ms` at a time, and
 * beyond that at twice the speed of time. A database whose clock is a day ahead for ten minutes so
 * leaves ids eleven minutes ahead, not a day.
 *
 * It also says how high an id can be that a publisher was shown. All times are parameters. */
#ifndef SEQUENCER_ID_CLOCK_H
#define SEQUENCER_ID_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define ID_CLOCK_MINUTES 12 /* that it remembers, the one under way among them */

struct id_clock {
    int64_t step_ms;      /* from --clock-step */
    int64_t offset_ms;    /* what is followed, minus the monotonic clock */
    int64_t database_ms;  /* what was read, minus the monotonic clock */
    int64_t allowance_ms; /* by which offset_ms may grow now; step_ms at most */
    int64_t read_ms;      /* monotonic, of the newest reading */
    int64_t least_ms[ID_CLOCK_MINUTES]; /* of offset_ms in each of the last minutes; by minute, modulo */
    int64_t minute;       /* monotonic, of the newest of these */
    uint64_t jumps;       /* readings more than a second off the one before */
    uint64_t highest;     /* id of the newest message of any shard, as last read; 0: never */
    uint64_t given;       /* highest id of its own messages and of the shards that it took */
    bool known;
};

void id_clock_init(struct id_clock *c, int64_t step_ms);
/* database_ms: since 1970, read at some time between asked_ms and mono_ms, the monotonic clock when
 * it was asked for and now: an answer that took long says little, and changes nothing that agrees
 * with it. The first reading is believed as it is. */
void id_clock_read(struct id_clock *c, int64_t database_ms, int64_t asked_ms, int64_t mono_ms);
/* Another server's: what the former one said does not bind it. */
void id_clock_forget(struct id_clock *c);
/* -> ms since 1970, 0 while nothing was read */
uint64_t id_clock_now(const struct id_clock *c, int64_t mono_ms);
/* What it said ago_ms ago, ten minutes at most, or less: no id that was given since is below it, however far it has gone ahead
 * since. As far as this process remembers. -> ms since 1970, 0 while nothing was read */
uint64_t id_clock_was(const struct id_clock *c, int64_t mono_ms, int64_t ago_ms);
/* How far the database's clock is ahead of what is followed, ms. */
int64_t id_clock_held_back(const struct id_clock *c);
/* The newest id of all shards, read from their rows. */
void id_clock_saw(struct id_clock *c, uint64_t highest);
/* A message of a shard that the process leads has this id. */
void id_clock_gave(struct id_clock *c, uint64_t id);
/* Whether a publisher can have been shown this id: it is at most step_ms ahead of the clock, or not
 * above what has been given out, with two seconds for what others gave since they were read. */
bool id_clock_believes(const struct id_clock *c, uint64_t shown, int64_t mono_ms);

#endif
