#include "leader.h"

#include <errno.h>
#include <stdlib.h>

/* A decimal number below SHARDS off the front. -> it, or -EINVAL */
static int take_number(const char **at)
{
    int n = -EINVAL;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        n = (n < 0 ? 0 : n) * 10 + (**at - '0');
        if (n >= SHARDS)
            return -EINVAL;
    }
    return n;
}

int leader_parse_shards(const char *text, uint64_t *ret_mask)
{
    uint64_t mask = 0;
    for (const char *at = text;; at++) {
        int from = take_number(&at), to = from;
        if (*at == '-') {
            at++;
            to = take_number(&at);
        }
        if (from < 0 || to < from)
            return -EINVAL;
        for (int n = from; n <= to; n++)
            mask |= 1ULL << n;
        if (!*at)
            break;
        if (*at != ',')
            return -EINVAL;
    }
    *ret_mask = mask;
    return 0;
}

void leader_print_shards(uint64_t mask, struct buf *into)
{
    const char *comma = "";
    for (unsigned from = 0, to; from < SHARDS; from = to + 1) {
        to = from;
        if (!(mask >> from & 1))
            continue;
        while (to + 1 < SHARDS && mask >> (to + 1) & 1)
            to++;
        buf_printf(into, from == to ? "%s%u" : "%s%u-%u", comma, from, to);
        comma = ",";
    }
}
