/* Any bytes as a client's message: the parser takes them apart, or refuses. */
#include "command.h"
#include "fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy = malloc(n + 1); /* its own memory: a read behind the end shows */
    struct bytes frame, line;
    struct command m;
    if (!copy)
        abort();
    memcpy(copy, data, n);
    frame = bytes_of(copy, n);
    while (command_next_line(&frame, &line)) {
        if (command_parse(line, &m) < 0)
            continue;
        if (m.kind >= COMMAND_KINDS || m.channel.n > line.n || m.token.n > line.n || m.data.n > line.n)
            abort();
        command_fini(&m);
    }
    free(copy);
    return 0;
}
