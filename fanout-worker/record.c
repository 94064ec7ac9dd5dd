#include "record.h"

#include "wire/channel.h"

#include <errno.h>

bool channel_full_valid(struct bytes channel)
{
    struct bytes tenant, name;
    return channel_split(channel, &tenant, &name) && tenant_name_valid(tenant) &&
           channel_name_valid(name);
}

static bool numbers_valid(const struct publication *p, uint8_t kind)
{
    bool ephemeral = kind == RECORD_EPHEMERAL;
    if (ephemeral)
        return p->seq == 0;
    return p->epoch >= 1 && p->epoch <= INT64_MAX && p->seq >= 1 && p->seq < INT64_MAX;
}

static int open_record(struct bytes key, struct bytes value, struct record *ret)
{
    if (value.n > RECORD_BYTES_MAX || !channel_full_valid(key))
        return -EBADMSG;
    return wire_get_record(value, ret) < 0 || ret->version != WIRE_VERSION ? -EBADMSG : 0;
}

int record_decode(struct bytes key, struct bytes value, enum record_kind *ret_kind,
                  struct publication *ret_publication)
{
    struct record r;
    struct publication p;
    if (open_record(key, value, &r) < 0)
        return -EBADMSG;
    if (r.kind < RECORD_MESSAGE || r.kind > RECORD_EPHEMERAL ||
        wire_get_publication(r.publication, &p) < 0)
        return -EBADMSG;
    if (!numbers_valid(&p, r.kind) || p.format > FORMAT_MOST || p.data.n > DATA_MAX)
        return -EBADMSG;
    *ret_kind = r.kind;
    *ret_publication = p;
    return 0;
}

int record_news(struct bytes key, struct bytes value, struct presence_news *ret_news)
{
    struct record r;
    struct presence_news m;
    if (open_record(key, value, &r) < 0 || r.kind != RECORD_PRESENCE || wire_get_presence_news(r.publication, &m) < 0 ||
        m.what < NEWS_JOINED || m.what > NEWS_MISSED)
        return -EBADMSG;
    *ret_news = m;
    return 0;
}
