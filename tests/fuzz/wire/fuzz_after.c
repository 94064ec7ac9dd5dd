/* A list of references: what is taken off is what stood there. */
#include "wire/channel.h"

#include "core/buf.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes list = bytes_of(data, size), channel, tenant, name;
    uint64_t seq;
    int more;
    while (true) {
        const char *from = list.p;
        size_t before = list.n;
        more = after_next(&list, &channel, &seq);
        if (more <= 0) {
            FUZZ_CHECK(list.n == before && (more == 0) == (before == 0));
            break;
        }
        FUZZ_CHECK(list.n < before && channel.p == from && seq > 0);
        FUZZ_CHECK(channel_split(channel, &tenant, &name) && tenant_name_valid(tenant) &&
                   channel_name_valid(name));
        FUZZ_CHECK(!memchr(channel.p, ' ', channel.n) && channel.p[channel.n] == '@');
        FUZZ_CHECK(channel_place(channel).shard < SHARDS);
    }
    return 0;
}
