/* What PostgreSQL, or the copy on disk, says the configuration is. */
#include "config_copy.h"

#include "fuzz.h"
#include "plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_facts facts = {.partitions = 77};
    struct buf error = {0};
    if (config_read(bytes_of(data, size), "a", &facts, &error) < 0) {
        FUZZ_CHECK(error.n > 0 && facts.partitions == 77);
    } else {
        FUZZ_CHECK(error.n == 0 && facts.partitions >= 1 && facts.partitions <= PARTITIONS_MAX);
        FUZZ_CHECK(facts.topic[0] && strlen(facts.topic) <= CELL_TOPIC_MAX);
    }
    buf_fini(&error);
    return 0;
}
