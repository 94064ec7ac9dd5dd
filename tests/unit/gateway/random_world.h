/* What the gateway's random test plays against: the message logs of its channels, of which a worker tells late, in part, or
 * not at all, and a record of what was done. All chance comes from one seed, the gateway's own and its clock, too. */
#ifndef TEST_RANDOM_WORLD_H
#define TEST_RANDOM_WORLD_H

#include "fake_edges.h"

#define WORLD_CHANNELS 7
#define WORLD_ROWS 1024
#define WORLD_EPOCHS 16
#define WORLD_NOTES 600 /* steps and lines that are shown when something is wrong */

enum {
    REMOVALS = 1,       /* histories are removed, epochs begin */
    REFUSALS = 2,       /* worker, sequencer, broker and application refuse, are away, or have lost something */
    CONFIGURATIONS = 4, /* the configuration changes */
};

/* The rows of a channel; the first epoch is 1. */
struct world_log {
    uint64_t epoch, head;
    bool removes[WORLD_EPOCHS][WORLD_ROWS]; /* by seq: what is below it */
};

struct world {
    struct gateway_options options;
    struct gateway g;
    struct world_log logs[WORLD_CHANNELS];
    bool passes; /* the channels that world_may_pass are ephemeral now */
    bool settles; /* everybody answers, and well */
    int64_t ticked_ns; /* what the loop does each second was done then */
    uint64_t answered; /* tickets up to this one have had an answer */
    uint64_t seed;
    int faults;
    uint64_t random;
    struct buf notes[WORLD_NOTES];
    size_t n_notes;
};

void world_init(struct world *w, uint64_t seed, int faults); /* the options are as they are by default */
void world_fini(struct world *w);                            /* the gateway has stopped */
uint32_t world_dice(struct world *w, uint32_t sides); /* 0 … sides - 1 */
bool world_once_in(struct world *w, uint32_t n);
void world_pass(struct world *w, int64_t ms);
void world_note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Shows the notes and fails the test. */
_Noreturn void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

const char *world_name(int channel);
const char *world_full_name(int channel); /* good until the next call */
int world_channel(struct bytes name);     /* -> -1: it is none of them */
bool world_conflates(int channel);
bool world_may_pass(int channel); /* whether it is ephemeral goes by the configuration */
bool world_passes(const struct world *w, int channel);
bool world_removes(const struct world *w, int channel, uint64_t epoch, uint64_t seq);
/* The newest removal that is below `seq`, or 0. */
uint64_t world_removal_below(const struct world *w, int channel, uint64_t epoch, uint64_t seq);
/* The data of a row, as JSON. */
void world_put_data(struct buf *into, int channel, uint64_t epoch, uint64_t seq);

/* ---- random_config.c */
void world_choose_options(struct world *w);
void world_configure(struct world *w); /* anew, by chance */

/* ---- random_cluster.c */
void world_publish(struct world *w, int channel); /* some, with a hole here and there, or a removal, or the first of an epoch */
void world_subscribed(struct world *w, int channel); /* the worker says where the channel stands */
bool world_serve(struct world *w, int read); /* one of the open reads, by index. -> false: there is none */
/* Results of publishes, heads and presence: of tickets at random, or of all. */
void world_answer(struct world *w, bool all);
void world_talk(struct world *w, int channel); /* joins, leaves, counts */
void world_refuse(struct world *w); /* somebody is away, or back */

#endif
