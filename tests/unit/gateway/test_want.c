#include "want.h"

#include "config.h"
#include "unit.h"

static struct wants w;

START_TEST(channels_are_names_alone)
{
    ck_assert_int_eq(wants_read_channels(&w, BYTES("[\"a\",\"\\u0062\"]")), 0);
    ck_assert_uint_eq(w.n, 2);
    ck_assert_bytes(w.items[0].channel, "a");
    ck_assert_bytes(w.items[1].channel, "b");
    ck_assert_uint_eq(w.items[1].info.n + w.items[1].data.n, 0);
    wants_fini(&w);
}
END_TEST

START_TEST(subs_carry_info_data_and_overrides)
{
    ck_assert_int_eq(wants_read_subs(&w, BYTES("{\"a\":{\"info\":{\"x\":\n1},\"data\":[2],\"override\":{\"presence\":{\"value\":true},"
                                               "\"force_recovery\":{\"value\":false},\"other\":1}},\"b\":null}")),
                     0);
    ck_assert_uint_eq(w.n, 2);
    ck_assert_bytes(w.items[0].info, "{\"x\": 1}");
    ck_assert_bytes(w.items[0].data, "[2]");
    struct namespace_options o = {.force_recovery = true, .join_leave = true};
    overrides_apply(&w.items[0].overrides, &o);
    ck_assert(o.presence && !o.force_recovery && o.join_leave && !o.force_positioning);
    o = (struct namespace_options){.force_recovery = true};
    overrides_apply(&w.items[1].overrides, &o);
    ck_assert(!o.presence && o.force_recovery);
    wants_fini(&w);
}
END_TEST

START_TEST(base64_wins_and_has_to_be_json)
{
    ck_assert_int_eq(wants_read_subs(&w, BYTES("{\"a\":{\"info\":1,\"b64info\":\"eyJhIjoxfQ==\",\"data\":2,\"b64data\":\"\"}}")), 0);
    ck_assert_bytes(w.items[0].info, "{\"a\":1}");
    ck_assert_bytes(w.items[0].data, "2");
    ck_assert_int_lt(wants_read_subs(&w, BYTES("{\"a\":{\"b64data\":\"e30h\"}}")), 0); /* {}! */
    ck_assert_int_lt(wants_read_subs(&w, BYTES("{\"a\":{\"b64data\":\"*\"}}")), 0);
    ck_assert_int_lt(wants_read_subs(&w, BYTES("{\"a\":{\"b64info\":1}}")), 0);
    wants_fini(&w);
}
END_TEST

START_TEST(a_client_asks_with_its_position)
{
    ck_assert_int_eq(wants_read_asked(&w, BYTES("{\"a\":{\"recover\":true,\"offset\":7,\"epoch\":\"3\"},\"b\":{\"epoch\":\"other\"},\"c\":{}}")), 0);
    ck_assert_uint_eq(w.n, 3);
    ck_assert(w.items[0].since.recover && w.items[0].since.has_epoch);
    ck_assert_uint_eq(w.items[0].since.offset, 7);
    ck_assert_uint_eq(w.items[0].since.epoch, 3);
    ck_assert(!w.items[1].since.recover && w.items[1].since.has_epoch && w.items[1].since.epoch == 0);
    ck_assert(!w.items[2].since.has_epoch);
    wants_fini(&w);
}
END_TEST

START_TEST(wrong_types_are_refused)
{
    static const char *const bad[] = {"1", "[]", "{\"a\":1}", "{\"a\":{\"recover\":1}}", "{\"a\":{\"offset\":-1}}", "{\"a\":{\"epoch\":1}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_lt(wants_read_asked(&w, bytes_str(bad[i])), 0);
    static const char *const overrides[] = {"1", "[]", "{\"presence\":true}", "{\"presence\":{\"value\":1}}"};
    struct overrides o;
    for (size_t i = 0; i < sizeof overrides / sizeof *overrides; i++)
        ck_assert_int_lt(overrides_read(&o, bytes_str(overrides[i])), 0);
    wants_fini(&w);
}
END_TEST

UNIT_MAIN("gateway/want", channels_are_names_alone, subs_carry_info_data_and_overrides, base64_wins_and_has_to_be_json,
          a_client_asks_with_its_position, wrong_types_are_refused)
