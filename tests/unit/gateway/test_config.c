#include "config.h"

#include "unit.h"

#include <errno.h>

/* sha256 of "secret" and of "other" */
#define SHA_SECRET "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
#define SHA_OTHER "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"

static const char full[] =
    "{\"version\":4,\"cells\":[{\"name\":\"a\",\"topic\":\"cellcast.a\",\"partitions\":16}],"
    "\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"],\"options\":{\"token_hmac_secret_"
    "key\":\"k\","
    "\"allowed_origins\":[\"http://localhost\",\"*\"],\"channel_limit\":7}},"
    "{\"name\":\"acme\",\"cells\":[\"b\",\"c\"],\"options\":{}}],"
    "\"namespaces\":[{\"tenant\":\"default\",\"name\":\"\",\"options\":{\"presence\":true,"
    "\"history_ttl\":\"5m\"}},"
    "{\"tenant\":\"default\",\"name\":\"chat\",\"options\":{\"format\":\"binary\",\"history_"
    "limit\":0,\"history_ttl\":1500}}],"
    "\"api_keys\":[{\"sha256\":\"" SHA_SECRET "\",\"tenant\":null},{\"sha256\":\"" SHA_OTHER
    "\",\"tenant\":\"acme\"}]}";

static struct config *parse(const char *json)
{
    struct config *c = NULL;
    struct buf why = {0};
    ck_assert_msg(config_parse(bytes_str(json), BYTES("a"), &c, &why) == 0, "%s", why.p);
    buf_fini(&why);
    return c;
}

START_TEST(tenants_namespaces_and_keys_are_found)
{
    struct config *c = parse(full);
    ck_assert_ptr_nonnull(config_tenant(c, BYTES("default")));
    ck_assert_ptr_nonnull(config_tenant(c, BYTES("acme")));
    ck_assert_ptr_null(config_tenant(c, BYTES("nobody")));
    ck_assert_ptr_nonnull(config_namespace(c, BYTES("default"), BYTES("")));
    ck_assert_ptr_nonnull(config_namespace(c, BYTES("default"), BYTES("chat")));
    ck_assert_ptr_null(config_namespace(c, BYTES("default"), BYTES("nope")));
    ck_assert_ptr_null(config_namespace(c, BYTES("acme"), BYTES("")));
    ck_assert_ptr_null(config_api_key(c, BYTES("secret"))->tenant);
    ck_assert_bytes(config_api_key(c, BYTES("other"))->tenant->name, "acme");
    ck_assert_ptr_null(config_api_key(c, BYTES("Secret")));
    ck_assert_ptr_null(config_api_key(c, BYTES("")));
    config_unref(c);
}
END_TEST

START_TEST(options_are_read_and_the_others_have_their_defaults)
{
    struct config *c = parse(full);
    const struct tenant_options *t = &config_tenant(c, BYTES("default"))->options;
    ck_assert_bytes(t->token_hmac_secret_key, "k");
    ck_assert_uint_eq(t->allowed_origins.n, 2);
    ck_assert_bytes(t->allowed_origins.items[1], "*");
    ck_assert_int_eq(t->channel_limit, 7);
    ck_assert(!t->allow_anonymous_connect_without_token);
    ck_assert_int_eq(config_tenant(c, BYTES("acme"))->options.channel_limit, 128);
    const struct config_namespace *plain = config_namespace(c, BYTES("default"), BYTES(""));
    ck_assert(plain->options.presence && plain->options.force_recovery &&
              !plain->options.join_leave);
    ck_assert_int_eq(plain->options.history_ttl, 300000);
    ck_assert_int_eq(plain->options.history_limit, 100);
    ck_assert_int_eq(plain->format, FORMAT_JSON);
    const struct config_namespace *chat = config_namespace(c, BYTES("default"), BYTES("chat"));
    ck_assert_int_eq(chat->format, FORMAT_BINARY);
    ck_assert_int_eq(chat->options.history_ttl, 1500);
    ck_assert_int_eq(chat->options.history_limit, 0);
    ck_assert_bytes(chat->tenant->name, "default");
    config_unref(c);
}
END_TEST

START_TEST(a_tenant_knows_whether_it_lives_in_this_cell)
{
    struct config *c = parse(full), *any = NULL;
    struct buf why = {0};
    ck_assert(config_tenant(c, BYTES("default"))->here);
    ck_assert(!config_tenant(c, BYTES("acme"))->here);
    ck_assert_int_eq(config_parse(bytes_str(full), BYTES(""), &any, &why), 0);
    ck_assert(config_tenant(any, BYTES("acme"))->here);
    config_unref(any);
    config_unref(c);
    buf_fini(&why);
}
END_TEST

START_TEST(it_lives_as_long_as_somebody_refers_to_it)
{
    struct config *c = parse(full), *again = config_ref(c);
    ck_assert_ptr_null(config_unref(c));
    ck_assert_bytes(config_tenant(again, BYTES("default"))->name, "default");
    config_unref(again);
    ck_assert_ptr_null(config_unref(NULL));
}
END_TEST

START_TEST(arrays_that_are_missing_or_null_are_empty)
{
    struct config *c = parse("{}");
    ck_assert_ptr_null(config_tenant(c, BYTES("default")));
    config_unref(c);
    c = parse("{\"tenants\":null,\"namespaces\":null,\"api_keys\":null}");
    config_unref(c);
    c = parse("{\"tenants\":[{\"name\":\"x\",\"cells\":null,\"options\":null}]}");
    ck_assert(!config_tenant(c, BYTES("x"))->here);
    config_unref(c);
}
END_TEST

START_TEST(an_option_of_a_newer_version_is_left_out_and_said)
{
    struct config *c = NULL;
    struct buf why = {0};
    ck_assert_int_eq(config_parse(BYTES("{\"tenants\":[{\"name\":\"x\",\"options\":{\"wings\":"
                                        "2,\"channel_limit\":3}}]}"),
                                  BYTES("a"), &c, &why),
                     0);
    ck_assert_int_eq(config_tenant(c, BYTES("x"))->options.channel_limit, 3);
    ck_assert_msg(strstr(why.p, "wings") && strstr(why.p, "\"x\""), "%s", why.p);
    config_unref(c);
    buf_fini(&why);
}
END_TEST

#define TENANT(options) "{\"tenants\":[{\"name\":\"x\",\"options\":" options "}]}"
#define NAMESPACE(options)                                                                     \
    "{\"tenants\":[{\"name\":\"x\"}],\"namespaces\":[{\"tenant\":\"x\",\"name\":\"ns\","       \
    "\"options\":" options "}]}"
#define KEY(sha, tenant)                                                                       \
    "{\"tenants\":[{\"name\":\"x\"}],\"api_keys\":[{\"sha256\":\"" sha "\",\"tenant\":" tenant \
    "}]}"

START_TEST(what_does_not_hold_together_is_refused_with_the_reason)
{
    static const struct {
        const char *json, *why; /* why: part of the reason */
    } bad[] = {
        {"", "no JSON object"},
        {"[]", "no JSON object"},
        {"{\"tenants\":[}", "no JSON object"},
        {"{\"tenants\":{}}", "must be an array"},
        {"{\"tenants\":[1]}", "must hold objects"},
        {"{\"tenants\":[{}]}", "a name is 1 to 32"},
        {"{\"tenants\":[{\"name\":5}]}", "a name is 1 to 32"},
        {"{\"tenants\":[{\"name\":\"Big\"}]}", "a name is 1 to 32"},
        {"{\"tenants\":[{\"name\":\"x\"},{\"name\":\"x\"}]}", "twice"},
        {"{\"tenants\":[{\"name\":\"x\",\"cells\":\"a\"}]}", "cells"},
        {"{\"tenants\":[{\"name\":\"x\",\"cells\":[1]}]}", "cells"},
        {TENANT("[]"), "no object"},
        {TENANT("{\"channel_limit\":-1}"), "channel_limit must be a whole number"},
        {TENANT("{\"channel_limit\":1.5}"), "channel_limit must be a whole number"},
        {TENANT("{\"channel_limit\":\"1\"}"), "channel_limit must be a whole number"},
        {TENANT("{\"channel_limit\":99999999999}"), "channel_limit must be a whole number"},
        {TENANT("{\"allowed_origins\":\"*\"}"), "allowed_origins must be an array of strings"},
        {TENANT("{\"allowed_origins\":[\"a\",1]}"),
         "allowed_origins must be an array of strings"},
        {TENANT("{\"allowed_origins\":[\"a\"],\"channel_limit\":null,\"token_hmac_secret_key\":"
                "1}"),
         "token_hmac_secret_key must be a string"},
        {NAMESPACE("{\"presence\":1}"), "presence must be true or false"},
        {NAMESPACE("{\"history_ttl\":\"5 m\"}"), "history_ttl must be ms"},
        {NAMESPACE("{\"history_ttl\":\"-5m\"}"), "history_ttl must be ms"},
        {NAMESPACE("{\"history_ttl\":\"\"}"), "history_ttl must be ms"},
        {NAMESPACE("{\"history_ttl\":\"m\"}"), "history_ttl must be ms"},
        {NAMESPACE("{\"history_ttl\":\"1w\"}"), "history_ttl must be ms"},
        {NAMESPACE("{\"history_ttl\":\"99999999999999999d\"}"), "history_ttl must be ms"},
        {NAMESPACE("{\"history_ttl\":-1}"), "history_ttl must be ms"},
        {NAMESPACE("{\"format\":\"xml\"}"), "format must be json, json_object or binary"},
        {NAMESPACE("{\"channel_regex\":\"(\"}"), "option channel_regex: "},
        {NAMESPACE("{\"allowed_delta_types\":[\"fossil\",\"xdelta\"]}"), "allowed_delta_types must be [\"fossil\"] or empty"},
        {NAMESPACE("{\"force_recovery_mode\":\"newest\"}"), "force_recovery_mode must be stream or cache"},
        {NAMESPACE("{\"join_leave_linger\":\"2h\"}"), "join_leave_linger must be at most 1h"},
        {"{\"namespaces\":[{\"tenant\":\"x\",\"name\":\"\"}]}", "not registered"},
        {"{\"tenants\":[{\"name\":\"x\"}],\"namespaces\":[{\"tenant\":\"x\"}]}",
         "a name is empty"},
        {"{\"tenants\":[{\"name\":\"x\"}],\"namespaces\":[{\"tenant\":\"x\",\"name\":\"a\"}]}",
         "two to 64"},
        {"{\"tenants\":[{\"name\":\"x\"}],\"namespaces\":[{\"tenant\":\"x\",\"name\":\"a "
         "b\"}]}",
         "two to 64"},
        {"{\"tenants\":[{\"name\":\"x\"}],\"namespaces\":[{\"tenant\":\"x\",\"name\":\"\"},{"
         "\"tenant\":\"x\",\"name\":\"\"}]}",
         "twice"},
        {"{\"cells\":[{\"name\":\"a\",\"topic\":\"t\"}]}", "number of partitions"},
        {"{\"cells\":[{\"name\":\"a\",\"topic\":\"t\",\"partitions\":0}]}", "number of partitions"},
        {"{\"cells\":[{\"name\":\"a\",\"topic\":\"t\",\"partitions\":1},{\"name\":\"a\"}]}", "twice"},
        {KEY("abc", "null"), "64"},
        {KEY("2BB80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", "null"), "64"},
        {KEY(SHA_SECRET, "\"y\""), "not registered"},
        {KEY(SHA_SECRET, "7"), "not registered"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct config *c = (struct config *)&bad;
        struct buf why = {0};
        ck_assert_msg(config_parse(bytes_str(bad[i].json), BYTES("a"), &c, &why) == -EBADMSG,
                      "%s", bad[i].json);
        ck_assert_ptr_eq(c, &bad);
        ck_assert_msg(strstr(why.p, bad[i].why), "%s: %s", bad[i].json, why.p);
        buf_fini(&why);
    }
}
END_TEST

START_TEST(a_tenant_knows_the_topics_of_its_cells)
{
    struct config *c = parse("{\"cells\":[{\"name\":\"a\",\"topic\":\"cellcast.a\",\"partitions\":16},"
                             "{\"name\":\"b\",\"topic\":\"other\",\"partitions\":3}],"
                             "\"tenants\":[{\"name\":\"x\",\"cells\":[\"b\",\"a\",\"unknown\"]},{\"name\":\"y\"}]}");
    const struct config_tenant *x = config_tenant(c, BYTES("x"));
    ck_assert_uint_eq(x->n_cells, 2);
    ck_assert_str_eq(x->cells[0]->topic, "other");
    ck_assert_uint_eq(x->cells[0]->partitions, 3);
    ck_assert_str_eq(x->cells[1]->topic, "cellcast.a");
    ck_assert_uint_eq(config_tenant(c, BYTES("y"))->n_cells, 0);
    config_unref(c);
}
END_TEST

START_TEST(a_channel_conflates_where_its_namespace_says_so_and_promises_no_position)
{
    struct config *c = parse("{\"tenants\":[{\"name\":\"x\",\"cells\":[]}],\"namespaces\":["
                             "{\"tenant\":\"x\",\"name\":\"state\",\"options\":{\"slow_reader\":\"conflate\",\"force_recovery\":false}},"
                             "{\"tenant\":\"x\",\"name\":\"whole\",\"options\":{\"slow_reader\":\"conflate\"}},"
                             "{\"tenant\":\"x\",\"name\":\"\",\"options\":{\"slow_reader\":\"read_on\"}}]}");
    ck_assert(config_namespace_of(c, BYTES("x/state:a"))->conflates);
    ck_assert(!config_namespace_of(c, BYTES("x/whole:a"))->conflates);
    ck_assert(!config_namespace_of(c, BYTES("x/a"))->conflates);
    ck_assert_ptr_null(config_namespace_of(c, BYTES("y/state:a")));
    ck_assert_ptr_null(config_namespace_of(NULL, BYTES("x/state:a")));
    config_unref(c);
}
END_TEST

START_TEST(a_channel_is_as_ephemeral_as_its_namespace)
{
    struct config *c = parse("{\"tenants\":[{\"name\":\"x\"},{\"name\":\"y\"}],"
                             "\"namespaces\":[{\"tenant\":\"x\",\"name\":\"\"},"
                             "{\"tenant\":\"x\",\"name\":\"typing\",\"options\":{\"ephemeral\":true}},"
                             "{\"tenant\":\"y\",\"name\":\"typing\"}]}");
    ck_assert(config_has_ephemeral(c));
    ck_assert(config_is_ephemeral(c, BYTES("x/typing:a")));
    ck_assert(config_is_ephemeral(c, BYTES("x/$typing:a")));
    ck_assert(!config_is_ephemeral(c, BYTES("x/typing")));
    ck_assert(!config_is_ephemeral(c, BYTES("y/typing:a")));
    ck_assert(!config_is_ephemeral(c, BYTES("z/typing:a")));
    ck_assert(!config_is_ephemeral(NULL, BYTES("x/typing:a")));
    config_unref(c);
    c = parse(full);
    ck_assert(!config_has_ephemeral(c));
    config_unref(c);
}
END_TEST

UNIT_MAIN("gateway/config", tenants_namespaces_and_keys_are_found,
          options_are_read_and_the_others_have_their_defaults,
          a_tenant_knows_whether_it_lives_in_this_cell,
          it_lives_as_long_as_somebody_refers_to_it, arrays_that_are_missing_or_null_are_empty,
          an_option_of_a_newer_version_is_left_out_and_said,
          what_does_not_hold_together_is_refused_with_the_reason, a_tenant_knows_the_topics_of_its_cells,
          a_channel_conflates_where_its_namespace_says_so_and_promises_no_position, a_channel_is_as_ephemeral_as_its_namespace)
