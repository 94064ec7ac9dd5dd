#include "first.h"

#include "unit.h"

static int order(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void check_first(uint32_t most, uint32_t want)
{
    static int numbers[100];
    struct first f;
    first_init(&f, most, order);
    for (int i = 0; i < 100; i++) {
        numbers[i] = i * 37 % 100;
        first_offer(&f, &numbers[i]);
    }
    first_sort(&f);
    ck_assert_uint_eq(f.n, want);
    for (uint32_t i = 0; i < f.n; i++)
        ck_assert_int_eq(*(const int *)f.items[i], (int)i);
    first_fini(&f);
}

START_TEST(the_first_of_many_are_kept_in_order)
{
    check_first(1, 1);
    check_first(10, 10);
    check_first(100, 100);
    check_first(1000, 100);
}
END_TEST

UNIT_MAIN("gateway/first", the_first_of_many_are_kept_in_order)
