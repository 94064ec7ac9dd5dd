/* Many gateways' answers made into one: declared in call.h. */
#include "call.h"

#include "core/json.h"

#include <assert.h>
#include <stdlib.h>

/* The next answer that can be used. -> 1, 0 at the end, -1 when one is broken or says that it
 * failed */
static int next_answer(struct bytes *answers, struct bytes *ret_body)
{
    struct ctl_answer answer;
    int more = wire_next_ctl_answer(answers, &answer);
    if (more <= 0)
        return more;
    if (json_check(answer.body, JSON_DEPTH_MAX, NULL) < 0 ||
        json_type(answer.body) != JSON_OBJECT || json_member(answer.body, "error").n)
        return -1;
    *ret_body = answer.body;
    return 1;
}

uint32_t call_merge_count(uint32_t asked, struct bytes answers, uint64_t *ret_count)
{
    struct bytes body;
    uint64_t sum = 0, count;
    uint32_t seen = 0;
    int more;
    while ((more = next_answer(&answers, &body)) > 0) {
        if (!json_u64(json_member(body, "count"), &count))
            return 100;
        sum += count;
        seen++;
    }
    if (more < 0 || seen == 0 || seen < asked)
        return 100;
    *ret_count = sum;
    return 0;
}

/* ---- channels */

static bool is_full(struct bytes body)
{
    return json_type(json_member(body, "full")) == JSON_TRUE;
}

struct row {
    struct map_node by_key; /* struct rows::map */
    struct row *next;       /* in order of appearance */
    struct bytes key;       /* the name as JSON, quotes and escapes included: one encoder wrote them all */
    struct bytes name;      /* the full name; points behind the struct */
    uint64_t num_clients;
};

struct rows {
    struct map map; /* struct row::by_key */
    struct row *first, **last;
    const struct row *end; /* a gateway has more behind it; NULL: none has */
    struct buf scratch;
};

static struct row *add_row(struct rows *rows, struct bytes key, uint64_t num_clients)
{
    struct row *row = map_find_bytes(&rows->map, key, struct row, by_key, key);
    if (row) {
        row->num_clients += num_clients;
        return row;
    }
    buf_clear(&rows->scratch);
    if (json_string(key, &rows->scratch) < 0)
        return NULL;
    row = calloc(1, sizeof *row + rows->scratch.n);
    assert(row);
    row->key = key;
    row->name = bytes_of(memcpy(row + 1, rows->scratch.p, rows->scratch.n), rows->scratch.n);
    row->num_clients = num_clients;
    map_insert(&rows->map, &row->by_key, hash_bytes(key));
    *rows->last = row;
    rows->last = &row->next;
    return row;
}

/* -> 0, 100, 106 */
static uint32_t add_answer(struct rows *rows, struct bytes body)
{
    struct json_iter it;
    struct bytes channels = json_member(body, "channels"), key, value;
    const struct row *last = NULL;
    uint64_t num_clients;
    if (is_full(body))
        return 106;
    if (json_type(channels) != JSON_OBJECT)
        return 100;
    json_object_each (&it, channels, &key, &value) {
        if (!json_u64(json_member(value, "num_clients"), &num_clients) || !(last = add_row(rows, key, num_clients)))
            return 100;
    }
    bool more = last && json_type(json_member(body, "more")) == JSON_TRUE;
    if (more && (!rows->end || bytes_order(last->name, rows->end->name) < 0))
        rows->end = last;
    return 0;
}

static uint32_t add_answers(struct rows *rows, uint32_t asked, struct bytes answers)
{
    struct bytes body;
    uint32_t seen = 0, code;
    int more;
    while ((more = next_answer(&answers, &body)) > 0) {
        code = add_answer(rows, body);
        if (code)
            return code;
        seen++;
    }
    return more < 0 || seen == 0 || seen < asked ? 100 : 0;
}

static int compare_rows(const void *a, const void *b)
{
    return bytes_order((*(const struct row *const *)a)->name, (*(const struct row *const *)b)->name);
}

/* The caller frees it; the rows stay. */
static const struct row **list_rows(const struct rows *rows, bool sorted)
{
    const struct row **all = malloc((rows->map.count + 1) * sizeof *all);
    size_t n = 0;
    assert(all);
    for (const struct row *row = rows->first; row; row = row->next)
        all[n++] = row;
    if (sorted)
        qsort(all, n, sizeof *all, compare_rows);
    return all;
}

static void print_row(const struct row *row, const struct config *config, const struct config_tenant *asker, struct buf *into)
{
    json_append_string(into, config_spelling(config, asker, row->name));
    buf_append_str(into, ":{\"num_clients\":");
    buf_append_u64(into, row->num_clients);
    buf_append_char(into, '}');
}

/* With a limit in order, and not past the last one of a gateway that has more: its next may be the next of all. */
static void print_rows(const struct rows *rows, const struct config *config, const struct config_tenant *asker, uint32_t limit,
                       struct buf *into)
{
    const struct row **all = list_rows(rows, limit > 0), *last = NULL;
    size_t n = 0, count = rows->map.count;
    buf_append_str(into, "{\"channels\":{");
    while (n < count && (limit == 0 || (n < limit && (n == 0 || last != rows->end)))) {
        last = all[n];
        if (n++)
            buf_append_char(into, ',');
        print_row(last, config, asker, into);
    }
    buf_append_char(into, '}');
    if (limit && last && (n < count || rows->end)) {
        buf_append_str(into, ",\"next\":");
        json_append_string(into, last->name);
    }
    buf_append_char(into, '}');
    free(all);
}

uint32_t call_merge_channels(const struct config *config, const struct config_tenant *asker, uint32_t asked,
                             struct bytes answers, uint32_t limit, struct buf *into)
{
    struct rows rows = {0};
    rows.last = &rows.first;
    map_init(&rows.map);
    uint32_t code = add_answers(&rows, asked, answers);
    if (code == 0)
        print_rows(&rows, config, asker, limit, into);
    for (struct row *row = rows.first, *next; row; row = next) {
        next = row->next;
        free(row);
    }
    map_fini(&rows.map);
    buf_fini(&rows.scratch);
    return code;
}

/* ---- connections */

struct listed {
    struct bytes client, connection; /* as JSON; the client with its quotes */
    bool more; /* its gateway has others behind it */
};
struct listing {
    struct listed *items;
    size_t n, cap;
};

static int compare_listed(const void *a, const void *b)
{
    return bytes_order(((const struct listed *)a)->client, ((const struct listed *)b)->client);
}

static void list(struct listing *l, struct bytes body)
{
    struct json_iter it;
    struct bytes client, connection;
    size_t before = l->n;
    json_object_each (&it, json_member(body, "connections"), &client, &connection) {
        if (l->n == l->cap) {
            l->cap = l->cap ? 2 * l->cap : 64;
            l->items = realloc(l->items, l->cap * sizeof *l->items);
            assert(l->items);
        }
        l->items[l->n++] = (struct listed){client, connection, false};
    }
    if (l->n > before)
        l->items[l->n - 1].more = json_type(json_member(body, "more")) == JSON_TRUE;
}

/* In order, up to the limit, and not past the last one of a gateway that has more: its next may be the next of all. */
static void print_listing(const struct listing *l, uint32_t limit, struct buf *into)
{
    size_t n = 0;
    bool more = false;
    buf_append_str(into, "{\"connections\":{");
    while (n < l->n && n < limit && !more) {
        const struct listed *one = &l->items[n++];
        if (n > 1)
            buf_append_char(into, ',');
        buf_append_bytes(into, one->client);
        buf_append_char(into, ':');
        json_append_line(into, one->connection);
        more = one->more;
    }
    buf_append_char(into, '}');
    if (n && (more || n < l->n)) {
        buf_append_str(into, ",\"next\":");
        buf_append_bytes(into, l->items[n - 1].client);
    }
    buf_append_char(into, '}');
}

uint32_t call_merge_connections(uint32_t asked, struct bytes answers, uint32_t limit, struct buf *into)
{
    struct listing all = {0};
    struct bytes body;
    uint32_t seen = 0;
    int more;
    bool full = false;
    while ((more = next_answer(&answers, &body)) > 0) {
        full |= is_full(body);
        list(&all, body);
        seen++;
    }
    uint32_t code = more < 0 || seen == 0 || seen < asked ? 100 : full ? 106 : 0;
    if (all.n)
        qsort(all.items, all.n, sizeof *all.items, compare_listed);
    if (code == 0)
        print_listing(&all, limit, into);
    free(all.items);
    return code;
}

/* ---- info */

static void put_missing(struct bytes missing, struct buf *into)
{
    struct cell_name cell;
    for (int n = 0; wire_next_cell_name(&missing, &cell) > 0; n++) {
        buf_append_str(into, n ? "," : ",\"missing\":[");
        json_append_string(into, cell.name);
    }
}

uint32_t call_merge_info(struct bytes answers, struct bytes missing, struct buf *into)
{
    struct ctl_answer answer;
    size_t start = into->n, nodes = 0;
    buf_append_str(into, "{\"nodes\":");
    while (wire_next_ctl_answer(&answers, &answer) > 0) {
        if (json_check(answer.body, JSON_DEPTH_MAX, NULL) < 0)
            continue;
        struct bytes node = json_member(answer.body, "node");
        if (json_type(node) != JSON_OBJECT)
            continue;
        buf_append_char(into, nodes++ ? ',' : '[');
        json_append_line(into, node);
    }
    if (nodes == 0) {
        into->n = start;
        return 100;
    }
    buf_append_char(into, ']');
    put_missing(missing, into);
    buf_append_str(into, missing.n ? "]}" : "}");
    return 0;
}
