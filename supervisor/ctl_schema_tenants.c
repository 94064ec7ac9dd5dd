/* Options of a tenant: what would be taken, and would mean nothing. */
#include "ctl_check.h"

#include "core/drr.h"
#include "run/http_client.h"
#include "wire/option_bounds.h"

#include <string.h>

static void check_webhook_url(struct check *c, const char *place, json_t *options)
{
    char at[PATH_MAX_BYTES];
    const char *url = json_string_value(json_object_get(options, "webhook_url"));
    if (url && *url && !http_url_is_good(url))
        check_fault(c, check_path(at, "%s.options.webhook_url", place), "\"%s\": an address that begins with http:// or https:// is wanted", url);
}

static void check_weight(struct check *c, const char *place, json_t *options)
{
    char at[PATH_MAX_BYTES];
    const json_t *weight = json_object_get(options, "weight");
    if (json_is_integer(weight) && (json_integer_value(weight) < 1 || json_integer_value(weight) > DRR_WEIGHT_MAX))
        check_fault(c, check_path(at, "%s.options.weight", place), "a whole number from 1 to %d is wanted", DRR_WEIGHT_MAX);
}

/* Could a browser send it? A scheme, :// and a host, without a path, a slash at its end, and without white space; or null.
 * file:// is some web views'. */
static bool origin_is_good(const char *text)
{
    const char *host = strstr(text, "://");
    if (strpbrk(text, "*?") || strcmp(text, "null") == 0 || strcmp(text, "file://") == 0)
        return true;
    return host && host > text && host[3] && !strpbrk(host + 3, "/# \t");
}

static void check_origins(struct check *c, const char *place, json_t *options)
{
    char at[PATH_MAX_BYTES];
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(options, "allowed_origins"), i, one)
        if (json_is_string(one) && !origin_is_good(json_string_value(one)))
            check_fault(c, check_path(at, "%s.options.allowed_origins[%zu]", place, i),
                        "\"%s\": what a browser sends is wanted, \"https://example.org\" without a slash behind it, or a pattern with *",
                        json_string_value(one));
}

static bool has_namespace(const json_t *tenant, const char *name)
{
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(tenant, "namespaces"), i, one)
    {
        const char *other = json_string_value(json_object_get(one, "name"));
        if (other && strcmp(other, name) == 0)
            return true;
    }
    return false;
}

/* No client with a user could connect. */
static void check_personal(struct check *c, const char *place, json_t *tenant)
{
    char at[PATH_MAX_BYTES];
    const json_t *options = json_object_get(tenant, "options");
    const char *name = json_string_value(json_object_get(options, "user_personal_channel_namespace"));
    bool on = json_is_true(json_object_get(options, "subscribe_to_user_personal_channel"));
    if (has_namespace(tenant, name ? name : ""))
        return;
    if (name && *name)
        check_fault(c, check_path(at, "%s.options.user_personal_channel_namespace", place),
                    "\"%s\" is not among the tenant's namespaces", name);
    else if (on)
        check_fault(c, check_path(at, "%s.options.subscribe_to_user_personal_channel", place),
                    "the tenant has no namespace \"\", whose channels these would be; add it, or name another one in "
                    "\"user_personal_channel_namespace\"");
}

void check_tenant_options(struct check *c, const char *place, json_t *tenant)
{
    json_t *options = json_object_get(tenant, "options");
    check_webhook_url(c, place, options);
    check_weight(c, place, options);
    check_origins(c, place, options);
    check_at_most(c, place, tenant, "webhook_linger", WEBHOOK_LINGER_MAX, "1h");
    check_personal(c, place, tenant);
}
