#include "crossing.h"

#include "run/log.h"
#include "wire/messages.h"

#include <stdio.h>

void crossing_init(struct crossing *c, struct sequencer_metrics *metrics)
{
    list_init(&c->seats);
    c->metrics = metrics;
}

void seat_init(struct seat *s)
{
    *s = (struct seat){0};
    list_init(&s->link);
}

static struct seat *find(struct crossing *c, struct bytes cell)
{
    struct seat *s;
    list_for_each (s, &c->seats, link)
        if (bytes_is(cell, s->cell))
            return s;
    return NULL;
}

static void tell_all(struct crossing *c)
{
    struct buf names = {0};
    struct seat *s;
    list_for_each (s, &c->seats, link)
        wire_put_cell_name(&names, &(struct cell_name){.name = bytes_str(s->cell)});
    list_for_each (s, &c->seats, link)
        LINK_SEND(s->wire, SEQ_CELLS, seq_cells, (&(struct seq_cells){.cells = buf_bytes(&names)}));
    buf_fini(&names);
}

const char *crossing_enter(struct crossing *c, struct seat *s, struct link *wire, struct bytes body)
{
    struct seq_cell_hello hello;
    if (wire_get_seq_cell_hello(body, &hello) < 0 || s->wire || !tenant_name_valid(hello.cell))
        return "bad hello of a cell";
    if (hello.version != WIRE_VERSION)
        return "another version of the wire format";
    struct seat *older = find(c, hello.cell);
    if (older)
        list_remove(&older->link);
    s->wire = wire;
    snprintf(s->cell, sizeof s->cell, "%.*s", BYTES_FMT(hello.cell));
    list_append(&c->seats, &s->link);
    log_info("cell_up", "cell=%s again=%s", s->cell, older ? "yes" : "no");
    tell_all(c);
    return NULL;
}

void crossing_leave(struct crossing *c, struct seat *s)
{
    if (!list_is_linked(&s->link))
        return;
    list_remove(&s->link);
    log_info("cell_down", "cell=%s", s->cell);
    tell_all(c);
}

/* -> 0, -EBADMSG */
static int read_ends(uint8_t type, struct bytes body, struct bytes *ret_to, struct bytes *ret_from)
{
    struct seq_cross_call call;
    struct seq_cross_result result;
    int error = type == SEQ_CROSS_CALL ? wire_get_seq_cross_call(body, &call) : wire_get_seq_cross_result(body, &result);
    if (error < 0)
        return error;
    *ret_to = type == SEQ_CROSS_CALL ? call.to : result.to;
    *ret_from = type == SEQ_CROSS_CALL ? call.from : result.from;
    return 0;
}

const char *crossing_pass(struct crossing *c, const struct seat *from, uint8_t type, struct bytes body)
{
    struct bytes to, sender;
    if (!from->wire || read_ends(type, body, &to, &sender) < 0 || !bytes_is(sender, from->cell))
        return "bad frame of a cell";
    struct seat *other = find(c, to);
    if (!other || link_pending(other->wire) + body.n > CROSSING_UNREAD_MAX) {
        c->metrics->crossings_dropped_total++;
        return NULL;
    }
    c->metrics->crossings_total++;
    link_send(other->wire, type, body);
    return NULL;
}
