#include "hosted.h"

#include "unit.h"

#include <errno.h>

static struct hosted h;
static struct buf came;

static void note(void *owner, struct bytes tenant)
{
    buf_append_bytes(&came, tenant);
    buf_append_char(&came, ' ');
}

static const char *take(const char *tenants)
{
    struct buf json = {0};
    buf_clear(&came);
    buf_printf(&json, "{\"version\":1,\"tenants\":[%s]}", tenants);
    ck_assert_int_eq(hosted_take(&h, buf_bytes(&json), BYTES("a"), note, NULL), 0);
    buf_fini(&json);
    return came.n ? came.p : "";
}

static void end(void)
{
    hosted_fini(&h);
    buf_fini(&came);
    h = (struct hosted){0};
}

#define AT(name, cells, joining) "{\"name\":\"" name "\",\"cells\":[" cells "],\"joining\":[" joining "]}"

START_TEST(a_tenant_that_comes_is_told_once_and_again_when_it_has_been_away)
{
    ck_assert_str_eq(take(AT("acme", "\"b\"", "") "," AT("ac", "\"a\",\"b\"", "")), "");
    ck_assert_str_eq(take(AT("acme", "\"a\",\"b\"", "") "," AT("ac", "\"a\"", "")), "acme ");
    ck_assert_str_eq(take(AT("acme", "\"a\"", "") "," AT("ac", "\"a\"", "")), "");
    ck_assert_str_eq(take(AT("acme", "\"b\"", "")), "");
    ck_assert_str_eq(take(AT("acme", "\"a\"", "") "," AT("new", "\"a\"", "")), "acme new ");
    end();
}
END_TEST

START_TEST(one_that_has_yet_to_come_counts_from_its_turn_on)
{
    ck_assert_str_eq(take(AT("acme", "\"b\"", "")), "");
    ck_assert_str_eq(take(AT("acme", "\"a\",\"b\"", "\"a\"")), "");
    ck_assert_str_eq(take(AT("acme", "\"a\",\"b\"", "")), "acme ");
    end();
}
END_TEST

START_TEST(what_is_no_configuration_changes_nothing)
{
    ck_assert_str_eq(take(AT("acme", "\"b\"", "")), "");
    ck_assert_int_eq(hosted_take(&h, BYTES("{\"tenants\":7}"), BYTES("a"), note, NULL), -EBADMSG);
    ck_assert_int_eq(hosted_take(&h, BYTES("nothing"), BYTES("a"), note, NULL), -EBADMSG);
    ck_assert_str_eq(take("7,{\"name\":7}," AT("acme", "\"a\"", "")), "acme ");
    end();
}
END_TEST

UNIT_MAIN("hosted", a_tenant_that_comes_is_told_once_and_again_when_it_has_been_away,
          one_that_has_yet_to_come_counts_from_its_turn_on, what_is_no_configuration_changes_nothing)
