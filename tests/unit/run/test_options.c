#include "run/options.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct test_options {
    const char *postgres;
    int64_t batch, bytes, patience;
    bool quick;
};

static const struct option_spec specs[] = {
    {"postgres", OPTION_TEXT, offsetof(struct test_options, postgres), "host=here", 0, 40, "",
     "database"},
    {"batch-size", OPTION_INT, offsetof(struct test_options, batch), "1000", 1, 5000,
     "messages", "of a commit"},
    {"bytes", OPTION_SIZE, offsetof(struct test_options, bytes), "16k", 1024, 1 << 20, "",
     "of a write"},
    {"patience", OPTION_DURATION, offsetof(struct test_options, patience), "4s", 1, 60000, "",
     "held"},
    {"quick", OPTION_BOOL, offsetof(struct test_options, quick), "false", 0, 0, "", "a switch"},
};
#define N_SPECS (sizeof specs / sizeof *specs)

static struct test_options o;
static char **words;
static struct buf text;

static int parse_these(bool with_words, const char *const *args)
{
    const char *argv[32] = {"prog"};
    int argc = 1;
    while (*args)
        argv[argc++] = *args++;
    argv[argc] = NULL;
    o = (struct test_options){0};
    words = NULL;
    buf_clear(&text);
    return options_parse("prog", "Does it.", specs, N_SPECS, &o, argc, (char **)argv,
                         with_words ? &words : NULL, &text);
}

#define parse(...) parse_these(false, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define parse_words(...)                                                                       \
    parse_these(true, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* A refused command line, and what it says. */
#define ck_refused(message, ...)                                                               \
    do {                                                                                       \
        ck_assert_int_eq(parse(__VA_ARGS__), -EINVAL);                                         \
        ck_assert_str_eq(text.p, message);                                                     \
    } while (0)

static void file_of(const char *content)
{
    FILE *f = fopen("options-test.json", "w");
    fputs(content, f);
    fclose(f);
}

START_TEST(without_a_word_the_defaults_hold)
{
    ck_assert_int_eq(parse(), OPTIONS_RUN);
    ck_assert_str_eq(o.postgres, "host=here");
    ck_assert_int_eq(o.batch, 1000);
    ck_assert_int_eq(o.bytes, 16384);
    ck_assert_int_eq(o.patience, 4000);
    ck_assert(!o.quick);
}
END_TEST

START_TEST(a_flag_takes_its_value_behind_an_equals_sign_or_as_the_next_word)
{
    ck_assert_int_eq(parse("--batch-size=7", "--bytes", "4k", "--postgres=a=b", "--patience",
                           "10", "--quick"),
                     OPTIONS_RUN);
    ck_assert_int_eq(o.batch, 7);
    ck_assert_int_eq(o.bytes, 4096);
    ck_assert_str_eq(o.postgres, "a=b");
    ck_assert_int_eq(o.patience, 10);
    ck_assert(o.quick);
}
END_TEST

START_TEST(a_switch_is_turned_off_by_no_and_the_last_flag_wins)
{
    ck_assert_int_eq(parse("--quick", "--no-quick"), OPTIONS_RUN);
    ck_assert(!o.quick);
    ck_assert_int_eq(parse("--quick=off", "--quick=yes"), OPTIONS_RUN);
    ck_assert(o.quick);
    ck_assert_int_eq(parse("--batch-size=1", "--batch-size=2"), OPTIONS_RUN);
    ck_assert_int_eq(o.batch, 2);
}
END_TEST

START_TEST(flag_before_environment_before_file_before_default)
{
    file_of("{\"batch-size\": 11, \"bytes\": \"2k\", \"quick\": true, \"patience\": 500}");
    setenv("CELLCAST_BATCH_SIZE", "12", 1);
    setenv("CELLCAST_BYTES", "3k", 1);
    setenv("CELLCAST_POSTGRES", "", 1); /* empty: nobody said it */
    ck_assert_int_eq(parse("--config=options-test.json", "--batch-size=13"), OPTIONS_RUN);
    ck_assert_int_eq(o.batch, 13);
    ck_assert_int_eq(o.bytes, 3072);
    ck_assert(o.quick);
    ck_assert_int_eq(o.patience, 500);
    ck_assert_str_eq(o.postgres, "host=here");
    setenv("CELLCAST_CONFIG", "options-test.json", 1);
    unsetenv("CELLCAST_BATCH_SIZE");
    ck_assert_int_eq(parse(), OPTIONS_RUN);
    ck_assert_int_eq(o.batch, 11);
    unsetenv("CELLCAST_CONFIG");
    unsetenv("CELLCAST_BYTES");
    unsetenv("CELLCAST_POSTGRES");
    unlink("options-test.json");
}
END_TEST

START_TEST(an_unknown_flag_names_the_nearest_one)
{
    ck_refused("--bacth-size: no such option; did you mean --batch-size?", "--bacth-size=3");
    ck_refused("--postgre: no such option; did you mean --postgres?", "--postgre", "x");
    ck_refused("--no-quik: no such option; did you mean --quick?", "--no-quik");
    ck_refused("--zzzzzzzzzzzz: no such option; --help lists them", "--zzzzzzzzzzzz");
    ck_refused("--no-batch-size: no such option; did you mean --batch-size?",
               "--no-batch-size");
}
END_TEST

START_TEST(a_bad_value_says_where_it_came_from_and_what_would_be_right)
{
    ck_refused(
        "--batch-size: \"many\" will not do; right would be a whole number from 1 to 5000",
        "--batch-size=many");
    ck_refused("--batch-size: \"0\" will not do; right would be a whole number from 1 to 5000",
               "--batch-size", "0");
    ck_refused("--bytes: \"2M\" will not do; right would be a size from 1k to 1M (bytes, or "
               "with k, M, G: 64k)",
               "--bytes=2M");
    ck_refused("--patience: is empty; right would be a duration from 1ms to 1m (ms, s, m, h, "
               "d: 500ms, 4s; a bare "
               "number is ms)",
               "--patience=");
    ck_refused(
        "--quick: \"maybe\" will not do; right would be true or false (yes, no, on, off, 1, 0)",
        "--quick=maybe");
    setenv("CELLCAST_BATCH_SIZE", "9k", 1);
    ck_refused("environment CELLCAST_BATCH_SIZE: \"9k\" will not do; right would be a whole "
               "number from 1 to 5000");
    unsetenv("CELLCAST_BATCH_SIZE");
}
END_TEST

START_TEST(a_flag_without_its_value_says_so)
{
    ck_refused("--batch-size needs a value: a whole number from 1 to 5000", "--batch-size");
    ck_refused("--batch-size needs a value: a whole number from 1 to 5000", "--batch-size",
               "--quick");
}
END_TEST

START_TEST(a_file_is_refused_with_its_name_and_place)
{
    ck_assert_int_eq(parse("--config=there-is-none.json"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(text.p, "file there-is-none.json: "));
    file_of("{\n\"batch-size\" 3}");
    ck_assert_int_eq(parse("--config=options-test.json"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(text.p, "file options-test.json, line 2: "));
    file_of("[1]");
    ck_refused("file options-test.json: is no JSON object of \"name\": value",
               "--config=options-test.json");
    file_of("{\"batchsize\": 3}");
    ck_refused("file options-test.json, batchsize: no such option; did you mean batch-size?",
               "--config=options-test.json");
    file_of("{\"batch-size\": 2.5}");
    ck_refused("file options-test.json, \"batch-size\": is neither a text nor a whole number "
               "nor true or false; right would "
               "be a whole number from 1 to 5000",
               "--config=options-test.json");
    file_of("{\"batch-size\": \"x\"}");
    ck_refused("file options-test.json, \"batch-size\": \"x\" will not do; right would be a "
               "whole number from 1 to 5000",
               "--config=options-test.json");
    unlink("options-test.json");
}
END_TEST

START_TEST(words_are_for_those_who_take_them)
{
    ck_refused("\"apply\" is no option: options begin with two dashes (--help lists them)",
               "apply");
    ck_assert_int_eq(parse_words("apply", "--batch-size=5", "file.json", "--", "--quick"),
                     OPTIONS_RUN);
    ck_assert_str_eq(words[0], "apply");
    ck_assert_str_eq(words[1], "file.json");
    ck_assert_str_eq(words[2], "--quick");
    ck_assert_ptr_null(words[3]);
    ck_assert(!o.quick);
}
END_TEST

START_TEST(help_and_version_are_printed_whatever_else_is_wrong_with_values)
{
    ck_assert_int_eq(parse("--batch-size=many", "--help"), OPTIONS_PRINT);
    ck_assert_ptr_nonnull(strstr(text.p, "Usage: prog"));
    ck_assert_int_eq(parse("-h"), OPTIONS_PRINT);
    ck_assert_int_eq(parse("--version"), OPTIONS_PRINT);
    ck_assert_str_eq(text.p, "prog " CELLCAST_VERSION "\n");
}
END_TEST

START_TEST(the_printed_configuration_is_a_file_that_says_the_same)
{
    ck_assert_int_eq(parse("--batch-size=42", "--postgres=user='o\"brien'", "--quick",
                           "--patience=30s", "--bytes=1M", "--print-config"),
                     OPTIONS_PRINT);
    file_of(text.p);
    ck_assert_int_eq(parse("--config=options-test.json"), OPTIONS_RUN);
    ck_assert_int_eq(o.batch, 42);
    ck_assert_str_eq(o.postgres, "user='o\"brien'");
    ck_assert(o.quick);
    ck_assert_int_eq(o.patience, 30000);
    ck_assert_int_eq(o.bytes, 1 << 20);
    unlink("options-test.json");
}
END_TEST

START_TEST(a_text_that_is_needed_is_asked_for)
{
    static const struct option_spec needy[] = {
        {"cell", OPTION_TEXT, 0, "", 1, 16, "", "name of the cell"}};
    const char *cell = NULL;
    char *argv[] = {"prog", NULL}, *print[] = {"prog", "--print-config", NULL};
    buf_clear(&text);
    ck_assert_int_eq(options_parse("prog", "", needy, 1, &cell, 1, argv, NULL, &text), -EINVAL);
    ck_assert_str_eq(text.p, "--cell is needed: name of the cell");
    buf_clear(&text);
    ck_assert_int_eq(options_parse("prog", "", needy, 1, &cell, 2, print, NULL, &text),
                     OPTIONS_PRINT);
    ck_assert_str_eq(text.p, "{\n  \"cell\": \"\"\n}\n");
    buf_fini(&text);
}
END_TEST

UNIT_MAIN("run/options", without_a_word_the_defaults_hold,
          a_flag_takes_its_value_behind_an_equals_sign_or_as_the_next_word,
          a_switch_is_turned_off_by_no_and_the_last_flag_wins,
          flag_before_environment_before_file_before_default,
          an_unknown_flag_names_the_nearest_one,
          a_bad_value_says_where_it_came_from_and_what_would_be_right,
          a_flag_without_its_value_says_so, a_file_is_refused_with_its_name_and_place,
          words_are_for_those_who_take_them,
          help_and_version_are_printed_whatever_else_is_wrong_with_values,
          the_printed_configuration_is_a_file_that_says_the_same,
          a_text_that_is_needed_is_asked_for)
