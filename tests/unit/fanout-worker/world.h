/* What the routes' tests play against: a message log with lagging snapshots, a Kafka that
 * loses, repeats and is late, takers that fill up, and a model that checks every publication
 * that a taker gets. */
#ifndef TESTS_FANOUT_WORLD_H
#define TESTS_FANOUT_WORLD_H

#include "routes.h"

#define WORLD_CHANNELS 40
#define WORLD_TAKERS 3
#define WORLD_ROWS 1024
#define WORLD_EPOCHS 8
#define WORLD_PARTITIONS 2
#define WORLD_PAGE_ROWS 7

/* The rows of one generation of a channel: seq i + 1 was committed at at_ns[i]; those up to
 * `gone` were dropped. */
struct world_log {
    uint64_t epoch, head, gone;
    int64_t at_ns[WORLD_ROWS];
    bool removes[WORLD_ROWS]; /* what is below it */
};

struct world_channel {
    char name[32];
    struct world_log logs[WORLD_EPOCHS]; /* generations, the current one last */
    int n_logs;
    struct {
        uint64_t epoch, seq;
    } topic[4 * WORLD_ROWS]; /* what the relay produced */
    size_t produced, consumed;
};

/* What the model knows of (taker, channel). */
struct world_view {
    bool wanted; /* subscribed, and not unsubscribed since */
    bool answered;
    bool passing; /* to ephemeral ones only */
    bool may_112; /* it asked for what can't be continued, at least not yet */
    uint64_t epoch, seq;
    uint32_t lost; /* times that it was told 112 */
    uint32_t got;  /* publications */
    uint32_t live; /* of these: said to have come while it waited for them */
};

struct world_taker {
    struct taker taker;
    struct world_view views[WORLD_CHANNELS];
    size_t pending, pending_max;
};

struct world_question {
    bool head;
    bool warm; /* nobody's cursor asks: a history read */
    int channel;
    enum page_purpose purpose;
    uint64_t epoch, since, until;
};

struct world {
    struct routes routes;
    struct worker_metrics metrics;
    struct world_channel channels[WORLD_CHANNELS];
    bool wanted[WORLD_CHANNELS]; /* as the routes said last */
    struct world_taker takers[WORLD_TAKERS];
    struct world_question questions[64];
    size_t n_questions;
    int64_t lag_ns; /* most that a snapshot is behind */
    bool may_lose;  /* generations change or rows go: 112 is allowed */
    uint64_t random;
};

void world_init(struct world *w, uint64_t seed, const struct routes_limits *limits);
void world_fini(struct world *w);
uint32_t world_dice(struct world *w, uint32_t sides); /* 0 … sides - 1 */
void world_own(struct world *w,
               bool all); /* all partitions, or none; read up to the end at once */
uint64_t world_commit(struct world *w, int channel);
uint64_t world_remove(struct world *w, int channel); /* commits one that is for nobody, and before which nothing is */
void world_warm(struct world *w, int channel); /* asks for what the ring has room for below */
void world_produce(struct world *w, int channel, uint64_t epoch, uint64_t seq);
bool world_consume(struct world *w, int channel); /* one record -> false when there is none */
int world_record(struct world *w, int channel, uint64_t epoch, uint64_t seq, bool stub);
struct world_log *world_log(struct world *w, int channel); /* of the current generation */
void world_epoch(struct world *w,
                 int channel); /* begins another one; beyond WORLD_EPOCHS nothing */
void world_subscribe(struct world *w, int taker, int channel, bool from_head, uint64_t epoch,
                     uint64_t since);
void world_subscribe_passing(struct world *w, int taker, int channel);
void world_unsubscribe(struct world *w, int taker, int channel);
bool world_answer(struct world *w, size_t question); /* -> false when there is none */
void world_pass(struct world *w, int64_t ms); /* time, with its ticks, and the end of a turn */
void world_drain(struct world *w, int taker);
void world_settle(
    struct world *w); /* answers everything, drains everybody, until nothing moves */
/* Every view stands at the head of its channel, in the current generation. */
void world_check_complete(struct world *w);

#endif
