/* cellcastctl webhooks: what waits for the tenants' endpoints, as PostgreSQL has it (decision 29). */
#include "ctl.h"

#include <stdio.h>

static const char *text(const json_t *object, const char *name)
{
    const char *s = json_string_value(json_object_get(object, name));
    return s ? s : "";
}

/* Seconds, or a dash where there are none. */
static const char *seconds(const json_t *object, const char *name, char ret[32])
{
    const json_t *v = json_object_get(object, name);
    if (json_is_number(v))
        snprintf(ret, 32, "%.0fs", json_number_value(v));
    else
        snprintf(ret, 32, "-");
    return ret;
}

static void print_row(const json_t *row)
{
    char oldest[32], taken[32];
    printf("%-20s %8.0f %9s %9s %8.0f %8.0f  %s%s%s\n", text(row, "tenant"), json_number_value(json_object_get(row, "waiting")),
           seconds(row, "oldest_s", oldest), seconds(row, "taken_s_ago", taken), json_number_value(json_object_get(row, "failures")),
           json_number_value(json_object_get(row, "dropped")), text(row, "url"), text(row, "error")[0] ? ": " : "", text(row, "error"));
}

int ctl_webhooks(const struct ctl_options *o, char *const *words)
{
    struct buf answer = {0};
    const json_t *row;
    size_t i;
    if (ctl_ask_postgres(o, "SELECT cellcast.webhook_status()::text", NULL, &answer) < 0) {
        buf_fini(&answer);
        return CTL_FAILED;
    }
    json_t *rows = answer.n ? json_loadb(answer.p, answer.n, 0, NULL) : NULL;
    ctl_to_plain(rows);
    if (json_array_size(rows) == 0)
        puts("no tenant has a webhook_url");
    else
        printf("%-20s %8s %9s %9s %8s %8s  %s\n", "tenant", "waiting", "oldest", "taken", "failures", "dropped", "endpoint");
    json_array_foreach(rows, i, row)
        print_row(row);
    json_decref(rows);
    buf_fini(&answer);
    return CTL_DONE;
}
