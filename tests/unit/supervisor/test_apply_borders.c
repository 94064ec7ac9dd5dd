/* What a gateway refuses, `cellcastctl apply` refuses: both get the same at each border and have to say the same. A
 * configuration that only gateways refused would be applied, and nobody would go by it. */
#include "config.h" /* the gateway's */
#include "ctl_schema.h"

#include "unit.h"

#include <stdio.h>

#define LINE64 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

struct border {
    bool good;
    const char *tenant, *name, *ns; /* options, name of a namespace, options */
};

static void check_apply(const struct border *b)
{
    struct buf file = {0}, out = {0}, faults = {0};
    buf_printf(&file,
               "{\"cells\":[{\"name\":\"a\"}],\"tenants\":[{\"name\":\"t\",\"cells\":[\"a\"],\"options\":{%s},"
               "\"namespaces\":[{\"name\":\"%s\",\"options\":{%s}}]}],\"api_keys\":[]}",
               b->tenant, b->name, b->ns);
    ck_assert_msg((ctl_schema_check(buf_bytes(&file), &out, &faults) == 0) == b->good, "apply, %s: %s", file.p,
                  faults.n ? faults.p : "");
    buf_fini(&file);
    buf_fini(&out);
    buf_fini(&faults);
}

static void check_gateway(const struct border *b)
{
    struct buf json = {0}, why = {0};
    struct config *c = NULL;
    buf_printf(&json,
               "{\"cells\":[{\"name\":\"a\",\"topic\":\"cellcast.a\",\"partitions\":4}],"
               "\"tenants\":[{\"name\":\"t\",\"cells\":[\"a\"],\"options\":{%s}}],"
               "\"namespaces\":[{\"tenant\":\"t\",\"name\":\"%s\",\"options\":{%s}}],\"api_keys\":[]}",
               b->tenant, b->name, b->ns);
    int error = config_parse(buf_bytes(&json), BYTES("a"), &c, &why);
    ck_assert_msg((error == 0) == b->good, "gateway, %s: %s", json.p, why.n ? why.p : "");
    config_unref(c);
    buf_fini(&json);
    buf_fini(&why);
}

static void check_both(const struct border *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        check_apply(&all[i]);
        check_gateway(&all[i]);
    }
}

START_TEST(names_of_namespaces_are_the_same_to_both)
{
    static const struct border all[] = {
        {true, "", "", ""},        {true, "", "ab", ""},   {true, "", "A_-9", ""},       {true, "", LINE64, ""},
        {false, "", LINE64 "x", ""}, {false, "", "x", ""},   {false, "", "a.b", ""},       {false, "", "chat$", ""},
        {false, "", "a b", ""},      {false, "", "a:b", ""}, {false, "", "a/b", ""},       {false, "", "a#b", ""},
        {false, "", "a\\\\b", ""},   {false, "", "$", ""},   {false, "", "\\u00e4\\u00f6", ""}, {false, "", "a\\nb", ""},
    };
    check_both(all, sizeof all / sizeof *all);
}
END_TEST

/* Of every INT of both tables, so that a new one is held to it as well. */
START_TEST(whole_numbers_have_the_same_bounds_to_both)
{
    static const struct {
        const char *name;
        bool is_int, of_tenant;
    } options[] = {
#define IS_INT_INT true
#define IS_INT_BOOL false
#define IS_INT_DURATION false
#define IS_INT_TEXT false
#define IS_INT_TEXTS false
#define TENANT_OPT(TYPE, name, dflt, help) {#name, IS_INT_##TYPE, true},
#define NAMESPACE_OPT(TYPE, name, dflt, help) {#name, IS_INT_##TYPE, false},
#include "wire/tenant.def"
#include "wire/namespace.def"
#undef TENANT_OPT
#undef NAMESPACE_OPT
    };
    static const char *const never[] = {"2147483648", "9007199254740993", "-1", "1.5", "1e3", "true", "\"1\""};
    unsigned n = 0;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (!options[i].is_int)
            continue;
        for (size_t k = 0; k < sizeof never / sizeof *never; k++) {
            char text[128];
            snprintf(text, sizeof text, "\"%s\":%s", options[i].name, never[k]);
            check_both(&(struct border){false, options[i].of_tenant ? text : "", "ns", options[i].of_tenant ? "" : text}, 1);
        }
        n++;
    }
    ck_assert_uint_ge(n, 15);
    static const struct border most[] = {
        {true, "\"publish_rate\":2147483647,\"connection_limit\":2147483647,\"channel_limit\":2147483647", "ns", ""},
        {true, "\"publish_rate\":0,\"connection_limit\":0,\"channel_limit\":0", "ns", ""},
        {true, "", "ns", "\"presence_limit\":2147483647,\"history_limit\":2147483647,\"publish_rate\":2147483647"},
    };
    check_both(most, sizeof most / sizeof *most);
}
END_TEST

START_TEST(durations_and_words_are_the_same_to_both)
{
    static const struct border all[] = {
        {true, "", "ns", "\"join_leave_linger\":\"1h\""},
        {true, "", "ns", "\"join_leave_linger\":3600000"},
        {true, "", "ns", "\"join_leave_linger\":0"},
        {false, "", "ns", "\"join_leave_linger\":\"2h\""},
        {false, "", "ns", "\"join_leave_linger\":3600001"},
        {false, "", "ns", "\"join_leave_linger\":\"soon\""},
        {true, "", "ns", "\"history_ttl\":\"365d\""},
        {false, "", "ns", "\"history_ttl\":\"5 m\""},
        {false, "", "ns", "\"history_ttl\":\"99999999999999999d\""},
        {false, "", "ns", "\"history_ttl\":-1"},
        {false, "", "ns", "\"format\":\"xml\""},
        {false, "", "ns", "\"format\":\"\""},
        {false, "", "ns", "\"slow_reader\":\"wait\""},
        {true, "", "ns", "\"slow_reader\":\"\""},
        {false, "", "ns", "\"force_recovery_mode\":\"\""},
        {false, "", "ns", "\"allowed_delta_types\":[\"xdelta\"]"},
        {false, "", "ns", "\"channel_regex\":\"(\""},
        {false, "\"allowed_origins\":\"*\"", "ns", ""},
        {false, "\"token_hmac_previous_secret_key\":\"x\"", "ns", ""},
        {false, "\"token_rsa_public_key\":\"no PEM\"", "ns", ""},
        {false, "\"token_ecdsa_public_key\":\"no PEM\"", "ns", ""},
        {false, "\"token_eddsa_public_key\":\"no PEM\"", "ns", ""},
    };
    check_both(all, sizeof all / sizeof *all);
}
END_TEST

UNIT_MAIN("supervisor/apply_borders", names_of_namespaces_are_the_same_to_both,
          whole_numbers_have_the_same_bounds_to_both, durations_and_words_are_the_same_to_both)
