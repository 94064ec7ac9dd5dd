#include "origin.h"

#include "unit.h"

static struct bytes patterns[] = {BYTES("http://localhost"), BYTES("http://localhost:*"),
                                  BYTES("https://*.Example.com")};
static const struct texts allowed = {patterns, 3};

START_TEST(a_request_without_origin_passes)
{
    ck_assert(origin_allowed(allowed, BYTES("")));
    ck_assert(origin_allowed((struct texts){0}, BYTES("")));
}
END_TEST

START_TEST(no_pattern_lets_no_page_in)
{
    ck_assert(!origin_allowed((struct texts){0}, BYTES("http://localhost")));
    ck_assert(!origin_allowed((struct texts){0}, BYTES("null")));
}
END_TEST

START_TEST(patterns_match_the_whole_origin)
{
    static const struct {
        const char *origin;
        bool in;
    } cases[] = {
        {"http://localhost", true},
        {"http://localhost:3000", true},
        {"HTTP://LOCALHOST:3000", true},
        {"https://app.example.com", true},
        {"https://a.b.EXAMPLE.COM", true},
        {"https://example.com", false},
        {"http://app.example.com", false},
        {"https://app.example.com.evil", false},
        {"http://localhost.evil", false},
        {"https://localhost", false},
        {"null", false},
        {"https://evilexample.com", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(origin_allowed(allowed, bytes_str(cases[i].origin)) == cases[i].in, "%s",
                      cases[i].origin);
}
END_TEST

START_TEST(a_lone_star_lets_every_page_in)
{
    struct bytes star = BYTES("*");
    ck_assert(origin_allowed((struct texts){&star, 1}, BYTES("https://anything.example")));
    ck_assert(origin_allowed((struct texts){&star, 1}, BYTES("null")));
}
END_TEST

UNIT_MAIN("gateway/origin", a_request_without_origin_passes, no_pattern_lets_no_page_in,
          patterns_match_the_whole_origin, a_lone_star_lets_every_page_in)
