/* How a cursor below its channel's ring reads on: a page is one fan_read from `since`, shared by all cursors that want
 * the same part. What reaches the ring is put below it, so that a crowd that comes back together is served from the
 * ring; an older page lives as long as somebody reads it. A page that could not be read is asked for again, for ever:
 * a cursor never skips. What is really gone ends the subscription with 2500.
 * Bounds: --pages-max pages of --page-messages publications, which their tenants share. Where none is free, a tenant that
 * holds its even share or more makes room among its own pages, and the others take from whoever holds more. Of itself a page
 * is put out that has served somebody, that nobody can be served from (each of its readers has all of it or a socket that is
 * full, or their tenant's budget is spent), or that could not be read just now. Further cursors wait in tenant::page_waiters,
 * tenants in turn. */
#ifndef GATEWAY_PAGE_H
#define GATEWAY_PAGE_H

#include "gateway.h"

struct page {
    struct list by_channel; /* struct channel::pages */
    struct list by_age;     /* struct gateway::pages */
    struct channel *channel;
    uint64_t since;         /* frames begin at since + 1 */
    uint64_t ticket;        /* of the read under way, or 0 */
    struct wheel_timer again;
    uint32_t tries;         /* reads that failed */
    uint32_t empty;         /* reads that showed no row, though the head is further up */
    bool loaded;
    bool served;            /* somebody took a frame */
    struct frame **frames;
    uint32_t n;
    bool held;              /* not freed by its last reader's leaving */
    struct list readers;    /* struct sub_extras::page_link */
};

/* The next frame for a cursor below the ring, if it is at hand; otherwise sees that it comes: the connection is marked
 * for writing, or the subscribe decided (join.h), when it is there. -> NULL: wait */
struct frame *page_next(struct sub *s);
/* -> the frame of that seq, if it is in the page that the cursor reads, or NULL */
const struct frame *page_frame(const struct sub *s, uint64_t seq);
/* Whether a cursor waits for a place. */
bool pages_are_wanted(const struct gateway *g);
/* Each second: who waits is told of places that whoever was woken for them did not take (it ended, is not to be written to),
 * and of pages that have turned out to be of no use. */
void pages_tick(struct gateway *g);
/* The cursor moved into the ring, or the subscription ends. None is fine. */
void page_leave(struct sub *s);
/* What has been read may not be history any more: all of it is read anew. */
void page_read_anew(struct channel *c);
/* All cursors leave, waiting ones too: the channel's numbering starts anew. */
void page_drop_all(struct channel *c);

#endif
