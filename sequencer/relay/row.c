#include "row.h"

#include "wire/channel.h"
#include "wire/messages.h"

bool row_valid(const struct row *row)
{
    if (row->id == 0 || row->id > INT64_MAX || row->seq == 0 || row->seq > INT64_MAX)
        return false;
    if (row->shard >= SHARDS || row->format > FORMAT_MOST)
        return false;
    return row->channel.n > 0 && row->tenant.n > 0;
}
