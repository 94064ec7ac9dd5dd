/* cellcastctl top: asks the gateways through the supervisor (top.h), puts together what has the same name, prints. */
#include "ctl.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 50 /* between two looks whether the answers have come */

/* -> the answer, or NULL, said */
static json_t *ask(const struct ctl_options *o, const char *method, const char *path)
{
    struct buf answer;
    buf_init(&answer);
    int status = ctl_ask(o, method, path, &answer);
    json_t *root = status == 200 ? json_loadb(answer.p, answer.n, 0, NULL) : NULL;
    if (!root && status >= 0)
        ctl_say("%s answers %d: is that a supervisor's admin port?", o->admin, status);
    buf_fini(&answer);
    return root;
}

/* -> the gateways' answers, or NULL, said */
static json_t *wait_for_answers(const struct ctl_options *o, json_int_t request)
{
    for (int64_t left_ms = o->timeout; left_ms > 0; left_ms -= LOOK_MS) {
        json_t *root = ask(o, "GET", "/top");
        if (!root || (json_integer_value(json_object_get(root, "request")) == request &&
                      json_is_true(json_object_get(root, "done"))))
            return root;
        json_decref(root);
        usleep(LOOK_MS * 1000);
    }
    ctl_say("the gateways do not answer, or somebody else asks at the same time");
    return NULL;
}

/* ---- putting together */

static void merge_row(json_t *rows, const json_t *row)
{
    static const char *const sums[] = {"deliveries", "bytes",       "listeners", "behind",  "busy",
                                       "slowed",     "connections", "publishes", "refused", "late"};
    const char *name = json_string_value(json_object_get(row, "name"));
    json_t *have = name ? json_object_get(rows, name) : NULL;
    if (!have) {
        if (name)
            json_object_set_new(rows, name, json_deep_copy(row));
        return;
    }
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        if (json_object_get(row, sums[i])) /* some are of tenants only */
            json_object_set_new(have, sums[i], json_real(json_number_value(json_object_get(have, sums[i])) +
                                                         json_number_value(json_object_get(row, sums[i]))));
}

/* -> an object of rows by name */
static json_t *merge(const json_t *answers, size_t *ret_came)
{
    json_t *rows = json_object(), *answer, *row;
    size_t i, k;
    *ret_came = 0;
    json_array_foreach(answers, i, answer)
    {
        const json_t *its = json_object_get(answer, "rows");
        *ret_came += json_is_array(its);
        json_array_foreach(its, k, row) merge_row(rows, row);
    }
    return rows;
}

/* ---- the table */

struct line {
    const json_t *row;
    double value;
};

static int more_first(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    return (x->value < y->value) - (x->value > y->value);
}

static double number(const json_t *row, const char *name)
{
    return json_number_value(json_object_get(row, name));
}

/* Nobody listens and nothing is delivered: canaries', for the most part. */
static bool is_idle(const json_t *row)
{
    return number(row, "listeners") == 0 && number(row, "behind") == 0 && number(row, "deliveries") < 0.05;
}

static size_t sort(json_t *rows, const char *by, bool idle_too, struct line **ret_lines)
{
    struct line *lines = calloc(json_object_size(rows) + 1, sizeof *lines);
    const char *name;
    json_t *row;
    size_t n = 0;
    json_object_foreach(rows, name, row) if (idle_too || !is_idle(row))
        lines[n++] = (struct line){.row = row, .value = json_number_value(json_object_get(row, by))};
    qsort(lines, n, sizeof *lines, more_first);
    *ret_lines = lines;
    return n;
}

#define TENANT_HEADS "  BUSY% SLOWED CONNECTIONS PUBLISHES/s REFUSED/s   LATE"

/* Of tenants: percent of a core, over all gateways, in how many of them it is in the slow turn, and what it uses of its quotas. */
static void print_load(const json_t *row)
{
    if (json_object_get(row, "connections"))
        printf(" %6.0f %6.0f %11.0f %11.1f %9.1f %6.0f", number(row, "busy"), number(row, "slowed"), number(row, "connections"),
               number(row, "publishes"), number(row, "refused"), number(row, "late"));
}

static void print_row(const json_t *row)
{
    const char *user = json_string_value(json_object_get(row, "user"));
    printf("%13.1f %13.0f %10.0f %7.0f", number(row, "deliveries"), number(row, "bytes"), number(row, "listeners"),
           number(row, "behind"));
    print_load(row);
    printf("  %s%s%s\n", json_string_value(json_object_get(row, "name")), user && *user ? "  " : "", user ? user : "");
}

static void print(const char *what, json_t *rows, const struct ctl_options *o)
{
    struct line *lines;
    size_t n = sort(rows, o->by, strcmp(what, "channels") != 0, &lines);
    const char *listeners = strcmp(what, "connections") == 0 ? "CHANNELS" : "LISTENERS";
    bool tenants = strcmp(what, "tenants") == 0;
    printf("%13s %13s %10s %7s%s  %s\n", "DELIVERIES/s", "BYTES/s", listeners, "BEHIND", tenants ? TENANT_HEADS : "",
           "NAME");
    for (size_t i = 0; i < n && i < (size_t)o->rows; i++)
        print_row(lines[i].row);
    free(lines);
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

int ctl_top(const struct ctl_options *o, char *const *words)
{
    static const char *const whats[] = {"channels", "connections", "tenants", NULL};
    static const char *const bys[] = {"deliveries", "bytes", "behind", "connections", "publishes", "refused", "late", NULL};
    char path[64];
    size_t came;
    if (!is_one_of(words[0], whats) || !is_one_of(o->by, bys)) {
        ctl_say("top channels|connections|tenants --by=deliveries|bytes|behind; tenants also by "
                "connections|publishes|refused|late");
        return CTL_USAGE;
    }
    snprintf(path, sizeof path, "/top/%s/%s", words[0], o->by);
    json_t *asked = ask(o, "POST", path);
    json_t *root = asked ? wait_for_answers(o, json_integer_value(json_object_get(asked, "request"))) : NULL;
    json_decref(asked);
    if (!root)
        return CTL_FAILED;
    if (!o->json)
        ctl_to_plain(root);
    json_t *rows = merge(json_object_get(root, "answers"), &came);
    size_t wanted = (size_t)json_integer_value(json_object_get(root, "asked"));
    if (o->json)
        json_dumpf(json_object_get(root, "answers"), stdout, JSON_INDENT(2));
    else
        print(words[0], rows, o);
    json_decref(rows);
    json_decref(root);
    return came == wanted ? CTL_DONE : ctl_say("%zu of %zu gateways did not answer", wanted - came, wanted);
}
