/* The sequencer process: what its parts share. They find each other through this struct; flow.c
 * says how the data travels. Three connections to PostgreSQL: the writer commits and leads, the
 * reader looks up, reads the outbox and keeps house, the keeper makes and drops partitions
 * (upkeep.h); with peers a fourth one only asks whether PostgreSQL answers (pulse.h). */
#ifndef SEQUENCER_SEQUENCER_H
#define SEQUENCER_SEQUENCER_H

#include "flow.h"
#include "id_clock.h"
#include "inbox.h"
#include "lead.h"
#include "leader.h"
#include "lookups.h"
#include "metrics.h"
#include "options.h"
#include "outbox.h"
#include "peers.h"
#include "pulse.h"
#include "upkeep.h"

#include "pg/pg.h"
#include "pg/weights.h"
#include "run/admin.h"
#include "run/process.h"

struct gateways;

struct sequencer {
    const struct sequencer_options *options;
    struct sequencer_metrics metrics;
    struct process process;
    struct ev_loop *loop;
    struct pg *writer, *reader;
    struct pg_params *params;           /* scratch of both */
    char reader_identity[IDENTITY_MAX]; /* of the server that the reader is on; "" while unknown
                                         */
    struct id_clock clock;
    int64_t ping_ns;         /* CLOCK_MONOTONIC of the newest ping's sending */
    int64_t answered_ns;     /* CLOCK_MONOTONIC of the writer's newest answer */
    struct inbox inbox;
    struct leader leader;
    struct lead lead;
    struct flow flow;
    struct lookups lookups;
    struct outbox outbox;
    struct upkeep upkeep;
    struct weights weights; /* of tenants, for the inbox */
    struct gateways *gateways;
    struct peers *peers;
    struct pulse pulse;
    struct admin *admin;
    ev_prepare turn; /* before the loop sleeps: what has come in goes out */
    ev_timer second; /* beats once a second: ping, gauges */
    ev_timer late;   /* beats while rows wait for their quota */
    ev_timer leaving;
    int64_t leave_by_ns;
};

/* -> 0, or -errno with the reason in ret_error */
int sequencer_start(struct sequencer *s, const struct sequencer_options *options,
                    struct buf *ret_error);
void sequencer_run(struct sequencer *s); /* until it is told to stop */
void sequencer_fini(struct sequencer *s);

/* Read with an answer to what was asked then. */
void sequencer_clock(struct sequencer *s, int64_t database_ms, int64_t asked_ns);
uint64_t sequencer_now_ms(const struct sequencer *s); /* what ids go by */
#define KEYS_MS 600000     /* that an idempotency key is good for; also in schema/0036, 0039 */
#define RECEIPTS_MS 180000 /* that a receipt is kept; also in schema/0039 */
/* Which no message of the last ms milliseconds is below, whatever the clock did; 0: not known. ms: ten minutes at most */
uint64_t sequencer_oldest_id(const struct sequencer *s, int64_t ms);
/* Nothing of ours reaches PostgreSQL while a peer does: our connections are given up, and with them
 * the lead. */
void sequencer_cut_off(struct sequencer *s);
/* The reader may be asked: it is up, and on the server that is led on. */
bool sequencer_can_read(const struct sequencer *s);
void sequencer_check_reader(
    struct sequencer *s); /* connects it anew when it is on another server */

#endif
