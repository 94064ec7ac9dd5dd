/* What a test file needs besides `check`: tests named by the sentence that they prove, and
 * UNIT_MAIN below them. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include "core/bytes.h"

#include <check.h>
#include <stdlib.h>

/* Bytes against a literal, with both in the message. */
#define ck_assert_bytes(have, want)                                                            \
    do {                                                                                       \
        struct bytes unit_have_ = (have);                                                      \
        ck_assert_msg(bytes_is(unit_have_, want), "have \"%.*s\", want \"%s\"",                \
                      BYTES_FMT(unit_have_), want);                                            \
    } while (0)

#define UNIT_MAIN(name, ...)                                                                   \
    int main(void)                                                                             \
    {                                                                                          \
        const TTest *const tests[] = {__VA_ARGS__};                                            \
        Suite *suite = suite_create(name);                                                     \
        TCase *tcase = tcase_create(name);                                                     \
        for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)                              \
            tcase_add_test(tcase, tests[i]);                                                   \
        suite_add_tcase(suite, tcase);                                                         \
        SRunner *runner = srunner_create(suite);                                               \
        srunner_run_all(runner, CK_ENV);                                                       \
        int failed = srunner_ntests_failed(runner);                                            \
        srunner_free(runner);                                                                  \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                           \
    }

#endif
