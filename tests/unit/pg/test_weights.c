#include "pg/weights.h"

#include "core/drr.h"
#include "unit.h"

START_TEST(who_has_no_weight_of_its_own_is_ordinary)
{
    struct weights w;
    weights_init(&w);
    ck_assert_int_eq(weights_of(&w, BYTES("acme")), DRR_WEIGHT);
    weights_put(&w, BYTES("acme"), 300);
    ck_assert_int_eq(weights_of(&w, BYTES("acme")), 300);
    ck_assert_int_eq(weights_of(&w, BYTES("acm")), DRR_WEIGHT);
    weights_fini(&w);
}
END_TEST

START_TEST(a_new_set_forgets_the_one_before)
{
    struct weights w;
    char name[] = "tenant-00";
    weights_init(&w);
    for (int set = 0; set < 3; set++) {
        weights_clear(&w);
        for (int i = 0; i < 50; i++) {
            name[7] = (char)('0' + i / 10);
            name[8] = (char)('0' + i % 10);
            weights_put(&w, bytes_str(name), 100 * set + i);
        }
    }
    ck_assert_uint_eq(w.by_tenant.count, 50);
    ck_assert_int_eq(weights_of(&w, BYTES("tenant-07")), 207);
    weights_fini(&w);
}
END_TEST

UNIT_MAIN("pg/weights", who_has_no_weight_of_its_own_is_ordinary, a_new_set_forgets_the_one_before)
