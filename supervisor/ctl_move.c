/* cellcastctl drain, undrain, restart: an order, and with --watch how far it is. */
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 500 /* between two looks */

static int order(const struct ctl_options *o, const char *what, const char *word)
{
    char path[128];
    if (!*word || word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-")] || strlen(word) > 32)
        return ctl_say("\"%s\": gateway-3, or what --help lists", word);
    snprintf(path, sizeof path, "/%s%s", what, word);
    return ctl_order(o, path);
}

/* Prints until `tell` has seen the end. tell: -> CTL_DONE, CTL_FAILED, -1: not yet */
static int watch(const struct ctl_options *o, int (*tell)(const json_t *status, const char *word), const char *word)
{
    int code = -1;
    while (code < 0) {
        struct buf text;
        buf_init(&text);
        json_t *status = ctl_look(o, &text);
        code = status ? tell(status, word) : CTL_FAILED;
        json_decref(status);
        buf_fini(&text);
        fflush(stdout);
        if (code < 0)
            usleep(LOOK_MS * 1000);
    }
    return code;
}

/* ---- drain */

/* word: gateway-3 or 3 */
static const json_t *find_gateway(const json_t *status, const char *word)
{
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(status, "processes"), i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        if (name && (strcmp(name, word) == 0 || (strncmp(name, "gateway-", 8) == 0 && strcmp(name + 8, word) == 0)))
            return one;
    }
    return NULL;
}

static int tell_drain(const json_t *status, const char *word)
{
    char text[96];
    const json_t *gateway = find_gateway(status, word);
    const char *name = json_string_value(json_object_get(gateway, "name"));
    if (!gateway || !ctl_put_drain(gateway, text, sizeof text))
        return ctl_say("%s takes connections again, or has gone", name ? name : word);
    printf("%s %s\n", name, text);
    return json_integer_value(json_object_get(gateway, "connections")) ? -1 : CTL_DONE;
}

int ctl_drain(const struct ctl_options *o, char *const *words)
{
    int code = order(o, "drain?gateway=", words[0]);
    return code == CTL_DONE && o->watch ? watch(o, tell_drain, words[0]) : code;
}

int ctl_undrain(const struct ctl_options *o, char *const *words)
{
    return order(o, "undrain?gateway=", words[0]);
}

/* ---- restart */

static int tell_roll(const json_t *status, const char *word)
{
    const json_t *roll = json_object_get(status, "roll");
    const char *turn = json_string_value(json_object_get(roll, "turn"));
    const char *stopped = json_string_value(json_object_get(roll, "stopped"));
    printf("%lld of %lld are new%s%s\n", (long long)json_integer_value(json_object_get(roll, "done")),
           (long long)json_integer_value(json_object_get(roll, "of")), turn && *turn ? ", now " : "", turn ? turn : "");
    if (json_is_true(json_object_get(status, "rolling")))
        return -1;
    return stopped && *stopped ? ctl_say("stopped: %s", stopped) : CTL_DONE;
}

int ctl_restart(const struct ctl_options *o, char *const *words)
{
    int code = order(o, "restart?what=", words[0] ? words[0] : "all");
    return code == CTL_DONE && o->watch ? watch(o, tell_roll, NULL) : code;
}
