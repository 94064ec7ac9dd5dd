#include "route.h"

#include "unit.h"

static enum outcome outcomes[3];

START_TEST(one_publish_is_answered_by_a_result_or_an_error)
{
    route_outcomes(BYTES("{\"result\":{\"offset\":1,\"epoch\":\"1\"}}"), 1, outcomes);
    ck_assert_int_eq(outcomes[0], OUTCOME_ACKNOWLEDGED);
    route_outcomes(BYTES("{\"error\":{\"code\":107,\"message\":\"bad request\"}}"), 1,
                   outcomes);
    ck_assert_int_eq(outcomes[0], OUTCOME_REFUSED);
}
END_TEST

START_TEST(a_batch_is_answered_in_its_order)
{
    route_outcomes(BYTES("{\"replies\":[{\"publish\":{}},{\"error\":{\"code\":111}},{"
                         "\"publish\":{\"offset\":2}}]}"),
                   3, outcomes);
    ck_assert_int_eq(outcomes[0], OUTCOME_ACKNOWLEDGED);
    ck_assert_int_eq(outcomes[1], OUTCOME_REFUSED);
    ck_assert_int_eq(outcomes[2], OUTCOME_ACKNOWLEDGED);
}
END_TEST

START_TEST(what_was_not_answered_is_not_known)
{
    static const char *const bad[] = {"", "{}", "<html>", "{\"replies\":[]}",
                                      "{\"replies\":[{\"publish\":{}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (size_t n = 1; n <= 3; n += 2) {
            route_outcomes(bytes_str(bad[i]), n, outcomes);
            for (size_t k = 0; k < n; k++)
                ck_assert_msg(outcomes[k] == OUTCOME_UNKNOWN, "%s", bad[i]);
        }
    route_outcomes(BYTES("{\"replies\":[{\"publish\":{}}]}"), 2, outcomes);
    ck_assert_int_eq(outcomes[0], OUTCOME_ACKNOWLEDGED);
    ck_assert_int_eq(outcomes[1], OUTCOME_UNKNOWN);
}
END_TEST

UNIT_MAIN("bench/route", one_publish_is_answered_by_a_result_or_an_error,
          a_batch_is_answered_in_its_order, what_was_not_answered_is_not_known)
