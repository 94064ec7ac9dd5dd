#include "glob.h"

#include "unit.h"

static const struct {
    const char *pattern, *text;
    bool same;
} cases[] = {
    {"", "", true},
    {"", "a", false},
    {"*", "", true},
    {"*", "anything", true},
    {"a", "a", true},
    {"a", "b", false},
    {"a", "ab", false},
    {"ab", "a", false},
    {"a*", "a", true},
    {"a*", "abc", true},
    {"*c", "abc", true},
    {"*c", "abcd", false},
    {"a*c", "abbbc", true},
    {"a*c", "acb", false},
    {"a*b*c", "aXbYc", true},
    {"a*b*c", "aXcYb", false},
    {"**", "x", true},
    {"*a*a*", "aa", true},
    {"*a*a*", "a", false},
    {"?", "x", true},
    {"?", "", false},
    {"a?c", "abc", true},
    {"a?c", "ac", false},
    {"*?", "x", true},
    {"*ab", "aab", true},
    {"*ab", "abab", true},
    {"[a]", "a", false},
    {"[a]", "[a]", true},
    {"chat:*", "chat:1", true},
    {"chat:*", "CHAT:1", false},
};

START_TEST(a_star_is_any_run_and_a_question_mark_any_one)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(glob_match(bytes_str(cases[i].pattern), bytes_str(cases[i].text)) ==
                          cases[i].same,
                      "%s on %s", cases[i].pattern, cases[i].text);
}
END_TEST

START_TEST(case_counts_unless_asked_otherwise)
{
    ck_assert(!glob_match(BYTES("Abc"), BYTES("aBC")));
    ck_assert(glob_match_nocase(BYTES("Abc*"), BYTES("aBCd")));
    ck_assert(!glob_match_nocase(BYTES("@"), BYTES("`")));
}
END_TEST

START_TEST(many_stars_cost_no_more_than_pattern_times_text)
{
    char pattern[601], text[5000];
    for (size_t i = 0; i < 600; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[600] = 'b';
    memset(text, 'a', sizeof text);
    ck_assert(!glob_match(bytes_of(pattern, sizeof pattern), bytes_of(text, sizeof text)));
}
END_TEST

UNIT_MAIN("gateway/glob", a_star_is_any_run_and_a_question_mark_any_one,
          case_counts_unless_asked_otherwise, many_stars_cost_no_more_than_pattern_times_text)
