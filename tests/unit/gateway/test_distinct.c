#include "distinct.h"

#include "unit.h"

START_TEST(each_counts_once_however_often_it_is_added)
{
    struct distinct d = {0};
    ck_assert_uint_eq(distinct_count(&d), 0);
    for (uint64_t i = 0; i < 3000; i++)
        distinct_add(&d, i % 1000 * UINT64_C(0x9e3779b97f4a7c15));
    ck_assert_uint_eq(distinct_count(&d), 1000);
    ck_assert_uint_eq(distinct_count(&d), 0);
}
END_TEST

UNIT_MAIN("gateway/distinct", each_counts_once_however_often_it_is_added)
