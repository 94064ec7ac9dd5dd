#include "ctl_schema.h"

#include "ctl_check.h"

#include "run/option_help.h"
#include "run/option_value.h"
#include "wire/channel.h"
#include "wire/option_bounds.h"
#include "wire/public_key.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PARTITIONS_MOST 4096

enum option_kind { KIND_BOOL, KIND_INT, KIND_DURATION, KIND_TEXT, KIND_TEXTS };

struct known {
    const char *name;
    enum option_kind kind;
};

static const struct known namespace_options[] = {
#define NAMESPACE_OPT(TYPE, name, dflt, help) {#name, KIND_##TYPE},
#include "wire/namespace.def"
#undef NAMESPACE_OPT
};
static const struct known tenant_options[] = {
#define TENANT_OPT(TYPE, name, dflt, help) {#name, KIND_##TYPE},
#include "wire/tenant.def"
#undef TENANT_OPT
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

void check_fault(struct check *c, const char *place, const char *fmt, ...)
{
    char text[512];
    va_list args;
    if (c->n++ >= FAULTS_MAX)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    buf_printf(c->faults, "%s%s%s\n", place, place[0] ? ": " : "", text);
}

const char *check_path(char *ret, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(ret, PATH_MAX_BYTES, fmt, args);
    va_end(args);
    return ret;
}

void check_at_most(struct check *c, const char *place, const json_t *owner, const char *option, int64_t most_ms, const char *most_text)
{
    char at[PATH_MAX_BYTES];
    const json_t *value = json_object_get(json_object_get(owner, "options"), option);
    int64_t ms = json_integer_value(value);
    if (json_is_string(value) && option_parse_duration(bytes_str(json_string_value(value)), &ms) < 0)
        return; /* it has been told */
    if (ms > most_ms)
        check_fault(c, check_path(at, "%s.options.%s", place, option), "at most %s is wanted", most_text);
}

static const char *type_name(const json_t *v)
{
    static const char *const names[] = {"an object", "an array", "a string", "a number",
                                        "a number",  "true",     "false",    "null"};
    return v ? names[json_typeof(v)] : "missing";
}

/* ---- members */

/* The nearest of the names to a wrong one, or NULL when none is near. */
static const char *nearest(const char *wrong, const struct known *known, size_t n)
{
    const char *best = NULL;
    unsigned least = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned distance = option_distance(bytes_str(wrong), bytes_str(known[i].name));
        if (!best || distance < least) {
            best = known[i].name;
            least = distance;
        }
    }
    return best && least <= 2 + strlen(wrong) / 3 ? best : NULL;
}

static const struct known *find(const char *name, const struct known *known, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(known[i].name, name) == 0)
            return &known[i];
    return NULL;
}

/* -> where an option that stands elsewhere belongs, or NULL: it is none */
static const char *home_of(const char *place, const char *name)
{
    bool of_tenant = find(name, tenant_options, COUNT(tenant_options));
    bool of_namespace = find(name, namespace_options, COUNT(namespace_options));
    if (of_tenant && of_namespace)
        of_tenant = !strstr(place, "namespaces");
    return of_tenant ? "the tenant's \"options\"" : of_namespace ? "a namespace's \"options\"" : NULL;
}

static void unknown(struct check *c, const char *place, const char *name, const struct known *known,
                    size_t n)
{
    const char *near = nearest(name, known, n);
    struct buf all;
    if (near) {
        check_fault(c, place, "unknown member \"%s\"; did you mean \"%s\"?", name, near);
        return;
    }
    buf_init(&all);
    for (size_t i = 0; i < n; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", known[i].name);
    check_fault(c, place, "unknown member \"%s\"; known are %s", name, all.p);
    buf_fini(&all);
}

static bool is_object(struct check *c, const char *place, const json_t *v)
{
    if (json_is_object(v))
        return true;
    check_fault(c, place, "it is %s, an object is wanted", type_name(v));
    return false;
}

static void check_members(struct check *c, const char *place, json_t *object,
                          const struct known *known, size_t n)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const char *home = find(name, known, n) ? NULL : home_of(place, name);
        if (home)
            check_fault(c, place, "unknown member \"%s\"; it belongs in %s", name, home);
        else if (!find(name, known, n))
            unknown(c, place, name, known, n);
    }
}

/* A member that is an array; absent is empty. */
static json_t *array_of(struct check *c, const char *place, json_t *object, const char *name)
{
    char at[PATH_MAX_BYTES];
    json_t *v = json_object_get(object, name);
    if (!v || json_is_array(v))
        return v;
    check_fault(c, check_path(at, "%s%s%s", place, place[0] ? "." : "", name),
          "it is %s, an array is wanted", type_name(v));
    return NULL;
}

/* -> the string, or NULL and a fault */
static const char *text_of(struct check *c, const char *place, json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    if (json_is_string(v))
        return json_string_value(v);
    check_fault(c, place, v ? "\"%s\" is %s, a string is wanted" : "\"%s\" is %s", name, type_name(v));
    return NULL;
}

static bool has_name(json_t *array, size_t before, const char *name)
{
    for (size_t i = 0; i < before; i++) {
        const char *other = json_string_value(json_object_get(json_array_get(array, i), "name"));
        if (other && strcmp(other, name) == 0)
            return true;
    }
    return false;
}

/* name of the ith object: there, of the form wanted, not there before. -> it, or NULL */
static const char *name_of(struct check *c, const char *place, json_t *array, size_t i,
                           bool (*valid)(struct bytes name), const char *form)
{
    const char *name = text_of(c, place, json_array_get(array, i), "name");
    if (!name)
        return NULL;
    if (!valid(bytes_str(name)))
        check_fault(c, place, "name \"%s\": %s is wanted", name, form);
    else if (has_name(array, i, name))
        check_fault(c, place, "name \"%s\" is there twice", name);
    return name;
}

/* ---- options */

static void check_texts(struct check *c, const char *place, const json_t *v)
{
    size_t i;
    json_t *one;
    bool ok = json_is_array(v);
    json_array_foreach(v, i, one) ok = ok && json_is_string(one);
    if (!ok)
        check_fault(c, place, "an array of strings is wanted");
}

static void check_duration(struct check *c, const char *place, const json_t *v)
{
    int64_t ms;
    if (json_is_integer(v) && json_integer_value(v) >= 0)
        return;
    if (json_is_string(v) && option_parse_duration(bytes_str(json_string_value(v)), &ms) == 0 &&
        ms >= 0)
        return;
    check_fault(c, place, "a duration is wanted: \"500ms\", \"30s\", \"10m\", \"24h\", \"7d\", or ms as "
                    "a number");
}

static void check_option(struct check *c, const char *place, const struct known *o, const json_t *v)
{
    switch (o->kind) {
    case KIND_BOOL:
        if (!json_is_boolean(v))
            check_fault(c, place, "it is %s, true or false is wanted", type_name(v));
        break;
    case KIND_INT:
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > OPTION_INT_MAX)
            check_fault(c, place, "a whole number from 0 to %d is wanted", OPTION_INT_MAX);
        break;
    case KIND_DURATION:
        check_duration(c, place, v);
        break;
    case KIND_TEXT:
        if (!json_is_string(v))
            check_fault(c, place, "it is %s, a string is wanted", type_name(v));
        break;
    case KIND_TEXTS:
        check_texts(c, place, v);
        break;
    }
}

static void check_options(struct check *c, const char *place, json_t *owner,
                          const struct known *known, size_t n)
{
    char at[PATH_MAX_BYTES];
    const char *name;
    json_t *options = json_object_get(owner, "options"), *value;
    check_path(at, "%s.options", place);
    if (!options || !is_object(c, at, options))
        return;
    check_members(c, at, options, known, n);
    json_object_foreach(options, name, value)
    {
        const struct known *o = find(name, known, n);
        if (o)
            check_option(c, check_path(at, "%s.options.%s", place, name), o, value);
    }
}

static void check_public_key(struct check *c, const char *place, json_t *tenant, const char *option, enum public_key_kind kind)
{
    char at[PATH_MAX_BYTES];
    const json_t *pem = json_object_get(json_object_get(tenant, "options"), option);
    const char *wrong = NULL;
    if (!json_is_string(pem) || json_string_length(pem) == 0)
        return;
    EVP_PKEY_free(public_key_read(bytes_str(json_string_value(pem)), kind, &wrong));
    if (wrong)
        check_fault(c, check_path(at, "%s.options.%s", place, option), "%s", wrong);
}

static void check_previous_key(struct check *c, const char *place, json_t *tenant)
{
    char at[PATH_MAX_BYTES];
    json_t *options = json_object_get(tenant, "options");
    const char *now = json_string_value(json_object_get(options, "token_hmac_secret_key"));
    const char *before = json_string_value(json_object_get(options, "token_hmac_previous_secret_key"));
    if (before && *before && !(now && *now))
        check_fault(c, check_path(at, "%s.options.token_hmac_previous_secret_key", place),
              "there is no token_hmac_secret_key, which it would be previous to");
}

static void check_webhook_events(struct check *c, const char *place, json_t *options)
{
    static const struct known events[] = {{"channel_occupied", 0}, {"channel_vacated", 0}, {"client_connected", 0}, {"client_disconnected", 0}};
    char at[PATH_MAX_BYTES];
    size_t i;
    json_t *one;
    check_path(at, "%s.options.webhook_events", place);
    json_array_foreach(json_object_get(options, "webhook_events"), i, one)
        if (json_is_string(one) && !find(json_string_value(one), events, COUNT(events)))
            unknown(c, at, json_string_value(one), events, COUNT(events));
}

/* What says something about an endpoint that is not named is a mistake in the name. */
static void check_webhook(struct check *c, const char *place, json_t *tenant)
{
    static const char *const more[] = {"webhook_secret", "webhook_previous_secret", "webhook_events", "webhook_linger",
                                       "webhook_rows_max", "webhook_age_max"};
    char at[PATH_MAX_BYTES];
    json_t *options = json_object_get(tenant, "options");
    const char *url = json_string_value(json_object_get(options, "webhook_url"));
    check_webhook_events(c, place, options);
    for (size_t i = 0; i < COUNT(more) && !(url && *url); i++)
        if (json_object_get(options, more[i]))
            check_fault(c, check_path(at, "%s.options.%s", place, more[i]), "there is no webhook_url, which it would be about");
}

/* ---- the parts of the file */

static void check_cell(struct check *c, json_t *cells, size_t i)
{
    static const struct known members[] = {{"name", 0}, {"partitions", 0}, {"topic", 0}};
    char at[PATH_MAX_BYTES];
    json_t *cell = json_array_get(cells, i);
    check_path(at, "cells[%zu]", i);
    if (!is_object(c, at, cell))
        return;
    check_members(c, at, cell, members, COUNT(members));
    name_of(c, at, cells, i, tenant_name_valid, "[a-z0-9-], 1 to 32 characters,");
    const json_t *partitions = json_object_get(cell, "partitions");
    if (partitions && (!json_is_integer(partitions) || json_integer_value(partitions) < 1 ||
                       json_integer_value(partitions) > PARTITIONS_MOST))
        check_fault(c, at, "\"partitions\": a whole number from 1 to %d is wanted", PARTITIONS_MOST);
    const char *topic = json_object_get(cell, "topic") ? text_of(c, at, cell, "topic") : "x";
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (topic && (!*topic || strlen(topic) > CELL_TOPIC_MAX || topic[strspn(topic, allowed)]))
        check_fault(c, at, "topic \"%s\": [a-zA-Z0-9._-], 1 to %d characters, is wanted", topic,
              CELL_TOPIC_MAX);
}

static void check_namespace(struct check *c, const char *tenant_place, json_t *tenant, json_t *namespaces, size_t i)
{
    static const struct known members[] = {{"name", 0}, {"options", 0}};
    char at[PATH_MAX_BYTES];
    json_t *ns = json_array_get(namespaces, i);
    check_path(at, "%.100s.namespaces[%zu]", tenant_place, i);
    if (!is_object(c, at, ns))
        return;
    check_members(c, at, ns, members, COUNT(members));
    name_of(c, at, namespaces, i, namespace_name_valid,
            "none (\"\": channels without a namespace), or 2 to 64 of a-z, A-Z, 0-9, - and _,");
    check_options(c, at, ns, namespace_options, COUNT(namespace_options));
    check_namespace_options(c, at, ns);
    check_namespace_proxies(c, at, ns, tenant);
}

static void check_tenant_cells(struct check *c, const char *place, json_t *tenant)
{
    json_t *cells = json_object_get(c->root, "cells"), *named, *one;
    size_t i;
    named = array_of(c, place, tenant, "cells");
    json_array_foreach(named, i, one)
    {
        const char *name = json_string_value(one);
        if (!name || !has_name(cells, json_array_size(cells), name))
            check_fault(c, place, "cells[%zu]: \"%s\" is not among the cells of this file", i,
                  name ? name : type_name(one));
    }
    if (named && json_array_size(named) == 0)
        check_fault(c, place, "\"cells\" is empty: nobody would serve the tenant");
    if (!json_object_get(tenant, "cells"))
        check_fault(c, place, "\"cells\" is missing: nobody would serve the tenant");
}

static void check_tenant(struct check *c, json_t *tenants, size_t i)
{
    static const struct known members[] = {{"name", 0}, {"cells", 0}, {"options", 0},
                                           {"namespaces", 0}};
    char at[PATH_MAX_BYTES];
    json_t *tenant = json_array_get(tenants, i), *namespaces;
    check_path(at, "tenants[%zu]", i);
    if (!is_object(c, at, tenant))
        return;
    check_members(c, at, tenant, members, COUNT(members));
    const char *name =
        name_of(c, at, tenants, i, tenant_name_valid, "[a-z0-9-], 1 to 32 characters,");
    if (name && strcmp(name, "cellcast") == 0)
        check_fault(c, at, "tenant \"cellcast\" is reserved");
    check_tenant_cells(c, at, tenant);
    check_options(c, at, tenant, tenant_options, COUNT(tenant_options));
    check_public_key(c, at, tenant, "token_rsa_public_key", PUBLIC_KEY_RSA);
    check_public_key(c, at, tenant, "token_ecdsa_public_key", PUBLIC_KEY_EC);
    check_public_key(c, at, tenant, "token_eddsa_public_key", PUBLIC_KEY_ED);
    check_previous_key(c, at, tenant);
    check_proxies(c, at, tenant);
    check_webhook(c, at, tenant);
    check_tenant_options(c, at, tenant);
    namespaces = array_of(c, at, tenant, "namespaces");
    for (size_t k = 0; k < json_array_size(namespaces); k++)
        check_namespace(c, at, tenant, namespaces, k);
}

/* ---- keys */

static void sha256_hex(const char *key, char ret_hex[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int ok = EVP_Digest(key, strlen(key), digest, &n, EVP_sha256(), NULL);
    assert(ok == 1 && n == 32);
    for (unsigned i = 0; i < n; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

static bool is_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static void check_key_tenant(struct check *c, const char *place, json_t *entry)
{
    json_t *tenants = json_object_get(c->root, "tenants");
    const json_t *tenant = json_object_get(entry, "tenant");
    if (!tenant)
        check_fault(c, place, "\"tenant\" is missing; null is a key for all tenants");
    else if (!json_is_null(tenant) && !json_is_string(tenant))
        check_fault(c, place, "\"tenant\" is %s; a tenant's name or null (all) is wanted",
              type_name(tenant));
    else if (json_is_string(tenant) &&
             !has_name(tenants, json_array_size(tenants), json_string_value(tenant)))
        check_fault(c, place, "tenant \"%s\" is not among the tenants of this file",
              json_string_value(tenant));
}

/* Replaces "key" by "sha256": the key itself does not leave this program. */
static void check_key(struct check *c, json_t *keys, size_t i)
{
    static const struct known members[] = {{"key", 0}, {"sha256", 0}, {"tenant", 0}};
    char at[PATH_MAX_BYTES], hex[65];
    json_t *entry = json_array_get(keys, i);
    check_path(at, "api_keys[%zu]", i);
    if (!is_object(c, at, entry))
        return;
    check_members(c, at, entry, members, COUNT(members));
    check_key_tenant(c, at, entry);
    if (json_object_get(entry, "sha256")) {
        const char *given = text_of(c, at, entry, "sha256");
        if (json_object_get(entry, "key"))
            check_fault(c, at, "\"key\" and \"sha256\" exclude each other");
        if (given && !is_sha256(given))
            check_fault(c, at, "\"sha256\": 64 hexadecimal digits, lower case, are wanted");
        return;
    }
    const char *key = text_of(c, at, entry, "key");
    if (!key)
        return;
    if (!*key)
        check_fault(c, at, "\"key\" is empty");
    sha256_hex(key, hex);
    json_object_set_new(entry, "sha256", json_string(hex));
    json_object_del(entry, "key");
}

static void check_keys_differ(struct check *c, json_t *keys)
{
    for (size_t i = 0; i < json_array_size(keys); i++)
        for (size_t k = 0; k < i; k++) {
            const char *one = json_string_value(json_object_get(json_array_get(keys, i), "sha256"));
            const char *two = json_string_value(json_object_get(json_array_get(keys, k), "sha256"));
            char at[PATH_MAX_BYTES];
            if (one && two && strcmp(one, two) == 0)
                check_fault(c, check_path(at, "api_keys[%zu]", i), "the same key as api_keys[%zu]", k);
        }
}

/* ---- */

static void check_all(struct check *c)
{
    static const struct known members[] = {{"cells", 0}, {"tenants", 0}, {"api_keys", 0}};
    json_t *part;
    if (!is_object(c, "", c->root))
        return;
    check_members(c, "", c->root, members, COUNT(members));
    for (size_t m = 0; m < COUNT(members); m++)
        if (!json_object_get(c->root, members[m].name))
            check_fault(c, members[m].name, "it is missing; the file replaces the whole configuration, "
                                      "[] is none");
    part = array_of(c, "", c->root, "cells");
    for (size_t i = 0; i < json_array_size(part); i++)
        check_cell(c, part, i);
    part = array_of(c, "", c->root, "tenants");
    for (size_t i = 0; i < json_array_size(part); i++)
        check_tenant(c, part, i);
    part = array_of(c, "", c->root, "api_keys");
    for (size_t i = 0; i < json_array_size(part); i++)
        check_key(c, part, i);
    check_keys_differ(c, part);
}

static void print(const json_t *root, struct buf *into)
{
    char *text = json_dumps(root, JSON_COMPACT);
    assert(text);
    buf_append_str(into, text);
    free(text);
}

int ctl_schema_check(struct bytes text, struct buf *into, struct buf *ret_faults)
{
    json_error_t error;
    struct check c = {.faults = ret_faults};
    c.root = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
                        &error);
    if (!c.root) {
        buf_printf(ret_faults, "line %d, column %d: %s\n", error.line, error.column, error.text);
        return -EINVAL;
    }
    check_all(&c);
    if (c.n > FAULTS_MAX)
        buf_printf(ret_faults, "and %u more\n", c.n - FAULTS_MAX);
    if (c.n == 0)
        print(c.root, into);
    json_decref(c.root);
    return c.n ? -EINVAL : 0;
}
