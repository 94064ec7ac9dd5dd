#include "parcel.h"

#include "deflate.h"
#include "delta.h"
#include "gateway.h"
#include "ws.h"

#include <assert.h>
#include <stdlib.h>

static const char *text_of(const struct frame_form *form)
{
    return form ? form->p : NULL;
}

/* Pushes that are compressed differ in the form of their publication and in how their channel is spelled. */
static size_t place_of(const struct frame *f, struct bytes form, bool full)
{
    const struct forms *forms = f->forms;
    const char *const texts[] = {f->json, text_of(f->protobuf), text_of(forms->quoted), text_of(forms->delta[ENCODING_JSON]),
                                 text_of(forms->delta[ENCODING_PROTOBUF])};
    size_t i = 0;
    _Static_assert(2 * sizeof texts / sizeof *texts == FORMS_PACKED, "a place for each");
    while (texts[i] != form.p)
        i++;
    return 2 * i + full;
}

/* The push as a message of its own, without the separator behind it. */
static struct bytes put_text(struct buf *into, struct sub *s, struct frame *f, struct bytes form, bool late)
{
    const struct encoder *encoder = &encoders[s->connection->encoding];
    buf_clear(into);
    encoder->frame(into, s->channel, s->full, f, form, late);
    return bytes_of(into->p, into->n - (encoder->separator != 0));
}

static const struct frame_form *segment(struct sub *s, struct frame *f, struct bytes form)
{
    struct gateway *g = s->connection->gateway;
    struct forms *forms = delta_forms(f);
    struct frame_form **at = &forms->packed[place_of(f, form, s->full)];
    if (*at)
        return *at;
    struct buf packed = {0};
    deflate_segment(g->deflate, put_text(&g->scratch, s, f, form, false), &packed);
    *at = frame_form_new(buf_bytes(&packed));
    frame_grew(f, frame_form_bytes(*at));
    buf_fini(&packed);
    g->metrics.compressed_total++;
    return *at;
}

/* What is plain so far becomes the first piece. */
static void begin_pieces(struct parcel *p, struct buf *b, struct buf *scratch)
{
    size_t n = b->n - WS_HEAD;
    p->packed = true;
    p->segment_last = false;
    if (n == 0)
        return;
    buf_clear(scratch);
    buf_append(scratch, b->p + WS_HEAD, n);
    b->n = WS_HEAD;
    deflate_stored(buf_bytes(scratch), b);
}

static void separate(const struct parcel *p, enum encoding e, struct buf *b)
{
    if (encoders[e].separator && p->packed && b->n > WS_HEAD)
        deflate_stored(bytes_of(&encoders[e].separator, 1), b);
}

void parcel_put(struct parcel *p, struct buf *b, struct sub *s, struct frame *f, struct bytes form, bool late)
{
    struct gateway *g = s->connection->gateway;
    enum encoding e = s->connection->encoding;
    bool worth = !late && form.n >= (size_t)g->options->compression_min;
    if (!worth && !p->packed) {
        encoders[e].frame(b, s->channel, s->full, f, form, late);
        return;
    }
    separate(p, e, b); /* plain text has its own at its end */
    if (!p->packed)
        begin_pieces(p, b, &g->scratch);
    p->segment_last = worth;
    if (worth) {
        const struct frame_form *packed = segment(s, f, form);
        buf_append(b, packed->p, packed->n);
    } else {
        deflate_stored(put_text(&g->scratch, s, f, form, late), b);
    }
}

bool parcel_end(struct parcel *p, enum encoding e, struct buf *b)
{
    bool packed = p->packed;
    if (packed)
        deflate_end(b, p->segment_last);
    else
        b->n -= encoders[e].separator != 0; /* lines are parted, not ended */
    *p = (struct parcel){0};
    return packed;
}
