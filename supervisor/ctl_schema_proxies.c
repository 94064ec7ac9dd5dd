/* Proxies to the tenant's application, and where its JWK set is. */
#include "ctl_check.h"

#include "run/http1.h"
#include "run/http_client.h"
#include "run/option_value.h"
#include "wire/proxy_option.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define PROXY_TIMEOUT_MIN 100 /* ms */
#define PROXY_TIMEOUT_MAX 30000
#define PROXY_CONCURRENCY_MAX 1000

static const char *const proxies[] = {"connect", "refresh", "subscribe", "publish", "sub_refresh", "rpc"};

static void check_url(struct check *c, const char *place, const json_t *url)
{
    const char *text = json_string_value(url);
    if (text && *text && !http_url_is_good(text))
        check_fault(c, place, "\"%s\": a URL is wanted, http:// or https://", text);
}

static void check_timeout(struct check *c, const char *place, const json_t *v)
{
    int64_t ms = json_is_integer(v) ? json_integer_value(v) : PROXY_TIMEOUT_MIN;
    if (json_is_string(v) && option_parse_duration(bytes_str(json_string_value(v)), &ms) < 0)
        return; /* it has been told */
    if (ms < PROXY_TIMEOUT_MIN || ms > PROXY_TIMEOUT_MAX)
        check_fault(c, place, "from 100ms to 30s are wanted");
}

static void check_rows(struct check *c, const char *place, const json_t *options, const char *name, bool (*good)(struct bytes row),
                       const char *wanted)
{
    char at[PATH_MAX_BYTES];
    const json_t *rows = json_object_get(options, name), *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        const char *text = json_string_value(row);
        if (text && !good(bytes_str(text)))
            check_fault(c, check_path(at, "%.150s.%s[%zu]", place, name, i), "\"%s\": %s is wanted", text, wanted);
    }
}

static bool transform_is_good(struct bytes row)
{
    struct proxy_transform unused;
    return proxy_transform_read(row, &unused);
}

static bool name_is_seen(struct bytes name)
{
    return !proxy_header_name_is_good(name) || !http1_loses(name); /* no good: it has been told */
}

void check_proxies(struct check *c, const char *place, json_t *tenant)
{
    char at[PATH_MAX_BYTES], name[64];
    json_t *options = json_object_get(tenant, "options");
    for (size_t i = 0; i < COUNT(proxies); i++) {
        snprintf(name, sizeof name, "proxy_%s_endpoint", proxies[i]);
        check_url(c, check_path(at, "%s.options.%s", place, name), json_object_get(options, name));
        snprintf(name, sizeof name, "proxy_%s_timeout", proxies[i]);
        check_timeout(c, check_path(at, "%s.options.%s", place, name), json_object_get(options, name));
    }
    check_url(c, check_path(at, "%s.options.token_jwks_public_endpoint", place), json_object_get(options, "token_jwks_public_endpoint"));
    const json_t *concurrency = json_object_get(options, "proxy_concurrency");
    if (concurrency && (json_integer_value(concurrency) < 1 || json_integer_value(concurrency) > PROXY_CONCURRENCY_MAX))
        check_fault(c, check_path(at, "%s.options.proxy_concurrency", place), "a whole number from 1 to %d is wanted", PROXY_CONCURRENCY_MAX);
    check_path(at, "%s.options", place);
    check_rows(c, at, options, "proxy_http_headers", proxy_header_name_is_good, "the name of a header that no request has of itself");
    check_rows(c, at, options, "proxy_http_headers", name_is_seen,
               "a name that is not the beginning of one that libwebsockets knows, which would lose it (deploy/proxies.md),");
    check_rows(c, at, options, "proxy_static_http_headers", proxy_header_is_good, "\"Name: value\", of a header that no request has of itself,");
    check_rows(c, at, options, "proxy_status_transforms", transform_is_good,
               "\"404 error 1404 not found\", \"429 temporary 1429 later\" or \"403 disconnect 4403 go away\"");
}

/* What would be refused with 108 each time. */
void check_namespace_proxies(struct check *c, const char *place, json_t *ns, json_t *tenant)
{
    static const char *const uses[] = {"subscribe", "publish", "sub_refresh"};
    char at[PATH_MAX_BYTES], option[64], endpoint[64];
    for (size_t i = 0; i < COUNT(uses); i++) {
        snprintf(option, sizeof option, "%s_proxy_enabled", uses[i]);
        snprintf(endpoint, sizeof endpoint, "proxy_%s_endpoint", uses[i]);
        const char *url = json_string_value(json_object_get(json_object_get(tenant, "options"), endpoint));
        if (json_is_true(json_object_get(json_object_get(ns, "options"), option)) && !(url && *url))
            check_fault(c, check_path(at, "%s.options.%s", place, option), "the tenant has no %s, which it would ask", endpoint);
    }
}
