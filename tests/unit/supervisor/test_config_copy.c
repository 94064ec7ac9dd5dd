#include "config_copy.h"

#include "unit.h"
#include "wire/messages.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define GOOD                                                                                       \
    "{\"version\":7,\"cells\":[{\"name\":\"b\",\"topic\":\"other\",\"partitions\":4},"             \
    "{\"name\":\"\\u0061\",\"topic\":\"cellcast.a\",\"partitions\":16}],\"tenants\":[]}"

static struct buf error;
static struct config_facts facts;

static int read_it(const char *json, const char *cell)
{
    buf_clear(&error);
    facts = (struct config_facts){.version = 99};
    return config_read(bytes_str(json), cell, &facts, &error);
}

START_TEST(the_cells_topic_and_partitions_are_read)
{
    ck_assert_int_eq(read_it(GOOD, "a"), 0);
    ck_assert_uint_eq(facts.version, 7);
    ck_assert_str_eq(facts.topic, "cellcast.a");
    ck_assert_uint_eq(facts.partitions, 16);
}
END_TEST

START_TEST(cells_that_have_never_run_are_known)
{
    static const char json[] = "{\"version\":7,\"cells\":[{\"name\":\"a\",\"topic\":\"a\",\"partitions\":1,\"new\":true},"
                               "{\"name\":\"b\",\"topic\":\"b\",\"partitions\":1},"
                               "{\"name\":\"c\",\"topic\":\"c\",\"partitions\":1,\"new\":true}]}";
    struct buf cells = {0}, want = {0};
    ck_assert_int_eq(read_it(json, "a"), 0);
    ck_assert(facts.is_new);
    ck_assert_int_eq(read_it(json, "b"), 0);
    ck_assert(!facts.is_new);
    ck_assert_uint_eq(config_other_cells(bytes_str(json), "a", false, &cells), 2);
    buf_clear(&cells);
    ck_assert_uint_eq(config_other_cells(bytes_str(json), "a", true, &cells), 1);
    wire_put_cell_name(&want, &(struct cell_name){.name = BYTES("c")});
    ck_assert(bytes_equal(buf_bytes(&cells), buf_bytes(&want)));
    buf_fini(&cells);
    buf_fini(&want);
}
END_TEST

START_TEST(a_cell_that_is_not_there_is_said_with_the_way_out)
{
    ck_assert_int_eq(read_it(GOOD, "c"), -ENOENT);
    ck_assert_str_eq(error.p, "cell c is not configured: `cellcastctl apply` a file that has it");
    ck_assert_uint_eq(facts.version, 99);
}
END_TEST

START_TEST(what_is_no_configuration_is_refused_and_changes_nothing)
{
    static const char *const bad[] = {
        "", "[]", "{", "{}", "{\"version\":-1,\"cells\":[]}", "{\"version\":1}", "{\"version\":1,\"cells\":{}}",
        "{\"version\":1,\"cells\":[{\"name\":\"a\"}]}",
        "{\"version\":1,\"cells\":[{\"name\":\"a\",\"topic\":\"\",\"partitions\":1}]}",
        "{\"version\":1,\"cells\":[{\"name\":\"a\",\"topic\":\"t\",\"partitions\":0}]}",
        "{\"version\":1,\"cells\":[{\"name\":\"a\",\"topic\":\"t\",\"partitions\":4097}]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(read_it(bad[i], "a") == -EBADMSG, "%s", bad[i]);
        ck_assert_uint_gt(error.n, 0);
        ck_assert_uint_eq(facts.version, 99);
    }
    ck_assert_int_eq(read_it("{\"version\":1,\"cells\":[7,\"a\",null]}", "a"), -ENOENT);
}
END_TEST

START_TEST(lanes_are_read_and_what_is_none_is_left_out)
{
    struct buf list;
    struct ctl_lane one;
    buf_init(&list);
    ck_assert_uint_eq(config_lanes(BYTES("{\"version\":1}"), &list), 0);
    ck_assert_uint_eq(config_lanes(BYTES("{\"lanes\":[{\"channel\":\"a/b\",\"lane\":2},{\"channel\":\"a/c\",\"lane\":65},3,"
                                         "{\"channel\":\"a/d\",\"lane\":1}]}"),
                                   &list),
                      2);
    struct bytes rest = buf_bytes(&list);
    ck_assert_int_eq(wire_next_ctl_lane(&rest, &one), 1);
    ck_assert(bytes_is(one.channel, "a/b"));
    ck_assert_uint_eq(one.lane, 2);
    ck_assert_int_eq(wire_next_ctl_lane(&rest, &one), 1);
    ck_assert(bytes_is(one.channel, "a/d"));
    ck_assert_uint_eq(rest.n, 0);
    buf_fini(&list);
}
END_TEST

START_TEST(tenants_that_leave_the_cell_are_named)
{
    static const char json[] =
        "{\"version\":7,\"cells\":[],\"tenants\":[{\"name\":\"acme\",\"leaving\":[\"b\",\"\\u0061\"]},{\"name\":\"stays\","
        "\"leaving\":[]},{\"name\":\"old\"},7,{\"name\":\"big\",\"leaving\":[\"a\"]},{\"name\":\"x\",\"leaving\":{\"a\":1}}]}";
    struct buf names = {0};
    ck_assert_uint_eq(config_leaving(bytes_str(json), "a", &names), 2);
    ck_assert_bytes(buf_bytes(&names), "acme big");
    buf_clear(&names);
    ck_assert_uint_eq(config_leaving(bytes_str(json), "c", &names), 0);
    ck_assert_uint_eq(config_leaving(BYTES("{\"tenants\":7}"), "a", &names), 0);
    ck_assert_uint_eq(names.n, 0);
    buf_fini(&names);
}
END_TEST

START_TEST(a_copy_is_saved_whole_or_not_at_all_and_for_the_owner_alone)
{
    char folder[] = "/tmp/test-config-XXXXXX", path[64];
    struct buf text;
    buf_init(&text);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/config.json", folder);
    ck_assert_int_eq(config_load(path, &text), -ENOENT);
    ck_assert_int_eq(config_save(path, BYTES("first")), 0);
    ck_assert_int_eq(config_save(path, BYTES(GOOD)), 0);
    ck_assert_int_eq(config_load(path, &text), 0);
    ck_assert_bytes(buf_bytes(&text), GOOD);
    ck_assert_int_eq(config_save("/nonexistent/folder/x", BYTES("x")), -ENOENT);
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing else was left there */
    buf_fini(&text);
}
END_TEST

UNIT_MAIN("supervisor/config_copy", cells_that_have_never_run_are_known, the_cells_topic_and_partitions_are_read,
          a_cell_that_is_not_there_is_said_with_the_way_out,
          what_is_no_configuration_is_refused_and_changes_nothing,
          a_copy_is_saved_whole_or_not_at_all_and_for_the_owner_alone,
          lanes_are_read_and_what_is_none_is_left_out,
          tenants_that_leave_the_cell_are_named)
