#include "wire/channel_regex.h"

#include "unit.h"

static bool matches(const char *pattern, const char *name)
{
    struct buf why = {0};
    struct channel_regex *r = channel_regex_new(bytes_str(pattern), &why);
    ck_assert_ptr_nonnull(r);
    bool yes = channel_regex_matches(r, bytes_str(name));
    channel_regex_free(r);
    buf_fini(&why);
    return yes;
}

START_TEST(what_stands_behind_the_namespace_is_looked_at)
{
    ck_assert(matches("^[0-9]+$", "orders:42"));
    ck_assert(matches("^[0-9]+$", "$orders:42"));
    ck_assert(matches("^[0-9]+$", "42"));
    ck_assert(!matches("^[0-9]+$", "orders:x"));
    ck_assert(!matches("^[0-9]+$", "orders:42x"));
    ck_assert(!matches("^orders", "orders:42"));
    ck_assert(matches("4", "orders:142"));
}
END_TEST

START_TEST(a_name_ends_where_it_ends)
{
    struct buf why = {0};
    struct channel_regex *r = channel_regex_new(BYTES("^ab$"), &why);
    ck_assert(channel_regex_matches(r, bytes_of("abc", 2)));
    ck_assert(!channel_regex_matches(r, bytes_of("abc", 3)));
    channel_regex_free(r);
}
END_TEST

START_TEST(what_cannot_be_read_is_refused_with_the_reason)
{
    static const struct {
        const char *pattern, *why;
    } cases[] = {{"(", "Unmatched ( or \\("}, {"^\\d+$", "\\d is not known in POSIX expressions"}, {"a\\", "Trailing backslash"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf why = {0};
        ck_assert_ptr_null(channel_regex_new(bytes_str(cases[i].pattern), &why));
        ck_assert_bytes(buf_bytes(&why), cases[i].why);
        buf_fini(&why);
    }
    ck_assert(matches("^\\w+\\.\\w+$", "a.b"));
    ck_assert(!matches("^\\w+\\.\\w+$", "a-b"));
}
END_TEST

UNIT_MAIN("wire/channel_regex", what_stands_behind_the_namespace_is_looked_at, a_name_ends_where_it_ends,
          what_cannot_be_read_is_refused_with_the_reason)
