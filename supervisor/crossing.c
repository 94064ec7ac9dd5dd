#include "crossing.h"

#include "config_copy.h"
#include "core/clock.h"
#include "run/log.h"
#include "wire/cell_names.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEAT_MS 500
#define REDIAL_MIN_MS 50
#define REDIAL_MAX_MS 1000

/* A question of another cell, while our gateways answer it. */
struct foreign {
    struct list link; /* crossing::answers */
    struct crossing *crossing;
    struct cross_link *by; /* that it came over, and the answer goes */
    uint64_t request;      /* the other supervisor's number */
    char from[TENANT_MAX + 1];
};

/* ---- asking */

static struct cross_link *find_way(struct crossing *x, struct bytes cell)
{
    for (struct cross_link *l = x->links; l < x->links + x->n_links; l++)
        if (cell_names_have(buf_bytes(&l->cells), cell) && link_pending(dial_link(l->dial)) < CROSSING_PENDING_MAX)
            return l;
    return NULL;
}

bool crossing_send_call(struct crossing *x, struct seq_cross_call *m)
{
    struct cross_link *way = find_way(x, m->to);
    if (!way)
        return false;
    m->from = bytes_str(x->cell->options->cell);
    LINK_SEND(dial_link(way->dial), SEQ_CROSS_CALL, seq_cross_call, m);
    return true;
}

bool crossing_is_unused(const struct crossing *x, struct bytes cell)
{
    return cell_names_have(buf_bytes(&x->unused), cell);
}

/* ---- being asked */

static void send_answer(struct foreign *f, uint32_t asked, struct bytes answers)
{
    struct link *wire = dial_link(f->by->dial);
    if (!wire || link_pending(wire) > CROSSING_PENDING_MAX)
        return;
    struct seq_cross_result m = {.to = bytes_str(f->from),
                                 .from = bytes_str(f->crossing->cell->options->cell),
                                 .request = f->request,
                                 .asked = asked,
                                 .answers = answers};
    LINK_SEND(wire, SEQ_CROSS_RESULT, seq_cross_result, &m);
    f->crossing->metrics->crossings_total++;
}

static void foreign_free(struct foreign *f)
{
    list_remove(&f->link);
    free(f);
}

static void answered(void *owner, uint64_t request, uint32_t asked, struct bytes answers)
{
    struct foreign *f = owner;
    send_answer(f, asked, answers);
    foreign_free(f);
}

static void call_came(struct cross_link *l, const struct seq_cross_call *m)
{
    struct crossing *x = l->crossing;
    struct foreign *f = calloc(1, sizeof *f);
    assert(f);
    f->crossing = x;
    f->by = l;
    f->request = m->request;
    snprintf(f->from, sizeof f->from, "%.*s", BYTES_FMT(m->from));
    list_init(&f->link);
    list_append(&x->answers, &f->link);
    if (control_ask_for(x->control, m, answered, f))
        return;
    send_answer(f, 0, bytes_of(NULL, 0));
    foreign_free(f);
}

/* ---- the links */

/* Of the configuration's other cells that have ever run. */
static void count_missing(struct crossing *x)
{
    struct bytes others = buf_bytes(&x->others);
    struct cell_name cell;
    int64_t missing = 0;
    while (wire_next_cell_name(&others, &cell) > 0)
        missing += !find_way(x, cell.name) && !crossing_is_unused(x, cell.name);
    x->metrics->cells_missing = missing;
}

static void set_cells(struct cross_link *l, struct bytes cells)
{
    buf_clear(&l->cells);
    buf_append_bytes(&l->cells, cells);
    count_missing(l->crossing);
}

static int frame_came(struct cross_link *l, uint8_t type, struct bytes body)
{
    struct seq_cells cells;
    struct seq_cross_call call;
    struct seq_cross_result result;
    int error = 0;
    if (type == SEQ_CELLS && (error = wire_get_seq_cells(body, &cells)) == 0)
        set_cells(l, cells.cells);
    else if (type == SEQ_CROSS_CALL && (error = wire_get_seq_cross_call(body, &call)) == 0)
        call_came(l, &call);
    else if (type == SEQ_CROSS_RESULT && (error = wire_get_seq_cross_result(body, &result)) == 0)
        control_crossed(l->crossing->control, &result);
    return error;
}

static void say_hello(void *owner, struct link *wire)
{
    const struct cross_link *l = owner;
    struct seq_cell_hello hello = {.version = WIRE_VERSION, .cell = bytes_str(l->crossing->cell->options->cell)};
    LINK_SEND(wire, SEQ_CELL_HELLO, seq_cell_hello, &hello);
}

static void on_up(void *owner, struct dial *d, struct link *wire)
{
    struct cross_link *l = owner;
    introduce_up(&l->introduction, d, wire);
}

static void on_frame(void *owner, struct link *wire, uint8_t type, struct bytes body)
{
    struct cross_link *l = owner;
    if (introduce_frame(&l->introduction, wire, type, body) || frame_came(l, type, body) == 0)
        return;
    log_warn("frame_refused", "peer=%s type=%u bytes=%zu the link starts anew", dial_address(l->dial), type, body.n);
    dial_reset(l->dial);
}

static void on_down(void *owner, struct dial *d, int error)
{
    struct cross_link *l = owner;
    if (l->cells.n)
        log_warn("crossing_lost", "peer=%s errno=%s", dial_address(d), strerror(-error));
    set_cells(l, bytes_of(NULL, 0));
}

static const struct dial_handlers doors = {on_up, on_frame, NULL, on_down};

static void on_beat(struct ev_loop *loop, ev_timer *w, int events)
{
    struct crossing *x = w->data;
    struct seq_beat beat = {.sent_us = clock_real_us()};
    for (struct cross_link *l = x->links; l < x->links + x->n_links; l++)
        if (dial_link(l->dial))
            LINK_SEND(dial_link(l->dial), SEQ_BEAT, seq_beat, &beat);
}

/* ---- life */

static void open_link(struct crossing *x, const char *address)
{
    struct cross_link *l = &x->links[x->n_links++];
    *l = (struct cross_link){.crossing = x,
                             .introduction = {.secret_file = x->cell->options->secret_file,
                                              .refused_total = &x->metrics->secrets_refused_total,
                                              .hello = say_hello,
                                              .owner = l,
                                              .loss = "calls do not reach other cells"}};
    l->dial = dial_new(x->cell->loop, address, REDIAL_MIN_MS, REDIAL_MAX_MS, BEAT_MS, &doors, l);
}

static void open_links(struct crossing *x)
{
    char *list = strdup(x->cell->options->sequencer), *rest = list, *one;
    assert(list);
    while ((one = strsep(&rest, ", ")) && x->n_links < SEQUENCERS_MAX)
        if (*one)
            open_link(x, one);
    free(list);
    ev_timer_start(x->cell->loop, &x->beat);
}

static void close_links(struct crossing *x)
{
    ev_timer_stop(x->cell->loop, &x->beat);
    for (struct cross_link *l = x->links; l < x->links + x->n_links; l++) {
        dial_free(l->dial);
        buf_fini(&l->cells);
    }
    x->n_links = 0;
}

/* Once there were other cells the links stay: what they cost is a beat, and a cell that is taken away may come again. */
void crossing_configured(struct crossing *x, struct bytes config)
{
    buf_clear(&x->others);
    buf_clear(&x->unused);
    config_other_cells(config, x->cell->options->cell, true, &x->unused);
    if (config_other_cells(config, x->cell->options->cell, false, &x->others) && x->n_links == 0)
        open_links(x);
    count_missing(x);
}

void crossing_init(struct crossing *x, struct cell *cell, struct control *control, struct supervisor_metrics *metrics)
{
    *x = (struct crossing){.cell = cell, .control = control, .metrics = metrics};
    list_init(&x->answers);
    ev_timer_init(&x->beat, on_beat, BEAT_MS / 1000., BEAT_MS / 1000.);
    x->beat.data = x;
}

void crossing_fini(struct crossing *x)
{
    struct foreign *f;
    close_links(x);
    while ((f = list_first(&x->answers, struct foreign, link)))
        foreign_free(f);
    buf_fini(&x->others);
    buf_fini(&x->unused);
}
