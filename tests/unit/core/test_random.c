#include "core/random.h"

#include "unit.h"

START_TEST(a_uuid_has_version_4_and_the_variant_of_the_rfc)
{
    for (int i = 0; i < 1000; i++) {
        char text[37];
        random_uuid(text);
        ck_assert_uint_eq(strlen(text), 36);
        for (int at = 0; at < 36; at++) {
            bool dash = at == 8 || at == 13 || at == 18 || at == 23;
            ck_assert(dash ? text[at] == '-' : strchr("0123456789abcdef", text[at]) != NULL);
        }
        ck_assert_int_eq(text[14], '4');
        ck_assert_ptr_nonnull(strchr("89ab", text[19]));
    }
}
END_TEST

START_TEST(no_two_draws_are_alike)
{
    uint64_t seen[150];
    for (int i = 0; i < 150; i++) {
        seen[i] = random_u64();
        for (int j = 0; j < i; j++)
            ck_assert_uint_ne(seen[i], seen[j]);
    }
}
END_TEST

UNIT_MAIN("core/random", a_uuid_has_version_4_and_the_variant_of_the_rfc,
          no_two_draws_are_alike)
