#include "run/options.h"

#include "run/option_help.h"
#include "run/option_value.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { HELP, VERSION, CONFIG, PRINT_CONFIG, N_COMMON };

struct common_options {
    bool help, version, print_config;
    const char *config;
};

#define COMMON(flag, type, field, dflt, unit, help)                                            \
    {                                                                                          \
        flag, OPTION_##type, offsetof(struct common_options, field), dflt, 0, 4096, unit, help \
    }
static const struct option_spec common_specs[N_COMMON] = {
    [HELP] = COMMON("help", BOOL, help, "false", "", "prints this page"),
    [VERSION] = COMMON("version", BOOL, version, "false", "", "prints the version"),
    [CONFIG] = COMMON("config", TEXT, config, "", "FILE",
                      "JSON file of options: an object of \"name\": value"),
    [PRINT_CONFIG] = COMMON("print-config", BOOL, print_config, "false", "",
                            "prints what would be in force, as such a file"),
};

enum source { NOBODY, FLAG, ENVIRONMENT, FILE_OF_CONFIG, DEFAULT };

struct said {
    enum source by;
    const char *text;
};

struct parse {
    const struct option_spec *specs;
    size_t n;
    void *options;
    struct common_options common;
    struct said *said; /* n of the process, then N_COMMON */
    char **words;
    size_t n_words;
    bool take_words;
    struct buf *error;
};

/* Texts live until the process ends; in a chain, so that they are never taken for a leak. */
struct kept {
    struct kept *next;
    char text[];
};

static void *keep(const void *from, size_t n)
{
    static struct kept *all;
    struct kept *k = calloc(1, sizeof *k + n + 1);
    assert(k);
    if (from)
        memcpy(k->text, from, n);
    k->next = all;
    all = k;
    return k->text;
}

static const struct option_spec *spec_at(const struct parse *p, size_t i)
{
    return i < p->n ? &p->specs[i] : &common_specs[i - p->n];
}

/* -> index, or -1 */
static int find(const struct parse *p, struct bytes name)
{
    for (size_t i = 0; i < p->n + N_COMMON; i++)
        if (bytes_is(name, spec_at(p, i)->flag))
            return (int)i;
    return -1;
}

static const char *nearest(const struct parse *p, struct bytes name)
{
    const char *best = NULL;
    unsigned least = 1 + (unsigned)name.n / 2; /* farther away nobody meant it */
    for (size_t i = 0; i < p->n + N_COMMON; i++) {
        unsigned d = option_distance(name, bytes_str(spec_at(p, i)->flag));
        if (d <= least && (!best || d < least)) {
            best = spec_at(p, i)->flag;
            least = d;
        }
    }
    return best;
}

static int unknown(struct parse *p, const char *where, const char *dashes, struct bytes name)
{
    const char *known = nearest(p, name);
    buf_printf(p->error, "%s%s%.*s: no such option; ", where, dashes, BYTES_FMT(name));
    if (known)
        buf_printf(p->error, "did you mean %s%s?", dashes, known);
    else
        buf_append_str(p->error, "--help lists them");
    return -EINVAL;
}

static void append_source(struct parse *p, size_t i, struct buf *into)
{
    const char *flag = spec_at(p, i)->flag;
    switch (p->said[i].by) {
    case FLAG:
        buf_printf(into, "--%s", flag);
        break;
    case ENVIRONMENT:
        buf_append_str(into, "environment CELLCAST_");
        for (const char *c = flag; *c; c++)
            buf_append_char(into, *c == '-' ? '_' : (char)toupper((unsigned char)*c));
        break;
    case FILE_OF_CONFIG:
        buf_printf(into, "file %s, \"%s\"", p->common.config, flag);
        break;
    default:
        buf_printf(into, "default of --%s", flag);
    }
}

static int refuse(struct parse *p, size_t i)
{
    const struct option_spec *spec = spec_at(p, i);
    append_source(p, i, p->error);
    if (!p->said[i].text[0])
        buf_append_str(p->error, ": is empty");
    else
        buf_printf(p->error, ": \"%s\" will not do", p->said[i].text);
    buf_append_str(p->error, "; right would be ");
    option_append_expected(spec, p->error);
    return -EINVAL;
}

/* ---- flags */

static int take_flag(struct parse *p, char **argv, int *at)
{
    const char *arg = argv[*at] + 2, *equals = strchr(arg, '=');
    struct bytes name = bytes_of(arg, equals ? (size_t)(equals - arg) : strlen(arg));
    int i = find(p, name);
    if (i < 0 && !equals && bytes_starts(name, BYTES("no-"))) {
        int positive = find(p, bytes_of(name.p + 3, name.n - 3));
        if (positive >= 0 && spec_at(p, (size_t)positive)->type == OPTION_BOOL) {
            p->said[positive] = (struct said){FLAG, "false"};
            return 0;
        }
    }
    if (i < 0)
        return unknown(p, "", "--", name);
    const char *text = equals ? equals + 1 : "true";
    if (!equals && spec_at(p, (size_t)i)->type != OPTION_BOOL) {
        text = argv[*at + 1];
        if (!text || strncmp(text, "--", 2) == 0) {
            buf_printf(p->error, "--%.*s needs a value: ", BYTES_FMT(name));
            option_append_expected(spec_at(p, (size_t)i), p->error);
            return -EINVAL;
        }
        ++*at;
    }
    p->said[i] = (struct said){FLAG, text};
    return 0;
}

static int take_word(struct parse *p, char *word)
{
    if (!p->take_words) {
        buf_printf(p->error,
                   "\"%s\" is no option: options begin with two dashes (--help lists them)",
                   word);
        return -EINVAL;
    }
    p->words[p->n_words++] = word;
    return 0;
}

static int take_arguments(struct parse *p, int argc, char **argv)
{
    bool words_only = false;
    int error = 0;
    p->words = keep(NULL, (size_t)(argc + 1) * sizeof *p->words);
    for (int at = 1; at < argc && error == 0; at++) {
        if (!words_only && strcmp(argv[at], "--") == 0)
            words_only = true;
        else if (!words_only && strcmp(argv[at], "-h") == 0)
            p->said[p->n + HELP] = (struct said){FLAG, "true"};
        else if (!words_only && strncmp(argv[at], "--", 2) == 0)
            error = take_flag(p, argv, &at);
        else
            error = take_word(p, argv[at]);
    }
    return error;
}

/* ---- environment */

static void take_environment(struct parse *p)
{
    struct buf name;
    buf_init(&name);
    for (size_t i = 0; i < p->n + N_COMMON; i++) {
        if (p->said[i].by != NOBODY || (i >= p->n && i != p->n + CONFIG))
            continue;
        buf_clear(&name);
        p->said[i].by = ENVIRONMENT;
        append_source(p, i, &name);
        const char *text = getenv(name.p + strlen("environment "));
        /* Empty counts as unsaid: compose files hand on variables that nobody set. */
        p->said[i] =
            text && text[0] ? (struct said){ENVIRONMENT, text} : (struct said){NOBODY, NULL};
    }
    buf_fini(&name);
}

/* ---- file */

static const char *text_of(const json_t *value)
{
    char digits[32];
    if (json_is_string(value))
        return keep(json_string_value(value), json_string_length(value));
    if (json_is_boolean(value))
        return json_is_true(value) ? "true" : "false";
    if (!json_is_integer(value))
        return NULL;
    int n = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return keep(digits, (size_t)n);
}

static int take_member(struct parse *p, const char *name, const json_t *value)
{
    int i = find(p, bytes_str(name));
    if (i < 0 || (size_t)i >= p->n) {
        struct buf where;
        buf_init(&where);
        buf_printf(&where, "file %s, ", p->common.config);
        unknown(p, where.p, "", bytes_str(name));
        buf_fini(&where);
        return -EINVAL;
    }
    const char *text = text_of(value);
    if (!text) {
        buf_printf(p->error,
                   "file %s, \"%s\": is neither a text nor a whole number nor true or false; "
                   "right would be ",
                   p->common.config, name);
        option_append_expected(&p->specs[i], p->error);
        return -EINVAL;
    }
    if (p->said[i].by == NOBODY)
        p->said[i] = (struct said){FILE_OF_CONFIG, text};
    return 0;
}

static int take_file(struct parse *p)
{
    json_error_t at;
    const char *name;
    json_t *value;
    int error = 0;
    json_t *root = json_load_file(p->common.config, JSON_REJECT_DUPLICATES, &at);
    if (!json_is_object(root)) {
        if (root)
            buf_printf(p->error, "file %s: is no JSON object of \"name\": value",
                       p->common.config);
        else if (at.line > 0)
            buf_printf(p->error, "file %s, line %d: %s", p->common.config, at.line, at.text);
        else
            buf_printf(p->error, "file %s: %s", p->common.config, at.text);
        json_decref(root);
        return -EINVAL;
    }
    json_object_foreach(root, name, value)
    {
        if (error == 0)
            error = take_member(p, name, value);
    }
    json_decref(root);
    return error;
}

/* ---- all of it */

static int store_common(struct parse *p)
{
    for (size_t i = p->n; i < p->n + N_COMMON; i++) {
        const char *text = p->said[i].by == NOBODY ? spec_at(p, i)->dflt : p->said[i].text;
        if (option_store(spec_at(p, i), &p->common, text) < 0)
            return refuse(p, i);
    }
    return 0;
}

static int store_own(struct parse *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct option_spec *spec = &p->specs[i];
        if (p->said[i].by == NOBODY)
            p->said[i] = (struct said){DEFAULT, spec->dflt};
        if (option_store(spec, p->options, p->said[i].text) == 0)
            continue;
        if (p->said[i].by != DEFAULT)
            return refuse(p, i);
        bool needed = spec->type == OPTION_TEXT && !spec->dflt[0];
        assert(needed && "a default outside of its own range");
        *(const char **)((char *)p->options + spec->offset) = "";
        if (p->common.print_config)
            continue;
        buf_printf(p->error, "--%s is needed: %s", spec->flag, spec->help);
        return -EINVAL;
    }
    return 0;
}

static int gather(struct parse *p, int argc, char **argv)
{
    int error = take_arguments(p, argc, argv);
    if (error == 0) {
        take_environment(p);
        error = store_common(p);
    }
    if (error == 0 && (p->common.help || p->common.version))
        return 0;
    if (error == 0 && p->common.config[0])
        error = take_file(p);
    return error == 0 ? store_own(p) : error;
}

int options_parse(const char *program, const char *summary, const struct option_spec *specs,
                  size_t n_specs, void *options, int argc, char **argv, char ***ret_words,
                  struct buf *ret_text)
{
    struct parse p = {.specs = specs,
                      .n = n_specs,
                      .options = options,
                      .take_words = ret_words,
                      .error = ret_text};
    p.said = calloc(n_specs + N_COMMON, sizeof *p.said);
    assert(p.said);
    int answer = gather(&p, argc, argv);
    free(p.said);
    if (answer < 0)
        return answer;
    if (p.common.help)
        option_help(program, summary, specs, n_specs, common_specs, N_COMMON, ret_words != NULL,
                    ret_text);
    else if (p.common.version)
        buf_printf(ret_text, "%s %s\n", program, CELLCAST_VERSION);
    else if (p.common.print_config)
        option_config(specs, n_specs, options, ret_text);
    else if (ret_words)
        *ret_words = p.words;
    return p.common.help || p.common.version || p.common.print_config ? OPTIONS_PRINT
                                                                      : OPTIONS_RUN;
}
