#include "channel.h"

#include "delta.h"
#include "hold.h"
#include "hub.h"
#include "passive.h"
#include "publication.h"
#include "tags.h"
#include "tenant.h"

#include "core/json.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_SLOTS 8

void rings_init(struct rings *r)
{
    *r = (struct rings){.bytes_max = SIZE_MAX, .channel_bytes = SIZE_MAX, .messages_max = UINT32_MAX};
    list_init(&r->by_age);
}

struct channel *channel_new(struct gateway *g, struct bytes full)
{
    struct bytes tenant, name;
    struct buf quoted = {0};
    bool split = channel_split(full, &tenant, &name);
    assert(split);
    json_append_string(&quoted, full);
    buf_append_char(&quoted, ',');
    size_t n = quoted.n - 1; /* the opening quote is CHANNEL_PUSH's */
    bool escaped = n != full.n + 2;
    struct channel *c = calloc(1, offsetof(struct channel, text) + (escaped ? full.n : 0) + n);
    assert(c);
    memcpy(c->text, full.p, full.n);
    memcpy(c->text + (escaped ? full.n : 0), quoted.p + 1, n);
    buf_fini(&quoted);
    c->full_n = (uint16_t)full.n;
    c->name_at = (uint8_t)(tenant.n + 1);
    c->quoted_n = (uint16_t)n;
    c->escaped = escaped;
    c->gateway = g;
    c->place = channel_place(full);
    drr_flow_init(&c->dirty);
    return c;
}

struct channel_extras *channel_extras(struct channel *c)
{
    if (c->extras)
        return c->extras;
    struct channel_extras *e = calloc(1, sizeof *e);
    assert(e);
    e->channel = c;
    list_init(&e->pages);
    list_init(&e->passing);
    wheel_timer_init(&e->linger, hub_give_up);
    wheel_timer_init(&e->holding, hold_over);
    passive_init(&e->passive);
    return c->extras = e;
}

void channel_tidy(struct channel *c)
{
    struct channel_extras *e = c->extras;
    if (!e || list_is_linked(&e->linger.link) || list_is_linked(&e->holding.link) || e->holds_in_vain_ns[1] ||
        e->holds_off_until_ns || list_is_linked(&e->passing) || !list_is_empty(&e->pages) || !passive_is_idle(&e->passive) || e->budget)
        return;
    free(e);
    c->extras = NULL;
}

/* ---- the ring */

static size_t frame_bytes(const struct frame *f)
{
    return sizeof *f + f->n + (f->after ? f->after->bytes : 0) + frame_form_bytes(f->protobuf) +
           forms_bytes(f->forms) + tags_bytes(f->tags);
}

static void charge(struct rings *r, struct channel *c, size_t bytes)
{
    c->bytes += (uint32_t)bytes;
    r->bytes += bytes;
    r->passing_bytes += c->ephemeral ? bytes : 0;
}

static void drop_first(struct rings *r, struct channel *c)
{
    struct frame *f = *channel_slot(c, 0);
    c->first = (c->first + 1) & (c->cap - 1);
    c->count--;
    c->bytes -= (uint32_t)frame_bytes(f);
    r->bytes -= frame_bytes(f);
    r->passing_bytes -= c->ephemeral ? frame_bytes(f) : 0;
    list_remove(&f->by_age);
    frame_free(f);
}

static void drop_all(struct rings *r, struct channel *c)
{
    while (c->count)
        drop_first(r, c);
}

void channel_free(struct rings *r, struct channel *c)
{
    struct channel_extras *e = c->extras;
    assert(c->n_subs == 0 && (!e || list_is_empty(&e->pages)));
    drop_all(r, c);
    if (e) {
        wheel_cancel(&e->linger);
        wheel_cancel(&e->holding);
        wheel_cancel(&e->passive.timer);
        list_remove(&e->passing);
    }
    drr_leave(&c->dirty);
    tenant_unref(c->gateway, c->tenant);
    free(e);
    free(c->slots);
    subs_free(c->subs, c->cap_subs);
    free(c);
}

static void grow(struct channel *c)
{
    uint32_t cap = c->cap ? c->cap * 2 : FIRST_SLOTS;
    struct frame **slots = malloc(cap * sizeof *slots);
    assert(slots);
    for (uint32_t i = 0; i < c->count; i++)
        slots[i] = *channel_slot(c, i);
    free(c->slots);
    c->slots = slots;
    c->cap = cap;
    c->first = 0;
}

/* The oldest frame names the channel; what goes is the first of that channel's ring, so that rings have no holes. */
void rings_trim(struct rings *r)
{
    while (r->bytes > r->bytes_max) {
        struct frame *oldest = list_first(&r->by_age, struct frame, by_age);
        drop_first(r, oldest->channel);
    }
}

static void trim(struct rings *r, struct channel *c)
{
    while (c->count > r->messages_max || (c->bytes > r->channel_bytes && c->count > 1))
        drop_first(r, c);
    rings_trim(r);
}

static void hold(struct rings *r, struct channel *c, struct frame *f)
{
    charge(r, c, frame_bytes(f));
    list_append(&r->by_age, &f->by_age);
}

static void push_last(struct rings *r, struct channel *c, struct frame *f)
{
    if (c->count == c->cap)
        grow(c);
    *channel_slot(c, c->count++) = f;
    hold(r, c, f);
    trim(r, c);
}

uint64_t channel_floor(const struct channel *c)
{
    for (uint32_t i = c->removed ? c->count : 0; i-- > 0;)
        if ((*channel_slot(c, i))->removal)
            return channel_base(c) + i;
    return channel_base(c);
}

void channel_forget(struct rings *r, struct channel *c, uint64_t seq)
{
    while (c->count && channel_base(c) < seq)
        drop_first(r, c);
}

void channel_stand(struct rings *r, struct channel *c, uint64_t epoch, uint64_t head)
{
    drop_all(r, c);
    c->removed = false;
    c->state = CHANNEL_LIVE;
    c->epoch = epoch;
    c->head = head;
}

struct frame *frame_new(struct channel *c, const struct publication *p, struct buf *scratch)
{
    buf_clear(scratch);
    size_t mark_at = publication_json(scratch, p, p->seq == 1);
    size_t data_n = format_is_binary(p->format) ? 0 : p->data.n; /* a payload's line is as long as the payload */
    struct frame *f = malloc(sizeof *f + scratch->n);
    assert(f);
    *f = (struct frame){.channel = c,
                        .seq = p->seq,
                        .id = p->id,
                        .committed_us = p->committed_us,
                        .sent_us = p->sent_us,
                        .after = after_new(c, p, (uint32_t)mark_at),
                        .n = (uint32_t)scratch->n,
                        .data_n = (uint32_t)data_n & (UINT32_MAX >> 2),
                        .wants_delta = c->deltas || p->format & FORMAT_DELTA,
                        .removal = (p->format & FORMAT_REMOVAL) != 0};
    memcpy(f->json, scratch->p, scratch->n);
    list_init(&f->by_age);
    return f;
}

struct frame_form *frame_form_new(struct bytes text)
{
    struct frame_form *form = malloc(sizeof *form + text.n);
    assert(form);
    form->n = (uint32_t)text.n;
    memcpy(form->p, text.p ? text.p : "", text.n);
    return form;
}

void frame_grew(const struct frame *f, size_t bytes)
{
    if (list_is_linked(&f->by_age))
        charge(&f->channel->gateway->rings, f->channel, bytes);
}

/* The frame stays what it is. */
const struct frame_form *frame_make_protobuf(const struct frame *f)
{
    struct buf encoded = {0};
    publication_protobuf(&encoded, bytes_of(f->json, f->n), NULL);
    struct frame_form *form = frame_form_new(buf_bytes(&encoded));
    buf_fini(&encoded);
    ((struct frame *)(uintptr_t)f)->protobuf = form;
    frame_grew(f, frame_form_bytes(form));
    return form;
}

void frame_free(struct frame *f)
{
    free(f->after);
    free(f->protobuf);
    forms_free(f->forms);
    tags_free(f->tags);
    free(f);
}

enum channel_appended channel_append(struct rings *r, struct channel *c, const struct publication *p, struct buf *scratch)
{
    assert(c->state == CHANNEL_LIVE);
    enum channel_appended answer = CHANNEL_APPENDED;
    if (p->epoch < c->epoch || (p->epoch == c->epoch && p->seq <= c->head))
        return CHANNEL_REPEATED;
    if (p->epoch > c->epoch)
        answer = CHANNEL_ROSE;
    else if (p->seq > c->head + 1)
        answer = CHANNEL_JUMPED;
    if (answer != CHANNEL_APPENDED)
        channel_stand(r, c, p->epoch, p->seq - 1);
    struct frame *f = frame_new(c, p, scratch);
    c->removed |= f->removal;
    c->head = p->seq;
    push_last(r, c, f);
    return answer;
}

void channel_pass(struct rings *r, struct channel *c, const struct publication *p, struct buf *scratch)
{
    assert(c->state == CHANNEL_LIVE && c->ephemeral);
    struct frame *f = frame_new(c, p, scratch);
    f->seq = ++c->head;
    push_last(r, c, f);
}

void channel_drain(struct rings *r, struct channel *c)
{
    drop_all(r, c);
}

bool channel_prepend(struct rings *r, struct channel *c, struct frame **frames, uint32_t n)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += frame_bytes(frames[i]);
    if (c->count + n > r->messages_max || c->bytes + bytes > r->channel_bytes || r->bytes + bytes > r->bytes_max)
        return false;
    assert(n == 0 || frames[n - 1]->seq == channel_base(c));
    while (c->cap < c->count + n)
        grow(c);
    c->first = (c->first - n) & (c->cap - 1);
    c->count += n;
    for (uint32_t i = 0; i < n; i++) {
        *channel_slot(c, i) = frames[i];
        hold(r, c, frames[i]);
    }
    return true;
}

/* ---- the subscribers */

struct sub **subs_grow(struct sub **subs, uint32_t *cap, struct sub **only)
{
    if (*cap == 0) {
        *cap = 1;
        return only;
    }
    uint32_t more = *cap == 1 ? 3 : (*cap + *cap / 2) | 1;
    subs = realloc(*cap == 1 ? NULL : subs, more * sizeof *subs);
    assert(subs);
    if (*cap == 1)
        subs[0] = *only;
    *cap = more;
    return subs;
}

void subs_free(struct sub **subs, uint32_t cap)
{
    if (cap > 1)
        free(subs);
}

void channel_add(struct channel *c, struct sub *s)
{
    if (c->n_subs == c->cap_subs)
        c->subs = subs_grow(c->subs, &c->cap_subs, &c->only);
    s->at = c->n_subs;
    c->subs[c->n_subs++] = s;
}

void channel_remove(struct channel *c, struct sub *s)
{
    assert(c->subs[s->at] == s);
    struct sub *last = c->subs[--c->n_subs];
    c->subs[s->at] = last;
    last->at = s->at;
    if (s->at < c->flush_at)
        c->flush_again = true; /* `last` moved to the part that has been walked */
    if (c->flush_at > c->n_subs)
        c->flush_at = c->n_subs;
    if (c->n_subs < c->cap_subs / 2 && c->cap_subs > 16) {
        c->cap_subs -= c->cap_subs / 3;
        c->subs = realloc(c->subs, c->cap_subs * sizeof *c->subs);
        assert(c->subs);
    }
}
