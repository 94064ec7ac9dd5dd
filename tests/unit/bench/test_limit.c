#include "limit.h"

#include "unit.h"

#include <errno.h>

START_TEST(resources_are_told_from_other_errors)
{
    static const int other[] = {0, EPIPE, ECONNRESET, EINVAL};
    struct buf text = {0};
    limit_append(&text, limit_of(EMFILE) | limit_of(EADDRNOTAVAIL) | limit_of(ENOBUFS) |
                            limit_of(ECONNREFUSED));
    ck_assert_bytes(buf_bytes(&text), "[\"open_files\",\"ports\",\"memory\",\"server\"]");
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        ck_assert_uint_eq(limit_of(other[i]), 0);
    buf_clear(&text);
    limit_append(&text, 0);
    ck_assert_bytes(buf_bytes(&text), "[]");
    buf_fini(&text);
}
END_TEST

UNIT_MAIN("bench/limit", resources_are_told_from_other_errors)
