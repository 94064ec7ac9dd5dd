#include "cursor.h"
#include "fill.h"
#include "share.h"

#include <assert.h>
#include <stdlib.h>

#define PIECE_BYTES 4096 /* of one cursor, before it is asked again whose turn it is */
#define ASKS_MAX 3 /* the first answer may be older than the question, the other two are not */
/* Cursors of a gateway that wait for pages at a time; those of more would find it full. */
#define TAKER_BEHIND_MAX 32

struct cursor *cursor_new(struct routes *r, struct channel *ch, struct taker *t)
{
    struct cursor *c = calloc(1, sizeof *c);
    assert(c);
    c->channel = ch;
    c->taker = t;
    list_init(&c->state_link);
    drr_flow_init(&c->ready);
    c->share = share_hold(t, ch->name, r->limits.in_order);
    list_append(&ch->cursors, &c->channel_link);
    list_append(&t->cursors, &c->taker_link);
    r->metrics->interests++;
    r->metrics->interests_waiting++;
    return c;
}

static void taker_is_busy(struct routes *r, struct taker *t)
{
    if (!list_is_linked(&t->busy_link))
        list_append(&r->busy, &t->busy_link);
}

static bool is_placed(enum cursor_state state)
{
    return state != CURSOR_WAITING && state != CURSOR_PASSING;
}

static void cursor_is_ready(struct cursor *c)
{
    drr_join(&c->share->ready, &c->ready);
    drr_join(&c->taker->turns, &c->share->turn);
}

/* The one place where a cursor changes its state. */
static void cursor_goto(struct routes *r, struct cursor *c, enum cursor_state state)
{
    struct channel *ch = c->channel;
    struct taker *t = c->taker;
    bool was_behind = c->state == CURSOR_BEHIND, was_waiting = c->state == CURSOR_WAITING;
    bool was_placed = is_placed(c->state);
    list_remove(&c->state_link);
    c->state = state;
    if (state == CURSOR_READY)
        cursor_is_ready(c);
    else
        drr_leave(&c->ready);
    if (state == CURSOR_BEHIND)
        list_append(&ch->behind, &c->state_link);
    if (state == CURSOR_STALLED)
        list_append(&t->stalled, &c->state_link);
    if (was_waiting)
        c->placed_ns = r->now_ns;
    if (state == CURSOR_READY || was_behind)
        taker_is_busy(r, t);
    ch->placed += is_placed(state) - was_placed;
    t->n_behind += (state == CURSOR_BEHIND) - was_behind;
    r->metrics->interests_waiting += (state == CURSOR_WAITING) - was_waiting;
    r->metrics->interests_behind += (state == CURSOR_BEHIND) - was_behind;
}

void cursor_free(struct routes *r, struct cursor *c)
{
    cursor_goto(r, c, CURSOR_WAITING);
    share_let_go(c->taker, c->share);
    list_remove(&c->channel_link);
    list_remove(&c->taker_link);
    r->metrics->interests--;
    r->metrics->interests_waiting--;
    free(c);
}

void cursor_restart(struct routes *r, struct cursor *c, const struct fan_subscribe *what)
{
    cursor_goto(r, c, CURSOR_WAITING);
    c->from_head = what->from_head;
    c->ephemeral = what->ephemeral;
    c->epoch = what->epoch;
    c->since = what->since;
    c->answered = false;
    c->asks = 0;
}

static void answer(struct routes *r, struct cursor *c, uint32_t status)
{
    c->answered = true;
    r->metrics->subscribed_total++;
    if (status == STATUS_UNRECOVERABLE)
        r->metrics->unrecoverable_total++;
    r->ports->subscribed(r->owner, c->taker, c->channel->name, status, c->channel->epoch,
                         c->sent);
}

void cursor_lose(struct routes *r, struct cursor *c)
{
    c->sent = ring_head(&c->channel->ring);
    answer(r, c, STATUS_UNRECOVERABLE);
    cursor_goto(r, c, CURSOR_IDLE);
}

void cursor_decide(struct routes *r, struct cursor *c)
{
    struct channel *ch = c->channel;
    if (c->state != CURSOR_WAITING || !r->partitions[ch->partition].caught_up)
        return;
    if (c->ephemeral) { /* asks PostgreSQL nothing: it goes on while that one is away */
        cursor_goto(r, c, CURSOR_PASSING);
        answer(r, c, STATUS_OK);
        return;
    }
    if (!ch->known) {
        fill_ask_head(r, ch);
        return;
    }
    uint64_t head = ring_head(&ch->ring), told = ch->truth > head ? ch->truth : head;
    bool ahead = c->epoch > ch->epoch || (c->epoch == ch->epoch && c->since > told);
    if (!c->from_head && ahead && c->asks < ASKS_MAX) {
        fill_ask_head(r, ch);
        return;
    }
    if (!c->from_head && (ahead || c->epoch < ch->epoch)) {
        cursor_lose(r, c);
        return;
    }
    c->sent = c->from_head ? head : c->since;
    cursor_goto(r, c, CURSOR_IDLE);
    cursor_settle(r, c);
}

void cursor_settle(struct routes *r, struct cursor *c)
{
    const struct ring *ring = &c->channel->ring;
    struct taker *t = c->taker;
    uint64_t next = c->sent + 1;
    assert(c->state != CURSOR_WAITING);
    /* Behind the ring it stays unanswered until the row that comes next has been seen: it
     * may be gone. */
    if (!c->answered && next >= ring->first)
        answer(r, c, STATUS_OK);
    if (next >= ring->next) {
        cursor_goto(r, c, CURSOR_IDLE);
    } else if (next >= ring->first) {
        cursor_goto(r, c, CURSOR_READY);
    } else if (t->n_behind - (c->state == CURSOR_BEHIND) >= TAKER_BEHIND_MAX ||
               r->ports->full(r->owner, t)) {
        cursor_goto(r, c, CURSOR_STALLED);
    } else {
        cursor_goto(r, c, CURSOR_BEHIND);
        fill_ask_behind(r, c->channel);
    }
}

static void send(struct routes *r, struct cursor *c, const struct pub *p)
{
    assert(p->seq == c->sent + 1);
    r->ports->publication(r->owner, c->taker, p, p->taken_ns && p->taken_ns >= c->placed_ns);
    c->sent++;
}

enum cursor_served cursor_serve(struct routes *r, struct cursor *c, const struct page *page)
{
    size_t i = 0;
    if (c->sent < page->since || c->sent >= page->until)
        return CURSOR_NOT_COVERED;
    while (i < page->n && page->rows[i]->seq <= c->sent)
        i++;
    if (i == page->n && page->cut)
        return CURSOR_NOT_COVERED;
    if (i == page->n && page->head <= c->sent)
        return CURSOR_TOO_EARLY;
    if (i == page->n || page->rows[i]->seq != c->sent + 1) {
        cursor_lose(r, c); /* one snapshot has a later seq and not the next one: it is gone */
        return CURSOR_SERVED;
    }
    if (!c->answered)
        answer(r, c, STATUS_OK);
    for (; i < page->n && page->rows[i]->seq == c->sent + 1 &&
           !r->ports->full(r->owner, c->taker);
         i++) {
        send(r, c, page->rows[i]);
        r->metrics->refills_total++;
    }
    return CURSOR_SERVED;
}

static void pump_cursor(struct routes *r, struct cursor *c)
{
    size_t bytes = 0;
    struct pub *p;
    while (bytes < PIECE_BYTES && (p = ring_find(&c->channel->ring, c->sent + 1)) &&
           !r->ports->full(r->owner, c->taker)) {
        send(r, c, p);
        bytes += p->n;
    }
    drr_pay(&c->ready, bytes);
    drr_pay(&c->share->turn, bytes);
    cursor_settle(r, c);
}

static struct cursor *next_ready(struct taker *t)
{
    struct drr_flow *of_share, *of_cursor;
    while ((of_share = drr_next(&t->turns))) {
        struct share *s = container_of(of_share, struct share, turn);
        if ((of_cursor = drr_next(&s->ready)))
            return container_of(of_cursor, struct cursor, ready);
        drr_leave(of_share);
    }
    return NULL;
}

void taker_pump(struct routes *r, struct taker *t)
{
    while (!list_is_empty(&t->stalled) && t->n_behind < TAKER_BEHIND_MAX &&
           !r->ports->full(r->owner, t))
        cursor_settle(r, list_first(&t->stalled, struct cursor, state_link));
    struct cursor *c;
    while (!r->ports->full(r->owner, t) && (c = next_ready(t)))
        pump_cursor(r, c);
    list_remove(&t->busy_link);
}
