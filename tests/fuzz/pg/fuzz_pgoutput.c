#include "pg/pgoutput.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every slice that an event names must be readable. */
static uint64_t touch(struct bytes b)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < b.n; i++)
        sum += (uint8_t)b.p[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pgoutput_event e;
    volatile uint64_t sum;
    if (pgoutput_decode(bytes_of(data, size), &e) < 0)
        return 0;
    sum = touch(e.schema) + touch(e.table);
    if (e.n_columns > PGOUTPUT_COLUMNS_MAX)
        abort();
    for (unsigned i = 0; i < e.n_columns; i++)
        sum += touch(e.columns[i]);
    (void)sum;
    return 0;
}
