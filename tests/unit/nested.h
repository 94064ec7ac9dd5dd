/* JSON that is deep. */
#ifndef TESTS_NESTED_H
#define TESTS_NESTED_H

#include "core/buf.h"

/* `levels` arrays within each other: in front of them `before`, behind them `behind`. The caller's to buf_fini */
static inline struct buf nested(const char *before, int levels, const char *behind)
{
    struct buf b = {0};
    buf_append_str(&b, before);
    for (int i = 0; i < 2 * levels; i++)
        buf_append_char(&b, i < levels ? '[' : ']');
    buf_append_str(&b, behind);
    return b;
}

#endif
