#include "publisher.h"

#include "unit.h"

START_TEST(messages_are_due_evenly)
{
    struct bench_options o = {.rate = 3, .per = 1000};
    ck_assert_int_eq(publisher_due_ns(&o, 0), 0);
    ck_assert_int_eq(publisher_due_ns(&o, 3), 1000000000);
    ck_assert_int_eq(publisher_due_ns(&o, 4) / 1000, 1333333);
    o = (struct bench_options){.rate = 1, .per = 3000};
    ck_assert_int_eq(publisher_due_ns(&o, 2), 6000000000);
}
END_TEST

UNIT_MAIN("bench/publisher", messages_are_due_evenly)
