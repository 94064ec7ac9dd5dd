#include "ctl.h"

#include "ctl_http.h"
#include "ctl_schema.h"
#include "pg/pg.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (7 << 20) /* bytes; gateways get it in one frame */

int ctl_say(const char *fmt, ...)
{
    va_list args;
    char *text = NULL, *line, *rest;
    struct buf plain = {0};
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    for (rest = n < 0 ? NULL : text; (line = strsep(&rest, "\n"));) {
        ctl_append_plain(&plain, bytes_str(line));
        buf_append_char(&plain, '\n');
    }
    fprintf(stderr, "cellcastctl: %s", plain.n ? plain.p : "out of memory\n");
    buf_fini(&plain);
    free(text);
    return CTL_FAILED;
}

int ctl_ask(const struct ctl_options *o, const char *method, const char *path,
            struct buf *ret_answer)
{
    struct buf error;
    buf_init(&error);
    int status = ctl_http(method, o->admin, path, o->timeout, ret_answer, &error);
    if (status < 0)
        ctl_say("%s (--admin says where the supervisor's admin port is)", error.p);
    buf_fini(&error);
    return status;
}

int ctl_order(const struct ctl_options *o, const char *path)
{
    struct buf answer;
    buf_init(&answer);
    int status = ctl_ask(o, "POST", path, &answer);
    if (status == 200)
        printf("%s", answer.p);
    else if (status > 0)
        ctl_say("the supervisor refuses: %s", answer.n ? answer.p : "no reason given");
    buf_fini(&answer);
    return status == 200 ? CTL_DONE : CTL_FAILED;
}

/* The server's error without the lines of PL/pgSQL that it went through. */
static const char *without_context(struct buf *error)
{
    char *context = error->n ? strstr(error->p, " CONTEXT: ") : NULL;
    if (context)
        *context = 0;
    return error->n ? error->p : "PostgreSQL returned no row";
}

int ctl_ask_postgres(const struct ctl_options *o, const char *sql, const char *param, struct buf *into)
{
    struct buf error;
    buf_init(&error);
    int failed = pg_ask(o->postgres, "cellcastctl", sql, param, into, &error);
    if (failed < 0)
        ctl_say("%s%s", without_context(&error), failed == -ENOTCONN ? " (--postgres says where the database is)" : "");
    buf_fini(&error);
    return failed < 0 ? -1 : 0;
}

/* ---- apply */

static int read_file(const char *path, struct buf *into)
{
    char part[65536];
    size_t n;
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!f)
        return ctl_say("%s: %s", path, strerror(errno));
    while ((n = fread(part, 1, sizeof part, f)) > 0 && into->n <= FILE_MAX)
        buf_append(into, part, n);
    bool failed = ferror(f);
    if (f != stdin)
        fclose(f);
    if (failed)
        return ctl_say("%s can't be read", path);
    if (into->n > FILE_MAX)
        return ctl_say("%s is larger than %d bytes", path, FILE_MAX);
    return CTL_DONE;
}

static int apply_text(const struct ctl_options *o, const char *path, struct bytes text)
{
    struct buf checked, faults, version;
    int code = CTL_FAILED;
    buf_init(&checked);
    buf_init(&faults);
    buf_init(&version);
    if (ctl_schema_check(text, &checked, &faults) < 0)
        ctl_say("%s is not applied:\n%.*s", path, (int)(faults.n - 1), faults.p);
    else if (ctl_ask_postgres(o, "SELECT cellcast.apply($1::json)::text", checked.p, &version) == 0) {
        printf("applied: configuration version %s\n", version.p);
        code = CTL_DONE;
    }
    buf_fini(&checked);
    buf_fini(&faults);
    buf_fini(&version);
    return code;
}

/* Beside tenant cellcast, which the schema brings along. -> 1, 0, or -1, said */
static int is_configured(const struct ctl_options *o)
{
    struct buf answer;
    buf_init(&answer);
    int there = ctl_ask_postgres(o,
                                 "SELECT (json_array_length(c->'cells') > 0 OR json_array_length(c->'tenants') > 1"
                                 " OR json_array_length(c->'api_keys') > 0)::text FROM cellcast.config() c",
                                 NULL, &answer);
    if (there == 0)
        there = answer.n && strcmp(answer.p, "true") == 0;
    buf_fini(&answer);
    return there;
}

int ctl_apply(const struct ctl_options *o, char *const *words)
{
    struct buf text;
    int there = o->if_none ? is_configured(o) : 0;
    if (there < 0)
        return CTL_FAILED;
    if (there) {
        printf("there is a configuration already: left as it is; %s is not applied\n", words[0]);
        return CTL_DONE;
    }
    buf_init(&text);
    int code = read_file(words[0], &text);
    if (code == CTL_DONE)
        code = apply_text(o, words[0], buf_bytes(&text));
    buf_fini(&text);
    return code;
}

/* ---- config */

json_t *ctl_ask_config(const struct ctl_options *o)
{
    struct buf text;
    buf_init(&text);
    int failed = ctl_ask_postgres(o, "SELECT cellcast.config()::text", NULL, &text);
    json_t *root = failed ? NULL : json_loadb(text.p, text.n, 0, NULL);
    if (!root && !failed)
        ctl_say("PostgreSQL's answer is no JSON");
    buf_fini(&text);
    return root;
}

void ctl_print_json(const json_t *root)
{
    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
}

int ctl_config(const struct ctl_options *o, char *const *words)
{
    json_t *root = ctl_ask_config(o);
    if (!root)
        return CTL_FAILED;
    ctl_print_json(root);
    json_decref(root);
    return CTL_DONE;
}

/* ---- lane */

int ctl_lane(const struct ctl_options *o, char *const *words)
{
    struct buf full;
    if (!*words[1] || words[1][strspn(words[1], "0123456789")] || strlen(words[1]) > 9) {
        ctl_say("lane CHANNEL NUMBER");
        return CTL_USAGE;
    }
    json_t *asked = json_pack("{s:s, s:i}", "channel", words[0], "lane", atoi(words[1]));
    char *text = json_dumps(asked, 0);
    buf_init(&full);
    int failed = ctl_ask_postgres(o, "SELECT cellcast.set_lane($1::json->>'channel', ($1::json->>'lane')::integer)", text, &full);
    if (!failed)
        printf("%s: lane %s\n", full.p, words[1]);
    free(text);
    json_decref(asked);
    buf_fini(&full);
    return failed ? CTL_FAILED : CTL_DONE;
}

/* ---- scale */

int ctl_scale(const struct ctl_options *o, char *const *words)
{
    char path[128];
    bool known = strcmp(words[0], "gateways") == 0 || strcmp(words[0], "workers") == 0;
    if (!known || words[1][strspn(words[1], "0123456789")] || strlen(words[1]) > 9) {
        ctl_say("scale gateways N, or scale workers N");
        return CTL_USAGE;
    }
    snprintf(path, sizeof path, "/scale?%s=%s", words[0], words[1]);
    return ctl_order(o, path);
}

/* ---- shards */

#define LOOK_MS 100 /* between two looks whether they have come */

/* -> CTL_DONE when it leads all that it was told to, CTL_FAILED, said, or -EAGAIN */
static int ask_sequencer(const struct ctl_options *o, const char *admin, const char *method, const char *path)
{
    struct buf answer, error;
    int code = CTL_FAILED;
    buf_init(&answer);
    buf_init(&error);
    int status = ctl_http(method, admin, path, o->timeout, &answer, &error);
    json_t *root = status == 200 ? json_loadb(answer.p, answer.n, 0, NULL) : NULL;
    const char *led = json_string_value(json_object_get(root, "led"));
    const char *claimed = json_string_value(json_object_get(root, "claimed"));
    if (status < 0)
        ctl_say("%s", error.p);
    else if (!led || !claimed)
        ctl_say("the sequencer refuses: %s", answer.n ? answer.p : "no reason given");
    else if (*claimed)
        code = -EAGAIN;
    else
        code = CTL_DONE;
    if (code == CTL_DONE)
        printf("%s leads shards %s\n", admin, led);
    json_decref(root);
    buf_fini(&answer);
    buf_fini(&error);
    return code;
}

int ctl_shards(const struct ctl_options *o, char *const *words)
{
    char path[300];
    if (!*words[1] || words[1][strspn(words[1], "0123456789,-")] || strlen(words[1]) > 255) {
        ctl_say("shards SEQUENCER-ADMIN 0-31,40");
        return CTL_USAGE;
    }
    snprintf(path, sizeof path, "/shards?take=%s", words[1]);
    int code = ask_sequencer(o, words[0], "POST", path);
    for (int64_t left_ms = o->timeout; code == -EAGAIN && left_ms > 0; left_ms -= LOOK_MS) {
        usleep(LOOK_MS * 1000);
        code = ask_sequencer(o, words[0], "GET", "/shards");
    }
    return code == -EAGAIN ? ctl_say("not all of them have come yet; the sequencer goes on asking for them") : code;
}

/* ---- epoch */

int ctl_epoch(const struct ctl_options *o, char *const *words)
{
    struct buf epoch;
    if (strcmp(words[0], "bump") != 0) {
        ctl_say("epoch bump");
        return CTL_USAGE;
    }
    buf_init(&epoch);
    int failed = ctl_ask_postgres(o, "SELECT cellcast.epoch_bump()::text", NULL, &epoch);
    if (!failed)
        printf("epoch %s\n", epoch.p);
    buf_fini(&epoch);
    return failed ? CTL_FAILED : CTL_DONE;
}
