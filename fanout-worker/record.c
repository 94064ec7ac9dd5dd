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

int record_decode(struct bytes key, struct bytes value, enum record_kind *ret_kind,
                  struct publication *ret_publication)
{
    struct record r;
    struct publication p;
    if (value.n > RECORD_BYTES_MAX || !channel_full_valid(key))
        return -EBADMSG;
    if (wire_get_record(value, &r) < 0 || r.version != WIRE_VERSION)
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
