/* Names of channels and tenants. */
#include "wire/channel.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes full = bytes_of(data, size), tenant, name;
    if (channel_split(full, &tenant, &name)) {
        FUZZ_CHECK(tenant.n + 1 + name.n == full.n && !memchr(tenant.p, '/', tenant.n) &&
                   full.p[tenant.n] == '/');
        FUZZ_CHECK(!tenant_name_valid(tenant) || tenant.n <= TENANT_MAX);
    } else {
        FUZZ_CHECK(size == 0 || !memchr(full.p, '/', full.n));
        FUZZ_CHECK(!tenant_name_valid(full) || channel_name_valid(full));
    }
    struct bytes space = channel_namespace(full);
    if (space.n)
        FUZZ_CHECK(space.p >= full.p && space.p + space.n < full.p + full.n &&
                   space.p[space.n] == ':' && !memchr(space.p, ':', space.n));
    if (channel_name_valid(full))
        FUZZ_CHECK(size > 0 && size <= CHANNEL_MAX && !memchr(full.p, ' ', size) &&
                   !memchr(full.p, 0, size));
    FUZZ_CHECK(channel_place(full).shard < SHARDS);
    return 0;
}
