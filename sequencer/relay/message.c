#include "message.h"

#include "wire/messages.h"

#include <assert.h>
#include <stdlib.h>

static struct bytes copy(char **at, struct bytes from)
{
    struct bytes to = bytes_of(*at, from.n);
    if (from.n)
        memcpy(*at, from.p, from.n);
    *at += from.n;
    return to;
}

struct message *message_new(const struct row *row)
{
    size_t n =
        row->channel.n + row->tenant.n + row->data.n + row->tags.n + row->info.n + row->after.n;
    struct message *m = malloc(sizeof *m + n);
    assert(m);
    *m = (struct message){.row = *row, .bytes = sizeof *m + n};
    list_init(&m->gate_link);
    list_init(&m->open_link);
    list_init(&m->mark_link);
    char *at = m->text;
    m->row.channel = copy(&at, row->channel);
    m->row.tenant = copy(&at, row->tenant);
    m->row.data = copy(&at, row->data);
    m->row.tags = copy(&at, row->tags);
    m->row.info = copy(&at, row->info);
    m->row.after = copy(&at, row->after);
    return m;
}

void message_free(struct message *m)
{
    if (!m)
        return;
    assert(!list_is_linked(&m->gate_link) && !list_is_linked(&m->mark_link));
    assert(!list_is_linked(&m->open_link));
    for (unsigned i = 0; i < m->n_deliveries; i++)
        assert(!list_is_linked(&m->deliveries[i].sink_link) &&
               !list_is_linked(&m->deliveries[i].mark_link));
    free(m->deliveries);
    free(m);
}

void message_route(struct message *m, uint64_t cells, uint32_t lane)
{
    assert(!m->deliveries);
    m->lane = lane;
    unsigned n = (unsigned)__builtin_popcountll(cells);
    if (n == 0)
        return;
    m->deliveries = calloc(n, sizeof *m->deliveries);
    assert(m->deliveries);
    for (; cells; cells &= cells - 1) {
        struct delivery *d = &m->deliveries[m->n_deliveries++];
        d->message = m;
        d->cell = (uint8_t)__builtin_ctzll(cells);
        list_init(&d->sink_link);
        list_init(&d->mark_link);
    }
    m->unacked = n;
}

void message_encode(const struct message *m, bool stub, uint64_t relayed_us, struct buf *into)
{
    const struct row *row = &m->row;
    struct publication p = {
        .epoch = row->epoch,
        .seq = row->seq,
        .id = row->id,
        .time_ms = row->time_ms,
        .format = row->format,
        .after = row->after,
        .committed_us = (uint64_t)m->committed_us,
        .relayed_us = relayed_us,
    };
    if (!stub)
        p.data = row->data, p.tags = row->tags, p.info = row->info;
    struct buf body;
    buf_init(&body);
    wire_put_publication(&body, &p);
    struct record record = {WIRE_VERSION, stub ? RECORD_STUB : RECORD_MESSAGE,
                            buf_bytes(&body)};
    wire_put_record(into, &record);
    buf_fini(&body);
}
