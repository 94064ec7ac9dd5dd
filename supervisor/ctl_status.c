#include "ctl.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *text(const json_t *object, const char *name)
{
    const char *s = json_string_value(json_object_get(object, name));
    return s ? s : "";
}

static long long number(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

static void put_duration(long long ms, char *ret, size_t size)
{
    if (ms < 60000)
        snprintf(ret, size, "%lld s", ms / 1000);
    else if (ms < 3600000)
        snprintf(ret, size, "%lld min", ms / 60000);
    else
        snprintf(ret, size, "%lld h", ms / 3600000);
}

static void print_why(const json_t *why, FILE *to)
{
    size_t i;
    const json_t *one;
    json_array_foreach(why, i, one) fprintf(to, "  %s: %s\n", text(one, "hop"), text(one, "text"));
}

bool ctl_put_drain(const json_t *process, char *ret, size_t size)
{
    const json_t *drain = json_object_get(process, "drain"), *eta = json_object_get(drain, "eta_ms");
    char wait[32] = "";
    if (!drain)
        return false;
    if (json_is_integer(eta))
        put_duration((json_integer_value(eta) + 999), wait, sizeof wait);
    snprintf(ret, size, "%s: %lld connections left, %lld a second%s%s",
             json_is_true(json_object_get(drain, "set_aside")) ? "set aside" : "leaving", number(drain, "left"),
             number(drain, "rate"), wait[0] ? ", " : "", wait);
    return true;
}

static void print_roll(const json_t *roll)
{
    if (text(roll, "turn")[0])
        printf("rolling restart: %lld of %lld are new, %s has its turn\n", number(roll, "done"), number(roll, "of"),
               text(roll, "turn"));
    if (text(roll, "stopped")[0])
        printf("rolling restart stopped: %s\n", text(roll, "stopped"));
}

static void print_processes(const json_t *processes)
{
    size_t i;
    const json_t *p;
    char up[32], numbers[64], drain[96];
    printf("%-12s %-10s %8s %8s %9s  %-22s %s\n", "NAME", "STATE", "PID", "UP", "RESTARTS",
           "PORT, CONNECTIONS", "WHY");
    json_array_foreach(processes, i, p)
    {
        put_duration(number(p, "up_ms"), up, sizeof up);
        numbers[0] = 0;
        if (strcmp(text(p, "role"), "gateway") == 0)
            snprintf(numbers, sizeof numbers, "%lld, %lld of %lld", number(p, "port"),
                     number(p, "connections"), number(p, "capacity"));
        const char *why = text(p, "why");
        if (ctl_put_drain(p, drain, sizeof drain))
            why = drain;
        printf("%-12s %-10s %8lld %8s %9lld  %-22s %s\n", text(p, "name"), text(p, "state"),
               number(p, "pid"), up, number(p, "restarts"), numbers,
               why[0] ? why : json_is_true(json_object_get(p, "ready")) ? "" : text(p, "last_end"));
    }
}

static void print_gate(const json_t *gate)
{
    char rate[32] = "off";
    if (number(gate, "rate"))
        snprintf(rate, sizeof rate, "%lld connections/s", number(gate, "rate"));
    printf("gate          %s, loops lag %lld ms, backlog %lld of %lld, silent %lld, over their source's rate %lld\n", rate,
           number(gate, "lag_ms"), number(gate, "backlog"), number(gate, "backlog_max"), number(gate, "silent"),
           number(gate, "held"));
}

static void print_status(const json_t *s)
{
    const json_t *config = json_object_get(s, "config"), *urls = json_object_get(s, "urls"), *url;
    const char *name;
    bool ready = json_is_true(json_object_get(s, "ready"));
    printf("cell %s: %s%s%s\n", text(s, "cell"), ready ? "ready" : "not ready",
           json_is_true(json_object_get(s, "stopping")) ? ", stopping" : "",
           json_is_true(json_object_get(s, "rolling")) ? ", rolling restart" : "");
    print_why(json_object_get(s, "why"), stdout);
    print_roll(json_object_get(s, "roll"));
    printf("configuration %lld (%s)%s%s\n", number(config, "version"), text(config, "source"),
           text(config, "problem")[0] ? ": " : "", text(config, "problem"));
    json_object_foreach((json_t *)urls, name, url)
        printf("%-13s %s\n", name, json_string_value(url));
    print_gate(json_object_get(s, "gate"));
    print_processes(json_object_get(s, "processes"));
}

json_t *ctl_look(const struct ctl_options *o, struct buf *ret_text)
{
    int status = ctl_ask(o, "GET", "/status", ret_text);
    json_t *root = status == 200 ? json_loadb(ret_text->p, ret_text->n, 0, NULL) : NULL;
    if (!root && status >= 0)
        ctl_say("%s answers %d: is that a supervisor's admin port?", o->admin, status);
    ctl_to_plain(root);
    return root;
}

int ctl_status(const struct ctl_options *o, char *const *words)
{
    struct buf answer;
    buf_init(&answer);
    json_t *root = ctl_look(o, &answer);
    if (root && o->json)
        fwrite(answer.p, 1, answer.n, stdout);
    else if (root)
        print_status(root);
    int code = root ? CTL_DONE : CTL_FAILED;
    json_decref(root);
    buf_fini(&answer);
    return code;
}

int ctl_health(const struct ctl_options *o, char *const *words)
{
    struct buf answer;
    buf_init(&answer);
    int status = ctl_ask(o, "GET", "/ready", &answer);
    json_t *root = status > 0 ? json_loadb(answer.p ? answer.p : "", answer.n, 0, NULL) : NULL;
    bool ready = status == 200 && json_is_true(json_object_get(root, "ready"));
    if (status > 0 && !root)
        ctl_say("%s answers %d: is that a supervisor's admin port?", o->admin, status);
    else if (status > 0)
        puts(ready ? "ready" : "not ready");
    ctl_to_plain(root);
    print_why(json_object_get(root, "why"), stdout);
    json_decref(root);
    buf_fini(&answer);
    return ready ? CTL_DONE : CTL_FAILED;
}
