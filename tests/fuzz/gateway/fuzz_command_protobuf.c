/* Any bytes as a client's frame of Protobuf: the parser takes commands off it, or refuses; texts are texts. */
#include "command.h"
#include "fuzz.h"

#include "core/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy = malloc(n + 1);
    struct command m;
    if (!copy)
        abort();
    memcpy(copy, data, n);
    struct bytes frame = bytes_of(copy, n);
    while (frame.n && command_take_protobuf(&frame, &m) == 0) {
        FUZZ_CHECK(m.kind < COMMAND_KINDS && m.data.n <= n);
        FUZZ_CHECK(json_is_text(m.channel) && json_is_text(m.token) && json_is_text(m.method) && json_is_text(m.epoch));
        FUZZ_CHECK(!command_has_json(&m) || json_type(m.data) != JSON_NONE);
        command_fini(&m);
    }
    free(copy);
    return 0;
}
