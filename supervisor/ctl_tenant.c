/* cellcastctl cell, tenant: the cells, which of them serve a tenant, and moving it to others (decision 21). Everything is done by PostgreSQL and
 * the supervisors; here it is asked for and watched, so that whoever ends this program in between changes nothing. */
#include "ctl.h"
#include "spread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 200 /* between two looks */
#define CELLS_MAX 1024 /* to choose from */

static const char move_sql[] = "SELECT cellcast.tenant_move($1::json->>'tenant', ARRAY("
                               "SELECT json_array_elements_text($1::json->'to')))::text";
static const char where_sql[] = "SELECT cellcast.tenant_where($1)::text";
static const char cells_sql[] = "SELECT string_agg(name, ',' ORDER BY name) FROM cellcast.cell";
static const char cancel_sql[] = "SELECT cellcast.tenant_move_cancel($1)::text";

static const char *text(const json_t *object, const char *name)
{
    const char *s = json_string_value(json_object_get(object, name));
    return s ? s : "";
}

/* -> where it is, the caller's; NULL, said */
static json_t *look(const struct ctl_options *o, const char *tenant)
{
    struct buf answer = {0};
    json_t *where = NULL;
    if (ctl_ask_postgres(o, where_sql, tenant, &answer) == 0) {
        where = answer.n ? json_loadb(answer.p, answer.n, 0, NULL) : NULL;
        if (!where)
            ctl_say("there is no tenant %s", tenant);
        ctl_to_plain(where);
    }
    buf_fini(&answer);
    return where;
}

/* Its cells in that state, each with a comma before the next one; state NULL: all, with their state. */
static void put_cells(const json_t *where, const char *state, struct buf *into)
{
    const json_t *cell;
    size_t i;
    json_array_foreach(json_object_get(where, "cells"), i, cell)
    {
        if (state && strcmp(text(cell, "state"), state) != 0)
            continue;
        buf_printf(into, "%s%s%s%s", into->n ? ", " : "", text(cell, "name"), state ? "" : " ", state ? "" : text(cell, "state"));
    }
}

static void tell(const char *tenant, const json_t *where)
{
    struct buf cells = {0};
    put_cells(where, NULL, &cells);
    printf("%s: %s\n", tenant, cells.n ? cells.p : "no cell serves it");
    fflush(stdout);
    buf_fini(&cells);
}

/* ---- move */

/* -> how many; they point into copy. */
static size_t split(char *copy, struct bytes cells[CELLS_MAX])
{
    char *rest, *cell;
    size_t n = 0;
    for (cell = strtok_r(copy, ",", &rest); cell && n < CELLS_MAX; cell = strtok_r(NULL, ",", &rest))
        cells[n++] = bytes_str(cell);
    return n;
}

static int begin(const struct ctl_options *o, const char *tenant, const struct bytes *cells, size_t n)
{
    struct buf answer = {0};
    json_t *to = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(to, json_stringn(cells[i].p, cells[i].n));
    json_t *question = json_pack("{s:s,s:o}", "tenant", tenant, "to", to);
    char *param = json_dumps(question, 0);
    int code = ctl_ask_postgres(o, move_sql, param, &answer) == 0 ? CTL_DONE : CTL_FAILED;
    free(param);
    json_decref(question);
    buf_fini(&answer);
    return code;
}

static void put_silence(const json_t *cell, struct buf *into)
{
    const json_t *seen = json_object_get(cell, "seen_s_ago");
    buf_printf(into, "%s%s, ", into->n ? "; " : "", text(cell, "name"));
    if (json_is_number(seen))
        buf_printf(into, "whose supervisor was last heard of %.0f s ago", json_number_value(seen));
    else
        buf_append_str(into, "whose supervisor has never been heard of");
}

/* -> CTL_FAILED, said; CTL_DONE: it has taken its turn meanwhile */
static int give_up(const struct ctl_options *o, const char *tenant, const json_t *where)
{
    struct buf answer = {0}, silent = {0}, stays = {0};
    const json_t *cell;
    size_t i;
    int code = ctl_ask_postgres(o, cancel_sql, tenant, &answer) == 0 ? CTL_DONE : CTL_FAILED;
    if (code == CTL_DONE && answer.n && strcmp(answer.p, "true") == 0) {
        json_array_foreach(json_object_get(where, "cells"), i, cell) if (strcmp(text(cell, "state"), "joining") == 0)
            put_silence(cell, &silent);
        put_cells(where, "live", &stays);
        code = ctl_say("no message has gone the whole way of the new cell in %lld s: %s. The move is taken back, %s stays in %s",
                       (long long)o->patience / 1000, silent.n ? silent.p : "", tenant, stays.n ? stays.p : "no cell");
    }
    buf_fini(&answer);
    buf_fini(&silent);
    buf_fini(&stays);
    return code;
}

static bool is_in_state(const json_t *where, const char *state)
{
    struct buf cells = {0};
    put_cells(where, state, &cells);
    bool any = cells.n > 0;
    buf_fini(&cells);
    return any;
}

/* What is left to be seen, in the order in which it happens. */
enum stage { STAGE_JOINING, STAGE_LEAVING, STAGE_DONE };

static enum stage stage_of(const json_t *where)
{
    if (!json_is_null(json_object_get(where, "moving_to")))
        return STAGE_JOINING;
    return is_in_state(where, "leaving") ? STAGE_LEAVING : STAGE_DONE;
}

static bool is_live_in(const json_t *where, struct bytes name)
{
    const json_t *cell;
    size_t i;
    json_array_foreach(json_object_get(where, "cells"), i, cell) if (bytes_is(name, text(cell, "name")))
        return strcmp(text(cell, "state"), "live") == 0;
    return false;
}

/* Somebody else may cancel the move, order another one, or apply a file. -> CTL_DONE, CTL_FAILED, said */
static int check_arrival(const char *tenant, const json_t *where, const struct bytes *cells, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_live_in(where, cells[i]))
            return ctl_say("the move has been taken back, or another order has followed: %s is not live in %.*s", tenant,
                           BYTES_FMT(cells[i]));
    return CTL_DONE;
}

/* Until the new cells are live; with --watch until the last client has left the old ones. */
static int follow(const struct ctl_options *o, const char *tenant, const struct bytes *cells, size_t n)
{
    int64_t left_ms = o->patience;
    int told = -1;
    for (;;) {
        json_t *where = look(o, tenant);
        enum stage stage = where ? stage_of(where) : STAGE_DONE;
        if (where && (int)stage != told)
            tell(tenant, where);
        told = (int)stage;
        int code = !where ? CTL_FAILED : CTL_DONE;
        bool late = where && stage == STAGE_JOINING && left_ms <= 0;
        if (late)
            code = give_up(o, tenant, where);
        if (where && stage != STAGE_JOINING)
            code = check_arrival(tenant, where, cells, n);
        json_decref(where);
        if (code != CTL_DONE || stage == STAGE_DONE || (stage == STAGE_LEAVING && !o->watch))
            return code;
        usleep(LOOK_MS * 1000);
        left_ms -= LOOK_MS;
    }
}

static int move(const struct ctl_options *o, const char *tenant)
{
    if (!o->to[0]) {
        ctl_say("tenant move %s --to=CELL,…", tenant);
        return CTL_USAGE;
    }
    struct bytes cells[CELLS_MAX];
    char copy[1025]; /* --to is not longer */
    snprintf(copy, sizeof copy, "%s", o->to);
    size_t n = split(copy, cells);
    int code = begin(o, tenant, cells, n);
    return code == CTL_DONE ? follow(o, tenant, cells, n) : code;
}

/* ---- spread */

/* Appends those to choose from. -> 0, or -1, said */
static int put_candidates(const struct ctl_options *o, struct buf *into)
{
    if (!o->to[0])
        return ctl_ask_postgres(o, cells_sql, NULL, into);
    buf_append_str(into, o->to);
    return 0;
}

static int spread(const struct ctl_options *o, const char *tenant)
{
    struct buf names = {0};
    struct bytes cells[CELLS_MAX];
    int code = CTL_FAILED;
    if (put_candidates(o, &names) < 0)
        return code;
    size_t n = names.n ? split(names.p, cells) : 0, wanted = (size_t)o->cells;
    spread_order(bytes_str(tenant), cells, n);
    if (n < wanted)
        ctl_say("--cells=%zu: there are %zu to choose from", wanted, n);
    else
        code = begin(o, tenant, cells, wanted);
    if (code == CTL_DONE)
        code = follow(o, tenant, cells, wanted);
    buf_fini(&names);
    return code;
}

/* ---- cancel, show, map */

static int cancel(const struct ctl_options *o, const char *tenant)
{
    struct buf answer = {0};
    int code = ctl_ask_postgres(o, cancel_sql, tenant, &answer) == 0 ? CTL_DONE : CTL_FAILED;
    if (code == CTL_DONE && strcmp(answer.n ? answer.p : "", "true") != 0)
        code = ctl_say("no move of %s can be taken back: its new cells serve it, or it was not moving", tenant);
    buf_fini(&answer);
    return code;
}

static int show(const struct ctl_options *o, const char *tenant)
{
    json_t *where = look(o, tenant);
    if (where)
        tell(tenant, where);
    json_decref(where);
    return where ? CTL_DONE : CTL_FAILED;
}

int ctl_cell(const struct ctl_options *o, char *const *words)
{
    struct buf answer = {0};
    if (strcmp(words[0], "add") != 0) {
        ctl_say("cell add NAME");
        return CTL_USAGE;
    }
    int code = ctl_ask_postgres(o, "SELECT cellcast.cell_add($1)::text", words[1], &answer) == 0 ? CTL_DONE : CTL_FAILED;
    buf_fini(&answer);
    return code;
}

static int print_map(const struct ctl_options *o)
{
    struct buf answer = {0};
    int code = ctl_ask_postgres(o, "SELECT cellcast.tenant_map()", NULL, &answer) == 0 ? CTL_DONE : CTL_FAILED;
    if (code == CTL_DONE && answer.n)
        puts(answer.p);
    buf_fini(&answer);
    return code;
}

int ctl_tenant(const struct ctl_options *o, char *const *words)
{
    static const struct {
        const char *name;
        int (*run)(const struct ctl_options *o, const char *tenant);
    } all[] = {{"move", move}, {"spread", spread}, {"cancel", cancel}, {"show", show}};
    if (strcmp(words[0], "map") == 0 && !words[1])
        return print_map(o);
    for (size_t i = 0; words[1] && i < sizeof all / sizeof *all; i++)
        if (strcmp(words[0], all[i].name) == 0)
            return all[i].run(o, words[1]);
    ctl_say("tenant move|spread|cancel|show TENANT, or tenant map");
    return CTL_USAGE;
}
