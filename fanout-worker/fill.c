#include "fill.h"
#include "channels.h"
#include "cursor.h"

#include "run/log.h"

#define NEAR_SEQS 100 /* cursors as near to each other as that read on together */
#define BACK_SEQS 64  /* below who asks first: who comes back with him may lack a little more */

/* ---- asking */

static bool may_ask(struct routes *r, struct channel *ch, struct need *need)
{
    if (need->asked)
        return false;
    if (r->now_ns < need->after_ns) {
        channel_due(r, ch, need->after_ns - r->now_ns);
        return false;
    }
    need->asked = true;
    return true;
}

static void need_met(struct need *need)
{
    need->tries = 0;
    need->first_ns = 0;
    need->after_ns = 0;
}

/* It was answered to no avail. -> true when that has been so for GIVE_UP_NS */
static bool need_failed(struct routes *r, struct channel *ch, struct need *need)
{
    if (need->tries++ == 0)
        need->first_ns = r->now_ns;
    if (r->now_ns - need->first_ns > GIVE_UP_NS) {
        need_met(need);
        return true;
    }
    int64_t delay = need->tries <= TRIES_SOON ? SOON_NS : LATE_NS;
    need->after_ns = r->now_ns + delay;
    channel_due(r, ch, delay);
    return false;
}

void fill_ask_head(struct routes *r, struct channel *ch)
{
    if (may_ask(r, ch, &ch->head_need))
        r->ports->ask_head(r->owner, ch->name);
}

static void ask_hole(struct routes *r, struct channel *ch)
{
    if (ch->placed && ch->want > ring_head(&ch->ring) && may_ask(r, ch, &ch->fill_need))
        r->ports->ask_page(r->owner, ch->name, PAGE_FILL, ch->epoch, ring_head(&ch->ring),
                           INT64_MAX);
}

/* Somewhat further down, as far as the ring has room for what is read. */
static uint64_t look_back(const struct routes *r, const struct ring *ring, uint64_t since)
{
    uint64_t below = ring->first - 1, room = r->limits.ring.messages - (ring->next - ring->first);
    uint64_t lowest = below > room ? below - room : 0;
    uint64_t back = since > BACK_SEQS ? since - BACK_SEQS : 0;
    if (back < lowest)
        back = lowest;
    return back < since ? back : since;
}

void fill_ask_behind(struct routes *r, struct channel *ch)
{
    struct cursor *c, *first = list_first(&ch->behind, struct cursor, state_link);
    if (!first || !may_ask(r, ch, &ch->refill_need))
        return;
    uint64_t since = first->sent;
    list_for_each (c, &ch->behind, state_link)
        if (c->sent < since && first->sent - c->sent <= NEAR_SEQS)
            since = c->sent;
    if (!ch->looked_back)
        since = look_back(r, &ch->ring, since);
    ch->looked_back = true;
    r->ports->ask_page(r->owner, ch->name, PAGE_REFILL, ch->epoch, since, ch->ring.first - 1);
}

/* ---- what Kafka and PostgreSQL told */

void fill_want(struct routes *r, struct channel *ch, uint64_t seq)
{
    if (seq > ch->want)
        ch->want = seq;
    ask_hole(r, ch);
}

void fill_truth(struct routes *r, struct channel *ch, uint64_t seq)
{
    if (seq > ch->truth)
        ch->truth = seq;
    if (ch->truth <= ring_head(&ch->ring) || ch->truth_ns)
        return;
    ch->truth_ns = r->now_ns;
    channel_due(r, ch, LATE_NS);
}

/* What the ring lacks is no history any more: whoever has not got it is told so. */
static void hole_skipped(struct routes *r, struct channel *ch, uint64_t next)
{
    struct cursor *c;
    channel_restart(r, ch, next);
    list_for_each (c, &ch->cursors, channel_link)
        if (c->state != CURSOR_WAITING && c->state != CURSOR_PASSING && c->sent + 1 < next)
            cursor_lose(r, c);
}

static void hole_lost(struct routes *r, struct channel *ch, uint64_t next)
{
    uint64_t lost = next - ch->ring.next;
    r->metrics->holes_lost_total += lost;
    log_error("hole_lost",
              "channel=%.*s epoch=%llu seq=%llu publications=%llu rows are not in PostgreSQL, "
              "cursors=%u told 112",
              BYTES_FMT(ch->name), (unsigned long long)ch->epoch,
              (unsigned long long)ch->ring.next, (unsigned long long)lost, ch->placed);
    hole_skipped(r, ch, next);
}

static void fill_hole(struct routes *r, struct channel *ch, const struct page *page)
{
    for (size_t i = 0; i < page->n; i++) {
        struct pub *p = page->rows[i];
        if (p->seq < ch->ring.next)
            continue;
        if (p->seq > ch->ring.next)
            (p->removal ? hole_skipped : hole_lost)(r, ch, p->seq);
        r->metrics->filled_total++;
        r->metrics->sweep_found_total += ch->swept_hole;
        channel_append(r, ch, p);
    }
    if (!page->cut && page->head > ring_head(&ch->ring))
        hole_lost(r, ch, page->head + 1);
    bool filled = ch->want <= ring_head(&ch->ring);
    if (filled || page->cut) {
        need_met(&ch->fill_need);
    } else if (need_failed(r, ch, &ch->fill_need)) {
        r->metrics->rowless_total++;
        log_error("rowless",
                  "channel=%.*s epoch=%llu seq=%llu postgres_head=%llu Kafka told of rows that "
                  "are not there: let be",
                  BYTES_FMT(ch->name), (unsigned long long)ch->epoch,
                  (unsigned long long)ch->want, (unsigned long long)page->head);
        filled = true;
    }
    if (filled) {
        ch->want = 0;
        ch->swept_hole = false;
    }
}

static void lose_too_early(struct routes *r, struct channel *ch, const struct page *page)
{
    struct cursor *c;
    r->metrics->rowless_total++;
    log_error(
        "rowless",
        "channel=%.*s epoch=%llu head=%llu postgres_head=%llu cursors behind the ring told 112",
        BYTES_FMT(ch->name), (unsigned long long)ch->epoch,
        (unsigned long long)ring_head(&ch->ring), (unsigned long long)page->head);
    list_for_each (c, &ch->cursors, channel_link)
        if ((c->state == CURSOR_BEHIND || c->state == CURSOR_STALLED) && c->sent >= page->head)
            cursor_lose(r, c);
}

void fill_extend(struct routes *r, struct channel *ch, const struct page *page)
{
    for (size_t i = 0; i < page->n; i++) {
        struct pub *p = page->rows[page->reverse ? i : page->n - 1 - i];
        if (p->seq + 1 != ch->ring.first || !channel_prepend(r, ch, p))
            return;
    }
}

/* Who was behind the ring may be in it now; PostgreSQL is asked for nobody else's sake. */
void fill_warm(struct routes *r, struct channel *ch, const struct page *page)
{
    struct cursor *c;
    fill_extend(r, ch, page);
    list_for_each (c, &ch->cursors, channel_link)
        if (c->state == CURSOR_BEHIND && c->sent + 1 >= ch->ring.first)
            cursor_settle(r, c);
}

static void serve_behind(struct routes *r, struct channel *ch, const struct page *page)
{
    struct cursor *c;
    bool early = false;
    fill_extend(r, ch, page);
    list_for_each (c, &ch->cursors, channel_link) {
        if (c->state != CURSOR_BEHIND && c->state != CURSOR_STALLED)
            continue;
        enum cursor_served served = cursor_serve(r, c, page);
        early |= served == CURSOR_TOO_EARLY;
        if (served == CURSOR_SERVED && c->state != CURSOR_IDLE)
            cursor_settle(r, c);
    }
    if (!early)
        need_met(&ch->refill_need);
    else if (need_failed(r, ch, &ch->refill_need))
        lose_too_early(r, ch, page);
}

void fill_page(struct routes *r, struct channel *ch, enum page_purpose purpose,
               const struct page *page)
{
    struct need *need = purpose == PAGE_FILL ? &ch->fill_need : &ch->refill_need;
    if (page->log_epoch > ch->epoch) {
        channel_epoch(r, ch, page->log_epoch, page->head);
    } else if (page->epoch == ch->epoch) {
        /* A snapshot of an earlier generation than Kafka's says nothing about the head of
         * this one. */
        struct page seen = *page;
        seen.head = page->log_epoch == ch->epoch ? page->head : 0;
        fill_truth(r, ch, seen.head);
        if (purpose == PAGE_FILL)
            fill_hole(r, ch, &seen);
        else
            serve_behind(r, ch, &seen);
    }
    need->asked = false; /* not before: who has gone on would ask for what the others are about to get */
    ask_hole(r, ch);
    fill_ask_behind(r, ch);
}

void fill_due(struct routes *r, struct channel *ch)
{
    struct cursor *c;
    if (ch->truth_ns && r->now_ns - ch->truth_ns < LATE_NS) {
        channel_due(r, ch, LATE_NS);
    } else if (ch->truth_ns) {
        ch->truth_ns = 0;
        if (ch->placed && ch->truth > ch->want) {
            ch->want = ch->truth;
            ch->swept_hole = true;
            r->found_channels++;
            r->found_publications += ch->truth - ring_head(&ch->ring);
        }
    }
    ask_hole(r, ch);
    fill_ask_behind(r, ch);
    list_for_each (c, &ch->cursors, channel_link)
        cursor_decide(r, c);
}
