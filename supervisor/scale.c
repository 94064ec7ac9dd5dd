#include "order.h"

#include <errno.h>

bool query_next(struct bytes *query, struct bytes *ret_name, struct bytes *ret_value)
{
    if (query->n == 0)
        return false;
    const char *end = memchr(query->p, '&', query->n);
    size_t n = end ? (size_t)(end - query->p) : query->n;
    const char *equals = memchr(query->p, '=', n);
    size_t name = equals ? (size_t)(equals - query->p) : n;
    *ret_name = bytes_of(query->p, name);
    *ret_value = equals ? bytes_of(equals + 1, n - name - 1) : bytes_of(NULL, 0);
    *query = bytes_of(query->p + n + (end ? 1 : 0), query->n - n - (end ? 1 : 0));
    return true;
}

int scale_read(struct bytes query, struct scale *ret_scale, struct buf *ret_error)
{
    struct scale scale = {0};
    struct bytes name, value;
    while (query_next(&query, &name, &value)) {
        unsigned *field = bytes_is(name, "gateways")  ? &scale.gateways
                          : bytes_is(name, "workers") ? &scale.workers
                                                      : NULL;
        uint64_t n;
        if (!field || !bytes_u64(value, &n) || n < 1 || n > SLOTS_MAX) {
            buf_printf(ret_error, "%.*s=%.*s: gateways=N and workers=N are known, from 1 to %d",
                       BYTES_FMT(name), BYTES_FMT(value), SLOTS_MAX);
            return -EINVAL;
        }
        *field = (unsigned)n;
    }
    if (scale.gateways == 0 && scale.workers == 0) {
        buf_printf(ret_error, "nothing to do: gateways=N or workers=N, from 1 to %d", SLOTS_MAX);
        return -EINVAL;
    }
    *ret_scale = scale;
    return 0;
}
