/* What PostgreSQL is asked for, and what its answers mean: heads, holes of a ring, cursors
 * behind a ring. At most one question of a kind is under way per channel, however many ask.
 * Only routes.c and cursor.c call this. */
#ifndef FANOUT_FILL_H
#define FANOUT_FILL_H

#include "core/clock.h"
#include "routes.h"

#define SOON_NS (50 * NS_PER_MS)     /* visibility lags by milliseconds; then it is asked again */
#define LATE_NS NS_PER_S             /* after TRIES_SOON times; also: Kafka's time to bring it */
#define TRIES_SOON 10                /* answers that did not help */
#define GIVE_UP_NS (10 * NS_PER_S)   /* PostgreSQL goes on denying what Kafka told of */

void fill_ask_head(struct routes *r, struct channel *ch);
void fill_ask_behind(struct routes *r, struct channel *ch);
/* Kafka told of seq behind a hole. */
void fill_want(struct routes *r, struct channel *ch, uint64_t seq);
/* PostgreSQL told of seq: Kafka gets LATE_NS to bring it. */
void fill_truth(struct routes *r, struct channel *ch, uint64_t seq);
void fill_page(struct routes *r, struct channel *ch, enum page_purpose purpose,
               const struct page *page);
/* What reaches the ring from below goes into it: whoever comes later is served from memory. */
void fill_extend(struct routes *r, struct channel *ch, const struct page *page);
void fill_warm(struct routes *r, struct channel *ch, const struct page *page); /* the same, of a page that no cursor asked for */
void fill_due(struct routes *r, struct channel *ch); /* a time came that somebody waited for */

#endif
