#include "fuzz.h"

#include "pg/walsender.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct walsender_message m;
    if (walsender_read(bytes_of(data, size), &m) < 0)
        return 0;
    FUZZ_CHECK(!m.is_data || m.data.p + m.data.n == (const char *)data + size);
    return 0;
}
