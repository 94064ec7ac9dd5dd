#include "fuzz.h"

#include "pg/pgoutput.h"

/* Every slice that an event names lies inside of the message. */
static bool lies_inside(struct bytes b, const uint8_t *data, size_t size)
{
    const char *start = (const char *)data;
    return !b.p || (b.p >= start && b.n <= size && b.p + b.n <= start + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pgoutput_event e;
    if (pgoutput_decode(bytes_of(data, size), &e) < 0)
        return 0;
    FUZZ_CHECK(lies_inside(e.schema, data, size) && lies_inside(e.table, data, size));
    FUZZ_CHECK(e.n_columns <= PGOUTPUT_COLUMNS_MAX);
    for (unsigned i = 0; i < e.n_columns; i++)
        FUZZ_CHECK(lies_inside(e.columns[i], data, size));
    return 0;
}
