/* Options of a namespace: their words, and what two of them can't be together. */
#include "ctl_check.h"

#include "wire/channel_regex.h"
#include "wire/option_bounds.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NO_DELTAS "an ephemeral namespace keeps nothing that a delta could build on; leave it out"

static void check_format(struct check *c, const char *place, json_t *ns)
{
    char at[PATH_MAX_BYTES];
    const char *format = json_string_value(json_object_get(json_object_get(ns, "options"), "format"));
    if (format && strcmp(format, "json") != 0 && strcmp(format, "json_object") != 0 && strcmp(format, "binary") != 0)
        check_fault(c, check_path(at, "%s.options.format", place), "\"%s\": json, json_object or binary is wanted", format);
}

static void check_regex(struct check *c, const char *place, json_t *ns)
{
    char at[PATH_MAX_BYTES];
    struct buf why = {0};
    const char *pattern = json_string_value(json_object_get(json_object_get(ns, "options"), "channel_regex"));
    if (pattern && *pattern)
        channel_regex_free(channel_regex_new(bytes_str(pattern), &why));
    if (why.n)
        check_fault(c, check_path(at, "%s.options.channel_regex", place), "%s", why.p);
    buf_fini(&why);
}

static void check_recovery_mode(struct check *c, const char *place, json_t *ns)
{
    char at[PATH_MAX_BYTES];
    json_t *options = json_object_get(ns, "options");
    const char *mode = json_string_value(json_object_get(options, "force_recovery_mode"));
    bool cache = mode && strcmp(mode, "cache") == 0;
    if (mode && !cache && strcmp(mode, "stream") != 0)
        check_fault(c, check_path(at, "%s.options.force_recovery_mode", place), "\"%s\": stream or cache is wanted", mode);
    if (json_is_true(json_object_get(options, "auto_cache_recover")) &&
        (!cache || json_is_false(json_object_get(options, "force_recovery"))))
        check_fault(c, check_path(at, "%s.options.auto_cache_recover", place),
              "there is no cache to recover from: set \"force_recovery_mode\" to \"cache\" and leave \"force_recovery\" on");
}

static void check_delta_types(struct check *c, const char *place, json_t *ns)
{
    char at[PATH_MAX_BYTES];
    json_t *options = json_object_get(ns, "options"), *types = json_object_get(options, "allowed_delta_types"), *one;
    size_t i;
    check_path(at, "%s.options.allowed_delta_types", place);
    json_array_foreach(types, i, one)
    {
        const char *type = json_string_value(one);
        if (type && strcmp(type, "fossil") != 0)
            check_fault(c, at, "\"%s\": fossil is wanted", type);
    }
    if (!json_is_true(json_object_get(options, "ephemeral")))
        return;
    if (json_array_size(types))
        check_fault(c, at, NO_DELTAS);
    if (json_is_true(json_object_get(options, "delta_publish")))
        check_fault(c, check_path(at, "%s.options.delta_publish", place), NO_DELTAS);
}

/* Nobody is promised every publication and given the newest: a subscription with a position has no holes. */
static void check_slow_reader(struct check *c, const char *place, json_t *ns)
{
    char at[PATH_MAX_BYTES];
    json_t *options = json_object_get(ns, "options");
    const char *policy = json_string_value(json_object_get(options, "slow_reader"));
    bool ephemeral = json_is_true(json_object_get(options, "ephemeral"));
    check_path(at, "%s.options.slow_reader", place);
    if (!policy || !*policy)
        return;
    if (strcmp(policy, "read_on") != 0 && strcmp(policy, "conflate") != 0 && strcmp(policy, "drop") != 0)
        check_fault(c, at, "\"%s\": read_on, conflate or drop is wanted", policy);
    else if (ephemeral != (strcmp(policy, "drop") == 0))
        check_fault(c, at, ephemeral ? "an ephemeral namespace drops; leave it out, or \"drop\""
                               : "only an ephemeral namespace drops");
    else if (strcmp(policy, "conflate") == 0 && !json_is_false(json_object_get(options, "force_recovery")))
        check_fault(c, at, "conflating leaves publications out, and a recoverable subscription is promised each of them; "
                     "set \"force_recovery\" to false");
}

/* What an ephemeral namespace cannot keep is not to be promised in the same breath. */
static void check_ephemeral(struct check *c, const char *place, json_t *ns)
{
    static const char *const promises[] = {"force_recovery", "allow_history_for_client", "allow_history_for_subscriber",
                                           "allow_history_for_anonymous"};
    char at[PATH_MAX_BYTES];
    json_t *options = json_object_get(ns, "options");
    if (!json_is_true(json_object_get(options, "ephemeral")))
        return;
    for (size_t i = 0; i < COUNT(promises); i++)
        if (json_is_true(json_object_get(options, promises[i])))
            check_fault(c, check_path(at, "%s.options.%s", place, promises[i]),
                  "an ephemeral namespace has no rows, so neither recovery nor history; leave it out");
    const json_t *limit = json_object_get(options, "history_limit"), *ttl = json_object_get(options, "history_ttl");
    if (json_integer_value(limit) > 0)
        check_fault(c, check_path(at, "%s.options.history_limit", place), "an ephemeral namespace has no history; leave it out, or 0");
    if (ttl && !(json_is_integer(ttl) && json_integer_value(ttl) == 0))
        check_fault(c, check_path(at, "%s.options.history_ttl", place), "an ephemeral namespace has no history; leave it out, or 0");
}

void check_namespace_options(struct check *c, const char *place, json_t *ns)
{
    check_format(c, place, ns);
    check_regex(c, place, ns);
    check_ephemeral(c, place, ns);
    check_slow_reader(c, place, ns);
    check_at_most(c, place, ns, "join_leave_linger", JOIN_LEAVE_LINGER_MAX, "1h");
    check_at_most(c, place, ns, "batch_delay", BATCH_DELAY_MAX, "1s");
    check_recovery_mode(c, place, ns);
    check_delta_types(c, place, ns);
}
