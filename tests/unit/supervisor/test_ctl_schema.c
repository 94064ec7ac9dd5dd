#include "ctl_schema.h"

#include "unit.h"

#include <errno.h>

static struct buf out, faults;

static int check_it(const char *text)
{
    buf_clear(&out);
    buf_clear(&faults);
    buf_append_str(&faults, "");
    return ctl_schema_check(bytes_str(text), &out, &faults);
}

#define ck_fault(text, message)                                                                              \
    do {                                                                                                     \
        ck_assert_int_eq(check_it(text), -EINVAL);                                                           \
        ck_assert_msg(strcmp(faults.p, message "\n") == 0, "have: %s", faults.p);                            \
        ck_assert_uint_eq(out.n, 0);                                                                         \
    } while (0)

/* A file that is right but for one part. */
#define FILE_OF(cells, tenants, keys) "{\"cells\":[" cells "],\"tenants\":[" tenants "],\"api_keys\":[" keys "]}"
#define CELL "{\"name\":\"a\"}"
#define TENANT(more) "{\"name\":\"t\",\"cells\":[\"a\"]" more "}"
#define NAMESPACE(options) TENANT(",\"namespaces\":[{\"name\":\"ns\",\"options\":{" options "}}]")

START_TEST(a_file_that_is_right_passes_with_its_keys_hashed)
{
    ck_assert_int_eq(check_it(FILE_OF(CELL, NAMESPACE("\"presence\":true,\"history_ttl\":\"7d\",\"history_limit\":5"),
                                      "{\"key\":\"abc\",\"tenant\":\"t\"},{\"key\":\"d\",\"tenant\":null}")),
                     0);
    ck_assert_uint_eq(faults.n, 0);
    ck_assert_ptr_nonnull(
        strstr(out.p, "\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""));
    ck_assert_ptr_null(strstr(out.p, "\"abc\""));
    ck_assert_ptr_nonnull(strstr(out.p, "\"history_ttl\":\"7d\""));
}
END_TEST

START_TEST(a_wrong_name_of_an_option_brings_the_nearest_one)
{
    ck_fault(FILE_OF(CELL, NAMESPACE("\"histroy_limit\":5"), ""),
             "tenants[0].namespaces[0].options: unknown member \"histroy_limit\"; did you mean \"history_limit\"?");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"alowed_origins\":[]}"), ""),
             "tenants[0].options: unknown member \"alowed_origins\"; did you mean \"allowed_origins\"?");
    ck_fault(FILE_OF(CELL, TENANT(",\"option\":{}"), ""),
             "tenants[0]: unknown member \"option\"; did you mean \"options\"?");
    ck_fault(FILE_OF("{\"name\":\"a\",\"zzzzzzzzz\":1}", TENANT(""), ""),
             "cells[0]: unknown member \"zzzzzzzzz\"; known are name, partitions, topic");
}
END_TEST

START_TEST(an_option_in_the_wrong_place_is_told_the_right_one)
{
    ck_fault(FILE_OF(CELL, TENANT(",\"token_hmac_secret_key\":\"x\""), ""),
             "tenants[0]: unknown member \"token_hmac_secret_key\"; it belongs in the tenant's \"options\"");
    ck_fault(FILE_OF(CELL, TENANT(",\"publish_rate\":5"), ""),
             "tenants[0]: unknown member \"publish_rate\"; it belongs in the tenant's \"options\"");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"presence\":true}"), ""),
             "tenants[0].options: unknown member \"presence\"; it belongs in a namespace's \"options\"");
    ck_fault(FILE_OF(CELL, TENANT(",\"namespaces\":[{\"name\":\"ns\",\"presence\":true}]"), ""),
             "tenants[0].namespaces[0]: unknown member \"presence\"; it belongs in a namespace's \"options\"");
    ck_fault(FILE_OF(CELL, TENANT(",\"namespaces\":[{\"name\":\"ns\",\"publish_rate\":5}]"), ""),
             "tenants[0].namespaces[0]: unknown member \"publish_rate\"; it belongs in a namespace's \"options\"");
}
END_TEST

START_TEST(a_value_of_the_wrong_kind_is_told_what_is_wanted)
{
    ck_fault(FILE_OF(CELL, NAMESPACE("\"presence\":\"yes\""), ""),
             "tenants[0].namespaces[0].options.presence: it is a string, true or false is wanted");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"history_limit\":-1"), ""),
             "tenants[0].namespaces[0].options.history_limit: a whole number from 0 to 2147483647 is wanted");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"history_ttl\":\"1 day\""), ""),
             "tenants[0].namespaces[0].options.history_ttl: a duration is wanted: \"500ms\", \"30s\", \"10m\", "
             "\"24h\", \"7d\", or ms as a number");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"format\":\"xml\""), ""),
             "tenants[0].namespaces[0].options.format: \"xml\": json, json_object or binary is wanted");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"channel_regex\":\"^\\\\d$\""), ""),
             "tenants[0].namespaces[0].options.channel_regex: \\d is not known in POSIX expressions");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"allowed_origins\":\"*\"}"), ""),
             "tenants[0].options.allowed_origins: an array of strings is wanted");
    ck_fault(FILE_OF(CELL, TENANT(",\"namespaces\":{}"), ""),
             "tenants[0].namespaces: it is an object, an array is wanted");
    ck_fault(FILE_OF("{\"name\":\"a\",\"partitions\":0}", TENANT(""), ""),
             "cells[0]: \"partitions\": a whole number from 1 to 4096 is wanted");
}
END_TEST

START_TEST(names_are_checked_for_form_repeats_and_what_they_point_to)
{
    ck_fault(FILE_OF(CELL "," CELL, TENANT(""), ""), "cells[1]: name \"a\" is there twice");
    ck_fault(FILE_OF("{\"name\":\"A\"}", "", ""),
             "cells[0]: name \"A\": [a-z0-9-], 1 to 32 characters, is wanted");
    ck_fault(FILE_OF(CELL, "{\"name\":\"t\",\"cells\":[\"b\"]}", ""),
             "tenants[0]: cells[0]: \"b\" is not among the cells of this file");
    ck_fault(FILE_OF(CELL, "{\"name\":\"t\"}", ""), "tenants[0]: \"cells\" is missing: nobody would serve the tenant");
    ck_fault(FILE_OF(CELL, "{\"name\":\"cellcast\",\"cells\":[\"a\"]}", ""),
             "tenants[0]: tenant \"cellcast\" is reserved");
    ck_fault(FILE_OF(CELL, TENANT(",\"namespaces\":[{\"name\":\"a:b\"}]"), ""),
             "tenants[0].namespaces[0]: name \"a:b\": none (\"\": channels without a namespace), or 2 to 64 of a-z, A-Z, "
             "0-9, - and _, is wanted");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"join_leave_linger\":\"2h\""), ""),
             "tenants[0].namespaces[0].options.join_leave_linger: at most 1h is wanted");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"batch_delay\":1001"), ""), "tenants[0].namespaces[0].options.batch_delay: at most 1s is wanted");
    ck_fault(FILE_OF(CELL, "{\"cells\":[\"a\"]}", ""), "tenants[0]: \"name\" is missing");
}
END_TEST

START_TEST(keys_are_checked_for_tenant_repeats_and_form)
{
    ck_fault(FILE_OF(CELL, TENANT(""), "{\"key\":\"k\",\"tenant\":\"x\"}"),
             "api_keys[0]: tenant \"x\" is not among the tenants of this file");
    ck_fault(FILE_OF(CELL, TENANT(""), "{\"key\":\"k\"}"),
             "api_keys[0]: \"tenant\" is missing; null is a key for all tenants");
    ck_fault(FILE_OF(CELL, TENANT(""), "{\"key\":\"k\",\"tenant\":null},{\"key\":\"k\",\"tenant\":\"t\"}"),
             "api_keys[1]: the same key as api_keys[0]");
    ck_fault(FILE_OF(CELL, TENANT(""), "{\"key\":\"\",\"tenant\":null}"), "api_keys[0]: \"key\" is empty");
    ck_fault(FILE_OF(CELL, TENANT(""), "{\"sha256\":\"AB\",\"tenant\":null}"),
             "api_keys[0]: \"sha256\": 64 hexadecimal digits, lower case, are wanted");
    ck_fault(FILE_OF(CELL, TENANT(""), "{\"tenant\":null}"), "api_keys[0]: \"key\" is missing");
}
END_TEST

START_TEST(what_is_no_json_is_told_where)
{
    ck_assert_int_eq(check_it("{\"cells\":[\n  {\"name\": a}]}"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(faults.p, "line 2, column 12: "));
    ck_assert_int_eq(check_it(""), -EINVAL);
    ck_fault("[]", "it is an array, an object is wanted");
    ck_assert_int_eq(check_it("{\"cells\":[],\"cells\":[]}"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(faults.p, "duplicate"));
}
END_TEST

START_TEST(a_file_replaces_everything_so_no_part_may_be_forgotten)
{
    ck_fault("{\"cells\":[],\"tenants\":[]}",
             "api_keys: it is missing; the file replaces the whole configuration, [] is none");
}
END_TEST

START_TEST(all_faults_are_told_at_once_and_too_many_are_counted)
{
    struct buf text;
    buf_init(&text);
    buf_append_str(&text, "{\"cells\":[");
    for (int i = 0; i < 30; i++)
        buf_printf(&text, "%s{\"name\":\"c%d\",\"x\":1}", i ? "," : "", i);
    buf_append_str(&text, "],\"tenants\":[],\"api_keys\":[]}");
    ck_assert_int_eq(check_it(text.p), -EINVAL);
    ck_assert_ptr_nonnull(strstr(faults.p, "cells[19]: "));
    ck_assert_ptr_null(strstr(faults.p, "cells[20]: "));
    ck_assert_ptr_nonnull(strstr(faults.p, "and 10 more\n"));
    buf_fini(&text);
}
END_TEST

START_TEST(members_of_the_wrong_type_everywhere_harm_nobody)
{
    static const char *const wrong[] = {"null", "1", "\"x\"", "[]", "{}", "[1]", "[null]", "[[]]", "[{}]"};
    static const char *const places[] = {
        "{\"cells\":%s,\"tenants\":[],\"api_keys\":[]}",
        "{\"cells\":[],\"tenants\":%s,\"api_keys\":[]}",
        "{\"cells\":[],\"tenants\":[],\"api_keys\":%s}",
        "{\"cells\":[{\"name\":%s}],\"tenants\":[{\"name\":\"t\",\"cells\":[\"a\"]}],\"api_keys\":[]}",
        "{\"cells\":[],\"tenants\":[{\"name\":\"t\",\"cells\":%s}],\"api_keys\":[]}",
        "{\"cells\":[],\"tenants\":[{\"name\":\"t\",\"options\":%s}],\"api_keys\":[]}",
        "{\"cells\":[],\"tenants\":[{\"name\":\"t\",\"namespaces\":%s}],\"api_keys\":[]}",
        "{\"cells\":[],\"tenants\":[],\"api_keys\":[{\"key\":%s,\"tenant\":%s}]}",
    };
    char text[512];
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            struct buf one;
            buf_init(&one);
            for (const char *at = places[i]; *at; at++)
                if (at[0] == '%' && at[1] == 's')
                    buf_append_str(&one, wrong[k]), at++;
                else
                    buf_append_char(&one, *at);
            memcpy(text, one.p, one.n + 1);
            check_it(text);
            buf_fini(&one);
        }
}
END_TEST

START_TEST(a_policy_for_slow_readers_that_breaks_a_promise_is_refused)
{
    ck_assert_int_eq(check_it(FILE_OF(CELL, NAMESPACE("\"slow_reader\":\"read_on\""), "")), 0);
    ck_assert_int_eq(check_it(FILE_OF(CELL, NAMESPACE("\"slow_reader\":\"conflate\",\"force_recovery\":false"), "")), 0);
    ck_assert_int_eq(check_it(FILE_OF(CELL, NAMESPACE("\"slow_reader\":\"drop\",\"ephemeral\":true"), "")), 0);
    ck_fault(FILE_OF(CELL, NAMESPACE("\"slow_reader\":\"conflate\""), ""),
             "tenants[0].namespaces[0].options.slow_reader: conflating leaves publications out, and a recoverable "
             "subscription is promised each of them; set \"force_recovery\" to false");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"slow_reader\":\"newest\""), ""),
             "tenants[0].namespaces[0].options.slow_reader: \"newest\": read_on, conflate or drop is wanted");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"slow_reader\":\"drop\""), ""),
             "tenants[0].namespaces[0].options.slow_reader: only an ephemeral namespace drops");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"slow_reader\":\"read_on\",\"ephemeral\":true"), ""),
             "tenants[0].namespaces[0].options.slow_reader: an ephemeral namespace drops; leave it out, or \"drop\"");
}
END_TEST

#define NO_CACHE                                                                                                    \
    "tenants[0].namespaces[0].options.auto_cache_recover: there is no cache to recover from: set "                   \
    "\"force_recovery_mode\" to \"cache\" and leave \"force_recovery\" on"

START_TEST(a_cache_that_nobody_could_recover_from_is_refused)
{
    ck_assert_int_eq(check_it(FILE_OF(CELL, NAMESPACE("\"force_recovery_mode\":\"cache\",\"auto_cache_recover\":true"), "")), 0);
    ck_assert_int_eq(check_it(FILE_OF(CELL, NAMESPACE("\"force_recovery_mode\":\"stream\",\"auto_cache_recover\":false"), "")), 0);
    ck_fault(FILE_OF(CELL, NAMESPACE("\"force_recovery_mode\":\"newest\""), ""),
             "tenants[0].namespaces[0].options.force_recovery_mode: \"newest\": stream or cache is wanted");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"auto_cache_recover\":true"), ""), NO_CACHE);
    ck_fault(FILE_OF(CELL, NAMESPACE("\"force_recovery_mode\":\"cache\",\"auto_cache_recover\":true,\"force_recovery\":false"), ""),
             NO_CACHE);
}
END_TEST

START_TEST(deltas_are_of_the_one_kind_that_there_is)
{
    ck_assert_int_eq(check_it(FILE_OF(CELL, NAMESPACE("\"allowed_delta_types\":[\"fossil\"],\"delta_publish\":true"), "")), 0);
    ck_assert_int_eq(check_it(FILE_OF(CELL, NAMESPACE("\"allowed_delta_types\":[],\"ephemeral\":true"), "")), 0);
    ck_fault(FILE_OF(CELL, NAMESPACE("\"allowed_delta_types\":[\"xdelta\"]"), ""),
             "tenants[0].namespaces[0].options.allowed_delta_types: \"xdelta\": fossil is wanted");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"allowed_delta_types\":[\"fossil\"],\"ephemeral\":true"), ""),
             "tenants[0].namespaces[0].options.allowed_delta_types: an ephemeral namespace keeps nothing that a delta could "
             "build on; leave it out");
}
END_TEST

START_TEST(what_an_ephemeral_namespace_cannot_keep_is_refused)
{
    static const char why[] = "an ephemeral namespace has no history; leave it out, or 0";
    ck_assert_int_eq(check_it(FILE_OF(CELL, NAMESPACE("\"ephemeral\":true,\"presence\":true,\"history_limit\":0"), "")), 0);
    ck_assert_int_eq(check_it(FILE_OF(CELL, NAMESPACE("\"ephemeral\":false,\"force_recovery\":true"), "")), 0);
    ck_fault(FILE_OF(CELL, NAMESPACE("\"ephemeral\":true,\"force_recovery\":true"), ""),
             "tenants[0].namespaces[0].options.force_recovery: an ephemeral namespace has no rows, so neither recovery nor "
             "history; leave it out");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"ephemeral\":true,\"allow_history_for_client\":true"), ""),
             "tenants[0].namespaces[0].options.allow_history_for_client: an ephemeral namespace has no rows, so neither "
             "recovery nor history; leave it out");
    ck_assert_int_eq(check_it(FILE_OF(CELL, NAMESPACE("\"ephemeral\":true,\"history_limit\":5"), "")), -EINVAL);
    ck_assert_ptr_nonnull(strstr(faults.p, why));
    ck_assert_int_eq(check_it(FILE_OF(CELL, NAMESPACE("\"ephemeral\":true,\"history_ttl\":\"5m\""), "")), -EINVAL);
    ck_assert_ptr_nonnull(strstr(faults.p, why));
}
END_TEST

START_TEST(a_public_key_that_no_gateway_could_use_is_refused)
{
    ck_assert_int_eq(check_it(FILE_OF(CELL, TENANT(",\"options\":{\"token_rsa_public_key\":\"\"}"), "")), 0);
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"token_rsa_public_key\":\"secret\"}"), ""),
             "tenants[0].options.token_rsa_public_key: an RSA public key in PEM (BEGIN PUBLIC KEY) is wanted");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"token_ecdsa_public_key\":\"secret\"}"), ""),
             "tenants[0].options.token_ecdsa_public_key: an elliptic-curve public key in PEM (BEGIN PUBLIC KEY) is wanted");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"token_eddsa_public_key\":\"secret\"}"), ""),
             "tenants[0].options.token_eddsa_public_key: an Ed25519 or Ed448 public key in PEM (BEGIN PUBLIC KEY) is wanted");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"token_hmac_previous_secret_key\":\"old\"}"), ""),
             "tenants[0].options.token_hmac_previous_secret_key: there is no token_hmac_secret_key, which it would be previous to");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"webhook_secret\":\"s\"}"), ""),
             "tenants[0].options.webhook_secret: there is no webhook_url, which it would be about");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"webhook_url\":\"app:80\"}"), ""),
             "tenants[0].options.webhook_url: \"app:80\": an address that begins with http:// or https:// is wanted");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"webhook_url\":\"http://app\",\"webhook_events\":[\"channel_vacant\"]}"), ""),
             "tenants[0].options.webhook_events: unknown member \"channel_vacant\"; did you mean \"channel_vacated\"?");
}
END_TEST

START_TEST(a_personal_channel_needs_its_namespace)
{
#define PERSONAL(more, namespaces) \
    TENANT(",\"options\":{\"subscribe_to_user_personal_channel\":true" more "},\"namespaces\":[" namespaces "]")
    ck_assert_int_eq(check_it(FILE_OF(CELL, PERSONAL(",\"user_personal_channel_namespace\":\"user\"", "{\"name\":\"user\"}"), "")), 0);
    ck_assert_int_eq(check_it(FILE_OF(CELL, PERSONAL("", "{\"name\":\"\"}"), "")), 0);
    ck_fault(FILE_OF(CELL, PERSONAL(",\"user_personal_channel_namespace\":\"usr\"", "{\"name\":\"user\"}"), ""),
             "tenants[0].options.user_personal_channel_namespace: \"usr\" is not among the tenant's namespaces");
    ck_fault(FILE_OF(CELL, PERSONAL("", "{\"name\":\"user\"}"), ""),
             "tenants[0].options.subscribe_to_user_personal_channel: the tenant has no namespace \"\", whose channels these "
             "would be; add it, or name another one in \"user_personal_channel_namespace\"");
}
END_TEST

START_TEST(what_would_be_taken_and_mean_nothing_is_refused)
{
#define OPTIONS(text) FILE_OF(CELL, TENANT(",\"options\":{" text "}"), "")
#define NO_ORIGIN ": what a browser sends is wanted, \"https://example.org\" without a slash behind it, or a pattern with *"
    ck_assert_int_eq(check_it(OPTIONS("\"weight\":1")), 0);
    ck_assert_int_eq(check_it(OPTIONS("\"weight\":1000")), 0);
    ck_fault(OPTIONS("\"weight\":0"), "tenants[0].options.weight: a whole number from 1 to 1000 is wanted");
    ck_fault(OPTIONS("\"weight\":5000"), "tenants[0].options.weight: a whole number from 1 to 1000 is wanted");
    ck_fault(OPTIONS("\"webhook_url\":\"http://\""),
             "tenants[0].options.webhook_url: \"http://\": an address that begins with http:// or https:// is wanted");
    ck_assert_int_eq(check_it(OPTIONS("\"allowed_origins\":[\"*\",\"null\",\"file://\",\"http://localhost:*\",\"HTTPS://Example.org\","
                                      "\"https://[::1]:8443\",\"capacitor://localhost\",\"https://a?.example.org\"]")), 0);
    ck_fault(OPTIONS("\"allowed_origins\":[\"*\",\"nonsense\"]"), "tenants[0].options.allowed_origins[1]: \"nonsense\"" NO_ORIGIN);
    ck_fault(OPTIONS("\"allowed_origins\":[\"http://\"]"), "tenants[0].options.allowed_origins[0]: \"http://\"" NO_ORIGIN);
    ck_fault(OPTIONS("\"allowed_origins\":[\"https://a.org/\"]"), "tenants[0].options.allowed_origins[0]: \"https://a.org/\"" NO_ORIGIN);
    ck_fault(OPTIONS("\"allowed_origins\":[\"\"]"), "tenants[0].options.allowed_origins[0]: \"\"" NO_ORIGIN);
    ck_fault(FILE_OF(CELL, NAMESPACE("\"ephemeral\":true,\"delta_publish\":true"), ""),
             "tenants[0].namespaces[0].options.delta_publish: an ephemeral namespace keeps nothing that a delta could build on; "
             "leave it out");
}
END_TEST

START_TEST(what_a_proxy_can_not_go_by_is_told)
{
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"proxy_rpc_endpoint\":\"app/rpc\"}"), ""),
             "tenants[0].options.proxy_rpc_endpoint: \"app/rpc\": a URL is wanted, http:// or https://");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"proxy_rpc_timeout\":\"1m\"}"), ""),
             "tenants[0].options.proxy_rpc_timeout: from 100ms to 30s are wanted");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"proxy_concurrency\":0}"), ""),
             "tenants[0].options.proxy_concurrency: a whole number from 1 to 1000 is wanted");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"proxy_http_headers\":[\"Cookie\",\"Host\"]}"), ""),
             "tenants[0].options.proxy_http_headers[1]: \"Host\": the name of a header that no request has of itself is wanted");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"proxy_http_headers\":[\"X-Auth-Token\",\"X-AB\",\"X-Auth\"]}"), ""),
             "tenants[0].options.proxy_http_headers[2]: \"X-Auth\": a name that is not the beginning of one that libwebsockets knows, which would lose it "
             "(deploy/proxies.md), is wanted");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"proxy_static_http_headers\":[\"X-Secret\"]}"), ""),
             "tenants[0].options.proxy_static_http_headers[0]: \"X-Secret\": \"Name: value\", of a header that no request has of "
             "itself, is wanted");
    ck_fault(FILE_OF(CELL, TENANT(",\"options\":{\"proxy_status_transforms\":[\"404 error\"]}"), ""),
             "tenants[0].options.proxy_status_transforms[0]: \"404 error\": \"404 error 1404 not found\", \"429 temporary 1429 later\" "
             "or \"403 disconnect 4403 go away\" is wanted");
    ck_fault(FILE_OF(CELL, NAMESPACE("\"publish_proxy_enabled\":true"), ""),
             "tenants[0].namespaces[0].options.publish_proxy_enabled: the tenant has no proxy_publish_endpoint, which it would ask");
    ck_assert_int_eq(check_it(FILE_OF(CELL,
                                      TENANT(",\"options\":{\"proxy_publish_endpoint\":\"https://app:8443/p\",\"proxy_publish_timeout\":250,"
                                             "\"proxy_http_headers\":[\"Cookie\"],\"proxy_static_http_headers\":[\"X-A: b\"],"
                                             "\"proxy_status_transforms\":[\"404 error 404 no\"]},"
                                             "\"namespaces\":[{\"name\":\"ns\",\"options\":{\"publish_proxy_enabled\":true}}]"),
                                      "")),
                     0);
}
END_TEST

UNIT_MAIN("supervisor/ctl_schema", a_file_that_is_right_passes_with_its_keys_hashed,
          a_wrong_name_of_an_option_brings_the_nearest_one,
          an_option_in_the_wrong_place_is_told_the_right_one, a_value_of_the_wrong_kind_is_told_what_is_wanted,
          names_are_checked_for_form_repeats_and_what_they_point_to, keys_are_checked_for_tenant_repeats_and_form,
          what_is_no_json_is_told_where, a_public_key_that_no_gateway_could_use_is_refused,
          a_policy_for_slow_readers_that_breaks_a_promise_is_refused, a_cache_that_nobody_could_recover_from_is_refused, deltas_are_of_the_one_kind_that_there_is, what_an_ephemeral_namespace_cannot_keep_is_refused,
          a_file_replaces_everything_so_no_part_may_be_forgotten,
          all_faults_are_told_at_once_and_too_many_are_counted, members_of_the_wrong_type_everywhere_harm_nobody,
          what_a_proxy_can_not_go_by_is_told, a_personal_channel_needs_its_namespace,
          what_would_be_taken_and_mean_nothing_is_refused)
