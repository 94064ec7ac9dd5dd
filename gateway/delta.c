#include "delta.h"

#include "gateway.h"
#include "page.h"
#include "publication.h"

#include "core/fossil.h"
#include "core/json.h"

#include <assert.h>
#include <stdlib.h>

size_t forms_bytes(const struct forms *f)
{
    size_t n = f ? sizeof *f + frame_form_bytes(f->quoted) : 0;
    for (enum encoding e = 0; f && e < ENCODINGS; e++)
        n += frame_form_bytes(f->delta[e]);
    for (size_t i = 0; f && i < FORMS_PACKED; i++)
        n += frame_form_bytes(f->packed[i]);
    return n;
}

void forms_free(struct forms *f)
{
    if (!f)
        return;
    free(f->quoted);
    for (enum encoding e = 0; e < ENCODINGS; e++)
        free(f->delta[e]);
    for (size_t i = 0; i < FORMS_PACKED; i++)
        free(f->packed[i]);
    free(f);
}

struct forms *delta_forms(struct frame *f)
{
    if (f->forms)
        return f->forms;
    f->forms = calloc(1, sizeof *f->forms);
    assert(f->forms);
    frame_grew(f, sizeof *f->forms);
    return f->forms;
}

static struct frame_form *keep(const struct frame *f, const struct buf *text)
{
    struct frame_form *form = frame_form_new(buf_bytes(text));
    frame_grew(f, frame_form_bytes(form));
    return form;
}

/* ---- payloads, as clients have them */

static struct bytes json_payload(const struct frame *f)
{
    return bytes_of(f->json + sizeof FRAME_DATA - 1, f->data_n);
}

static struct bytes payload(const struct frame *f, enum encoding e, struct buf *memory)
{
    return e == ENCODING_JSON ? json_payload(f) : publication_payload(bytes_of(f->json, f->n), memory);
}

/* The frame with that text in the place of its payload, and a member more behind it. */
static void put_json(struct buf *into, const struct frame *f, struct bytes text, const char *more)
{
    size_t rest = sizeof FRAME_DATA - 1 + f->data_n;
    buf_append_str(into, FRAME_DATA);
    json_append_string(into, text);
    buf_append_str(into, more);
    buf_append(into, f->json + rest, f->n - rest);
}

static struct bytes whole(struct frame *f, enum encoding e)
{
    if (e != ENCODING_JSON || f->data_n == 0)
        return frame_in(f, e);
    struct forms *forms = delta_forms(f);
    if (!forms->quoted) {
        struct buf text = {0};
        put_json(&text, f, json_payload(f), "");
        forms->quoted = keep(f, &text);
        buf_fini(&text);
    }
    return bytes_of(forms->quoted->p, forms->quoted->n);
}

/* ---- what has changed */

static void put_delta(struct buf *into, const struct frame *f, enum encoding e, struct bytes delta)
{
    if (e == ENCODING_JSON)
        put_json(into, f, delta, ",\"delta\":true");
    else
        publication_protobuf(into, bytes_of(f->json, f->n), &delta);
}

static void make_delta(struct frame *f, const struct frame *before, enum encoding e)
{
    struct forms *forms = delta_forms(f);
    struct gateway *g = f->channel->gateway;
    struct buf text = {0}, base = {0}, target = {0};
    buf_clear(&g->scratch);
    fossil_encode(&g->scratch, payload(before, e, &base), payload(f, e, &target), e == ENCODING_JSON ? FOSSIL_POINTS : FOSSIL_BYTES);
    put_delta(&text, f, e, buf_bytes(&g->scratch));
    g->metrics.deltas_made_total++;
    forms->no_delta[e] = text.n >= frame_in(f, e).n; /* in JSON the whole is longer still: it is quoted */
    if (!forms->no_delta[e])
        forms->delta[e] = keep(f, &text);
    buf_fini(&text);
    buf_fini(&base);
    buf_fini(&target);
}

/* The publication before, if its client has it and so have we. */
static const struct frame *last_told(const struct sub *s)
{
    if (!s->has_last)
        return NULL;
    const struct frame *f = channel_frame(s->channel, s->sent);
    return f ? f : page_frame(s, s->sent);
}

static const struct frame_form *changed(const struct sub *s, struct frame *f, enum encoding e)
{
    const struct frame *before = f->wants_delta ? last_told(s) : NULL;
    bool fit = before && (e != ENCODING_JSON || (before->data_n && f->data_n));
    if (!fit)
        return NULL;
    if (!f->forms || !(f->forms->delta[e] || f->forms->no_delta[e]))
        make_delta(f, before, e);
    return f->forms->delta[e];
}

struct bytes delta_choose(const struct sub *s, struct frame *f)
{
    enum encoding e = s->connection->encoding;
    const struct frame_form *form = changed(s, f, e);
    return form ? bytes_of(form->p, form->n) : whole(f, e);
}

void delta_count_forms(struct gateway *g, const struct frame *f, struct bytes form)
{
    for (enum encoding e = 0; e < ENCODINGS; e++) {
        const struct frame_form *delta = f->forms->delta[e];
        if (!delta || form.p != delta->p)
            continue;
        g->metrics.deltas_total++;
        g->metrics.deltas_saved_bytes_total += frame_in(f, e).n - form.n;
    }
}
