#include "config_options.h"

#include "run/option_value.h"
#include "wire/option_bounds.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum type { TYPE_BOOL, TYPE_INT, TYPE_DURATION, TYPE_TEXT, TYPE_TEXTS };

struct spec {
    const char *name;
    enum type type;
    size_t offset;
    const char *dflt;
};

static const struct spec tenant_specs[] = {
#define TENANT_OPT(TYPE, name, dflt, help)                                                     \
    {#name, TYPE_##TYPE, offsetof(struct tenant_options, name), dflt},
#include "wire/tenant.def"
#undef TENANT_OPT
};

static const struct spec namespace_specs[] = {
#define NAMESPACE_OPT(TYPE, name, dflt, help)                                                  \
    {#name, TYPE_##TYPE, offsetof(struct namespace_options, name), dflt},
#include "wire/namespace.def"
#undef NAMESPACE_OPT
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const right[] = {
    [TYPE_BOOL] = "true or false",
    [TYPE_INT] = "a whole number from 0 to 2147483647",
    [TYPE_DURATION] =
        "ms as a number, or text such as \"500ms\", \"10s\", \"5m\", \"24h\", \"7d\"",
    [TYPE_TEXT] = "a string",
    [TYPE_TEXTS] = "an array of strings",
};

static bool read_duration(struct bytes text, int64_t *ret_ms)
{
    int64_t ms;
    if (option_parse_duration(text, &ms) < 0 || ms < 0)
        return false;
    *ret_ms = ms;
    return true;
}

static bool read_int(json_t *value, int64_t max, int64_t *ret)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > max)
        return false;
    *ret = json_integer_value(value);
    return true;
}

static struct bytes text_of(json_t *string)
{
    return bytes_of(json_string_value(string), json_string_length(string));
}

int texts_read(struct texts *ret, json_t *array)
{
    struct texts texts = {0};
    size_t i;
    json_t *item;
    if (!array || json_is_null(array)) {
        *ret = texts;
        return 0;
    }
    if (!json_is_array(array))
        return -EBADMSG;
    json_array_foreach(array, i, item) if (!json_is_string(item)) return -EBADMSG;
    texts.items = calloc(json_array_size(array) + 1, sizeof *texts.items);
    assert(texts.items);
    json_array_foreach(array, i, item) texts.items[texts.n++] = text_of(item);
    *ret = texts;
    return 0;
}

void texts_fini(struct texts *t)
{
    free(t->items);
    *t = (struct texts){0};
}

static bool set_given(const struct spec *s, void *field, json_t *value)
{
    switch (s->type) {
    case TYPE_BOOL:
        if (!json_is_boolean(value))
            return false;
        *(bool *)field = json_is_true(value);
        return true;
    case TYPE_INT:
        return read_int(value, OPTION_INT_MAX, field);
    case TYPE_DURATION:
        if (json_is_string(value))
            return read_duration(text_of(value), field);
        return read_int(value, INT64_MAX, field);
    case TYPE_TEXT:
        if (!json_is_string(value))
            return false;
        *(struct bytes *)field = text_of(value);
        return true;
    case TYPE_TEXTS:
        return json_is_array(value) && texts_read(field, value) == 0;
    }
    return false;
}

static void set_default(const struct spec *s, void *field)
{
    bool ok = true;
    switch (s->type) {
    case TYPE_BOOL:
        *(bool *)field = strcmp(s->dflt, "true") == 0;
        break;
    case TYPE_INT:
    case TYPE_DURATION:
        ok = read_duration(bytes_str(s->dflt), field);
        break;
    case TYPE_TEXT:
        *(struct bytes *)field = bytes_str(s->dflt);
        break;
    case TYPE_TEXTS:
        ok = strcmp(s->dflt, "[]") == 0;
        *(struct texts *)field = (struct texts){0};
        break;
    }
    assert(ok);
}

static void name_unknown(const struct spec *specs, size_t n, json_t *given, struct buf *why)
{
    const char *name;
    json_t *value;
    json_object_foreach(given, name, value)
    {
        size_t i = 0;
        while (i < n && strcmp(specs[i].name, name) != 0)
            i++;
        if (i == n)
            buf_printf(why, "option %s is not known here and left out\n", name);
    }
}

static void free_texts(const struct spec *specs, size_t n, void *options)
{
    for (size_t i = 0; i < n; i++)
        if (specs[i].type == TYPE_TEXTS)
            texts_fini((struct texts *)((char *)options + specs[i].offset));
}

static int read_options(const struct spec *specs, size_t n, void *options, json_t *given,
                        struct buf *why)
{
    if (given && !json_is_null(given) && !json_is_object(given)) {
        buf_append_str(why, "options is no object");
        return -EBADMSG;
    }
    for (size_t i = 0; i < n; i++)
        set_default(&specs[i], (char *)options + specs[i].offset);
    for (size_t i = 0; i < n; i++) {
        json_t *value = json_object_get(given, specs[i].name);
        if (!value || json_is_null(value) ||
            set_given(&specs[i], (char *)options + specs[i].offset, value))
            continue;
        buf_printf(why, "option %s must be %s", specs[i].name, right[specs[i].type]);
        free_texts(specs, n, options);
        return -EBADMSG;
    }
    name_unknown(specs, n, given, why);
    return 0;
}

int tenant_options_read(struct tenant_options *ret, json_t *given, struct buf *why)
{
    return read_options(tenant_specs, COUNT(tenant_specs), ret, given, why);
}

int namespace_options_read(struct namespace_options *ret, json_t *given, struct buf *why)
{
    return read_options(namespace_specs, COUNT(namespace_specs), ret, given, why);
}

void tenant_options_fini(struct tenant_options *o)
{
    free_texts(tenant_specs, COUNT(tenant_specs), o);
}

void namespace_options_fini(struct namespace_options *o)
{
    free_texts(namespace_specs, COUNT(namespace_specs), o);
}
