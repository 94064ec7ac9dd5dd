/* The configuration in force as the file that `apply` takes. */
#include "ctl.h"

#include <stdio.h>
#include <string.h>

static void copy(json_t *to, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    if (value)
        json_object_set(to, name, value);
}

static bool has(const json_t *names, const char *name)
{
    const json_t *one;
    size_t i;
    json_array_foreach(names, i, one)
        if (strcmp(json_string_value(one), name) == 0)
            return true;
    return false;
}

/* A tenant that moves is where it is wanted. */
static json_t *cells_of(const json_t *tenant)
{
    json_t *wanted = json_array(), *one;
    size_t i;
    json_array_foreach(json_object_get(tenant, "cells"), i, one)
        if (!has(json_object_get(tenant, "leaving"), json_string_value(one)))
            json_array_append(wanted, one);
    return wanted;
}

static json_t *namespaces_of(const json_t *config, const char *tenant)
{
    json_t *its = json_array(), *one;
    size_t i;
    json_array_foreach(json_object_get(config, "namespaces"), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "tenant")), tenant) != 0)
            continue;
        json_t *ns = json_object();
        copy(ns, one, "name");
        copy(ns, one, "options");
        json_array_append_new(its, ns);
    }
    return its;
}

static json_t *tenants_of(const json_t *config)
{
    json_t *tenants = json_array();
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(config, "tenants"), i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        if (strcmp(name, "cellcast") == 0)
            continue; /* the schema's own */
        json_t *tenant = json_object();
        copy(tenant, one, "name");
        json_object_set_new(tenant, "cells", cells_of(one));
        copy(tenant, one, "options");
        json_object_set_new(tenant, "namespaces", namespaces_of(config, name));
        json_array_append_new(tenants, tenant);
    }
    return tenants;
}

static json_t *each_with(const json_t *all, const char *const *names)
{
    json_t *list = json_array();
    const json_t *one;
    size_t i;
    json_array_foreach(all, i, one)
    {
        json_t *item = json_object();
        for (const char *const *name = names; *name; name++)
            copy(item, one, *name);
        json_array_append_new(list, item);
    }
    return list;
}

/* What ctl_schema_check takes (ctl_schema.h). */
static json_t *file_of(const json_t *config)
{
    static const char *const cell[] = {"name", "topic", "partitions", NULL}, *const key[] = {"sha256", "tenant", NULL};
    json_t *file = json_object();
    json_object_set_new(file, "cells", each_with(json_object_get(config, "cells"), cell));
    json_object_set_new(file, "tenants", tenants_of(config));
    json_object_set_new(file, "api_keys", each_with(json_object_get(config, "api_keys"), key));
    return file;
}

int ctl_export(const struct ctl_options *o, char *const *words)
{
    json_t *config = ctl_ask_config(o);
    if (!config)
        return CTL_FAILED;
    json_t *file = file_of(config);
    ctl_print_json(file);
    json_decref(file);
    json_decref(config);
    return CTL_DONE;
}
