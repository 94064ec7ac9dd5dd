/* Any bytes as a client's frame of JSON: the parser takes commands off it, or refuses. */
#include "command.h"
#include "fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy = malloc(n + 1); /* its own memory: a read behind the end shows */
    struct command m;
    if (!copy)
        abort();
    memcpy(copy, data, n);
    struct bytes frame = bytes_of(copy, n);
    while (frame.n && command_take_json(&frame, &m) == 0) {
        FUZZ_CHECK(m.kind < COMMAND_KINDS && m.channel.n <= n && m.token.n <= n && m.data.n <= n);
        command_fini(&m);
    }
    free(copy);
    return 0;
}
