#include "limit.h"

#include <errno.h>

static const char *const names[] = {
#define LIMIT(NAME, name, help) #name,
#include "limits.def"
#undef LIMIT
};

uint32_t limit_of(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
        return 1u << LIMIT_BIT_OPEN_FILES;
    case EADDRNOTAVAIL:
        return 1u << LIMIT_BIT_PORTS;
    case ENOMEM:
    case ENOBUFS:
        return 1u << LIMIT_BIT_MEMORY;
    case ECONNREFUSED:
        return 1u << LIMIT_BIT_SERVER;
    default:
        return 0;
    }
}

void limit_append(struct buf *into, uint32_t limits)
{
    bool comma = false;
    buf_append_char(into, '[');
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!(limits >> i & 1))
            continue;
        buf_printf(into, "%s\"%s\"", comma ? "," : "", names[i]);
        comma = true;
    }
    buf_append_char(into, ']');
}
