#include "core/json.h"

#include "unit.h"

#include <errno.h>

START_TEST(what_rfc_8259_allows_is_accepted)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "1.0",
                                       "-1.5e+10",
                                       "1E5",
                                       "123456789012345678901234567890",
                                       "true",
                                       "false",
                                       "null",
                                       "\"\"",
                                       "[]",
                                       "{}",
                                       " [ 1 , 2 ] ",
                                       "\t{\"a\" : {\"b\":[null,true,\"x\"]}}\r\n",
                                       "\"\\u0000\\ud800\\n\\/\"",
                                       "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
                                       "{\"a\":1,\"a\":2}",
                                       "\"\x7f\""};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(json_check(bytes_str(good[i]), JSON_DEPTH_MAX, NULL) == 0, "%s", good[i]);
}
END_TEST

START_TEST(what_it_does_not_allow_is_refused)
{
    static const char *const bad[] = {"",          " ",
                                      "01",        "-",
                                      "1.",        ".5",
                                      "1e",        "+1",
                                      "0x1",       "NaN",
                                      "Infinity",  "tru",
                                      "nul",       "True",
                                      "'a'",       "\"",
                                      "\"a",       "\"\\x\"",
                                      "\"\\u12\"", "\"\\u12g4\"",
                                      "\"\\",      "\"a\nb\"",
                                      "\"\t\"",    "[",
                                      "]",         "[1",
                                      "[1,",       "[1,]",
                                      "[,1]",      "[1 2]",
                                      "{",         "{\"a\"",
                                      "{\"a\":",   "{\"a\":1",
                                      "{\"a\":1,", "{\"a\":1,}",
                                      "{a:1}",     "{\"a\" 1}",
                                      "{1:1}",     "1 2",
                                      "{}{}",      "[1}",
                                      "{\"a\":1]", "//",
                                      "[1]//",     "\xef\xbb\xbf{}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(json_check(bytes_str(bad[i]), JSON_DEPTH_MAX, NULL) == -EBADMSG, "%s",
                      bad[i]);
    ck_assert_int_eq(json_check(bytes_of("\"\0\"", 3), JSON_DEPTH_MAX, NULL), -EBADMSG);
    ck_assert_int_eq(json_check(bytes_of("1\0", 2), JSON_DEPTH_MAX, NULL), -EBADMSG);
    ck_assert_int_eq(json_check(bytes_of(NULL, 0), JSON_DEPTH_MAX, NULL), -EBADMSG);
}
END_TEST

START_TEST(text_that_is_not_utf8_is_refused)
{
    static const char *const bad[] = {"\"\x80\"",
                                      "\"\xc3\"",
                                      "\"\xc0\xaf\"",
                                      "\"\xe0\x80\xaf\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xf4\x90\x80\x80\"",
                                      "\"\xf8\x88\x80\x80\x80\"",
                                      "\"\xe2\x82\"",
                                      "\"\xff\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(json_check(bytes_str(bad[i]), JSON_DEPTH_MAX, NULL), -EBADMSG);
}
END_TEST

START_TEST(nesting_is_bounded)
{
    struct buf deep;
    buf_init(&deep);
    for (int i = 0; i < 200000; i++)
        buf_append_char(&deep, '[');
    ck_assert_int_eq(json_check(buf_bytes(&deep), JSON_DEPTH_MAX, NULL), -EBADMSG);
    ck_assert_int_eq(json_check(BYTES("[[[]]]"), 3, NULL), 0);
    ck_assert_int_eq(json_check(BYTES("[[],[],{\"a\":[]}]"), 3, NULL), 0);
    ck_assert_int_eq(json_check(BYTES("[[[]]]"), 2, NULL), -E2BIG);
    buf_fini(&deep);
}
END_TEST

START_TEST(what_is_too_deep_is_told_from_what_is_no_json)
{
    static const char *const deep[] = {"[[[]]]", " {\"a\":[{\"]}\":\"[{\\\"\"}, 1]} ", "[[[[[]]]], {\"b\": [[]]}]"};
    static const char *const none[] = {"[[[]]", "[[[]]] x", "[[[]],x]", "[[[\"\xff\"]]]", "[[[\"]]]", "[[[]]}"};
    size_t at = 0;
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++)
        ck_assert_msg(json_check(bytes_str(deep[i]), 2, NULL) == -E2BIG, "%s", deep[i]);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_msg(json_check(bytes_str(none[i]), 2, NULL) == -EBADMSG, "%s", none[i]);
    ck_assert_int_eq(json_check(BYTES("[1, [[], []]]"), 2, &at), -E2BIG);
    ck_assert_uint_eq(at, 5);
}
END_TEST

/* 200,000 of them end on no stack. */
START_TEST(what_is_too_deep_is_walked_over)
{
    struct buf deep = {0};
    buf_append_str(&deep, "{\"a\":");
    for (int i = 0; i < 200000; i++)
        buf_append_char(&deep, i < 100000 ? '[' : ']');
    buf_append_str(&deep, ",\"b\":7}");
    ck_assert_int_eq(json_check(buf_bytes(&deep), JSON_DEPTH_MAX, NULL), -E2BIG);
    ck_assert_uint_eq(json_member(buf_bytes(&deep), "a").n, 200000);
    ck_assert_bytes(json_member(buf_bytes(&deep), "b"), "7");
    buf_fini(&deep);
}
END_TEST

START_TEST(a_fault_is_shown_where_it_is)
{
    size_t at = 99;
    ck_assert_int_eq(json_check(BYTES("{\"a\": x}"), JSON_DEPTH_MAX, &at), -EBADMSG);
    ck_assert_uint_eq(at, 6);
    ck_assert_int_eq(json_check(BYTES("1 1"), JSON_DEPTH_MAX, &at), -EBADMSG);
    ck_assert_uint_eq(at, 2);
}
END_TEST

START_TEST(values_are_slices_of_the_text_byte_for_byte)
{
    struct bytes text =
        BYTES(" {\"n\" : 1.0 , \"big\":123456789012345678901234567890,\"s\":\"a\\u0041\", "
              "\"l\":[1, [2],{}]}");
    ck_assert_bytes(json_member(text, "n"), "1.0");
    ck_assert_bytes(json_member(text, "big"), "123456789012345678901234567890");
    ck_assert_bytes(json_member(text, "s"), "\"a\\u0041\"");
    ck_assert_bytes(json_member(text, "l"), "[1, [2],{}]");
    ck_assert_int_eq(json_type(json_member(text, "none")), JSON_NONE);
    ck_assert_int_eq(json_type(json_member(BYTES("[1]"), "n")), JSON_NONE);
    ck_assert(json_member(text, "n").p > text.p && json_member(text, "n").p < text.p + text.n);
}
END_TEST

START_TEST(the_last_of_equal_members_wins_and_escaped_keys_count)
{
    ck_assert_bytes(json_member(BYTES("{\"a\":1,\"a\":2}"), "a"), "2");
    ck_assert_bytes(json_member(BYTES("{\"\\u0061\":3}"), "a"), "3");
    ck_assert_int_eq(json_type(json_member(BYTES("{\"\\u0062\":3}"), "a")), JSON_NONE);
    ck_assert_int_eq(json_type(json_member(BYTES("{\"ab\":3}"), "a")), JSON_NONE);
}
END_TEST

START_TEST(arrays_and_objects_are_walked_in_order)
{
    struct json_iter it;
    struct bytes key, value;
    struct buf seen;
    buf_init(&seen);
    json_array_each (&it, BYTES(" [1 ,\"a,b]\" , {\"x\":[2,3]},[] ] "), &value) {
        buf_append_bytes(&seen, value);
        buf_append_char(&seen, ';');
    }
    ck_assert_str_eq(seen.p, "1;\"a,b]\";{\"x\":[2,3]};[];");
    buf_clear(&seen);
    json_object_each (&it, BYTES("{\"a\" : 1,\"b:,\":{} }"), &key, &value) {
        buf_append_bytes(&seen, key);
        buf_append_bytes(&seen, value);
    }
    ck_assert_str_eq(seen.p, "\"a\"1\"b:,\"{}");
    buf_clear(&seen);
    json_array_each (&it, BYTES("{\"a\":1}"), &value)
        buf_append_char(&seen, '!');
    json_object_each (&it, BYTES("{ }"), &key, &value)
        buf_append_char(&seen, '!');
    ck_assert_str_eq(seen.p, "");
    buf_fini(&seen);
}
END_TEST

START_TEST(strings_are_decoded_with_their_escapes)
{
    struct buf out;
    buf_init(&out);
    ck_assert_int_eq(
        json_string(BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83d\\ude00z\""), &out),
        0);
    ck_assert_str_eq(out.p, "\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    buf_clear(&out);
    ck_assert_int_eq(json_string(BYTES("12"), &out), -EINVAL);
    ck_assert_int_eq(json_string(BYTES("\"\""), &out), 0);
    ck_assert_uint_eq(out.n, 0);
    buf_fini(&out);
}
END_TEST

START_TEST(a_lone_surrogate_or_a_nul_is_no_text_and_leaves_nothing_behind)
{
    static const char *const bad[] = {"\"a\\ud800\"", "\"a\\udc00\"", "\"a\\ud800\\ud800\"",
                                      "\"a\\ud800x\"", "\"a\\u0000\""};
    struct buf out;
    buf_init(&out);
    buf_append_str(&out, "kept");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(json_string(bytes_str(bad[i]), &out), -EILSEQ);
        ck_assert_uint_eq(out.n, 4);
    }
    buf_fini(&out);
}
END_TEST

START_TEST(whole_numbers_are_read_exactly_or_not_at_all)
{
    uint64_t u = 5;
    int64_t i = 5;
    ck_assert(json_u64(BYTES(" 18446744073709551615 "), &u) && u == UINT64_MAX);
    ck_assert(json_i64(BYTES("-9223372036854775808"), &i) && i == INT64_MIN);
    ck_assert(json_i64(BYTES("9223372036854775807"), &i) && i == INT64_MAX);
    ck_assert(json_i64(BYTES("-0"), &i) && i == 0);
    ck_assert(!json_i64(BYTES("9223372036854775808"), &i));
    ck_assert(!json_i64(BYTES("-9223372036854775809"), &i));
    ck_assert(!json_u64(BYTES("7.0"), &u) && !json_u64(BYTES("1e3"), &u) &&
              !json_u64(BYTES("-1"), &u));
    ck_assert(!json_u64(BYTES("\"7\""), &u) && !json_i64(BYTES("null"), &i));
}
END_TEST

START_TEST(any_bytes_become_a_string_that_passes_the_check)
{
    struct buf out;
    char all[256];
    buf_init(&out);
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    json_append_string(&out, bytes_of(all, sizeof all));
    ck_assert_int_eq(json_check(buf_bytes(&out), 1, NULL), 0);
    buf_clear(&out);
    json_append_string(&out, BYTES("a\"\\\n\xc3\xa9\xff"));
    ck_assert_str_eq(out.p, "\"a\\\"\\\\\\u000a\xc3\xa9\xef\xbf\xbd\"");
    buf_fini(&out);
}
END_TEST

START_TEST(a_string_is_a_text_by_what_it_says)
{
    ck_assert(json_string_is(BYTES("\"a\\u0062\""), BYTES("ab")));
    ck_assert(json_string_is(BYTES("\"\""), BYTES("")));
    ck_assert(!json_string_is(BYTES("\"ab\""), BYTES("a")));
    ck_assert(!json_string_is(BYTES("12"), BYTES("12")));
    ck_assert(!json_string_is(bytes_of(NULL, 0), BYTES("")));
}
END_TEST

START_TEST(an_array_is_searched_for_a_text_and_for_what_bears_a_name)
{
    struct bytes cells = BYTES("[7, {\"name\": 1}, {\"name\": \"\\u0061\", \"n\": 1}, {\"name\": \"a\", \"n\": 2}, {}]");
    ck_assert(json_array_has(BYTES("[1, \"b\", \"\\u0061\"]"), BYTES("a")));
    ck_assert(!json_array_has(BYTES("[1, [\"a\"], {\"a\": \"a\"}]"), BYTES("a")));
    ck_assert(!json_array_has(BYTES("\"a\""), BYTES("a")));
    ck_assert(!json_array_has(BYTES("{\"a\": \"a\"}"), BYTES("a")));
    ck_assert(!json_array_has(bytes_of(NULL, 0), BYTES("")));
    ck_assert_bytes(json_array_named(cells, BYTES("a")), "{\"name\": \"\\u0061\", \"n\": 1}");
    ck_assert_uint_eq(json_array_named(cells, BYTES("b")).n, 0);
    ck_assert_uint_eq(json_array_named(BYTES("{\"name\": \"a\"}"), BYTES("a")).n, 0);
    ck_assert_uint_eq(json_array_named(bytes_of(NULL, 0), BYTES("a")).n, 0);
}
END_TEST

START_TEST(raw_line_breaks_between_tokens_become_spaces_and_nothing_else_changes)
{
    struct buf out;
    buf_init(&out);
    buf_append_str(&out, "\n");
    json_append_line(&out, BYTES("{\n\"a\\n\":\r\n1.0}"));
    ck_assert_str_eq(out.p, "\n{ \"a\\n\":  1.0}");
    buf_fini(&out);
}
END_TEST

UNIT_MAIN("core/json", what_rfc_8259_allows_is_accepted, what_it_does_not_allow_is_refused,
          text_that_is_not_utf8_is_refused, nesting_is_bounded, what_is_too_deep_is_told_from_what_is_no_json, what_is_too_deep_is_walked_over, a_fault_is_shown_where_it_is,
          values_are_slices_of_the_text_byte_for_byte,
          the_last_of_equal_members_wins_and_escaped_keys_count,
          arrays_and_objects_are_walked_in_order, strings_are_decoded_with_their_escapes,
          a_lone_surrogate_or_a_nul_is_no_text_and_leaves_nothing_behind,
          whole_numbers_are_read_exactly_or_not_at_all, a_string_is_a_text_by_what_it_says,
          an_array_is_searched_for_a_text_and_for_what_bears_a_name,
          any_bytes_become_a_string_that_passes_the_check,
          raw_line_breaks_between_tokens_become_spaces_and_nothing_else_changes)
