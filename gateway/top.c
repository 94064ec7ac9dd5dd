#include "top.h"

#include "call.h"
#include "connection.h"
#include "pace.h"
#include "tenant.h"

#include "core/clock.h"
#include "core/json.h"

#include <assert.h>
#include <stdlib.h>

struct row {
    struct bytes name, user;
    double deliveries, bytes; /* per second */
    uint32_t listeners, behind;
    const struct tenant *tenant; /* whose row it is; of a channel or connection NULL */
    bool is_tenant;
    double publishes, refused; /* of a tenant, per second */
    uint32_t connections, late;
};

struct rows {
    struct row *items;
    size_t n;
};

static struct row *add(struct rows *rows, struct pace *pace, uint32_t at_ms)
{
    struct row *r = &rows->items[rows->n++];
    pace_age(pace, at_ms);
    *r = (struct row){.deliveries = pace->deliveries / PACE_S, .bytes = pace->bytes / PACE_S};
    return r;
}

static void rows_init(struct rows *rows, size_t most)
{
    *rows = (struct rows){.items = malloc((most + 1) * sizeof *rows->items)};
    assert(rows->items);
}

/* ---- what is behind */

static int by_address(const void *a, const void *b)
{
    const struct channel *x = *(struct channel *const *)a, *y = *(struct channel *const *)b;
    return (x > y) - (x < y);
}

/* The channels of subscriptions that are behind at slow clients, one entry for each, sorted. */
static size_t channels_behind(const struct gateway *g, const struct channel ***ret)
{
    size_t n = 0, most = 0;
    const struct connection *c;
    list_for_each(c, &g->slow, talking)
        most += c->n_subs;
    const struct channel **all = malloc((most + 1) * sizeof *all);
    assert(all);
    list_for_each(c, &g->slow, talking)
        for (uint32_t i = 0; i < c->n_subs; i++)
            if (sub_is_behind(c->subs[i]))
                all[n++] = c->subs[i]->channel;
    qsort(all, n, sizeof *all, by_address);
    *ret = all;
    return n;
}

static uint32_t count_behind(const struct channel *const *all, size_t n, const struct channel *c)
{
    const struct channel *const *one = n ? bsearch(&c, all, n, sizeof *all, by_address) : NULL, *const *last = one;
    if (!one)
        return 0;
    while (one > all && one[-1] == c)
        one--;
    while (last + 1 < all + n && last[1] == c)
        last++;
    return (uint32_t)(last - one + 1);
}

/* ---- rows */

static void collect_channels(struct gateway *g, struct rows *rows)
{
    struct channel *c;
    const struct channel **behind;
    size_t n = channels_behind(g, &behind);
    rows_init(rows, g->channels.count);
    map_for_each(c, &g->channels, by_name)
    {
        struct row *r = add(rows, &c->pace, gateway_now_ms(g));
        r->name = channel_full(c);
        r->listeners = c->n_subs;
        r->behind = count_behind(behind, n, c);
    }
    free(behind);
}

static void collect_connections(struct gateway *g, struct rows *rows)
{
    struct connection *c;
    rows_init(rows, g->n_connections);
    list_for_each(c, &g->connections, all)
    {
        if (!connection_is_open(c))
            continue;
        struct row *r = add(rows, &c->pace, gateway_now_ms(g));
        r->name = connection_client(c);
        r->user = connection_user(c);
        r->listeners = c->n_subs;
        for (uint32_t i = 0; c->blocked && i < c->n_subs; i++)
            r->behind += sub_is_behind(c->subs[i]);
    }
}

static int by_name(const void *a, const void *b)
{
    return bytes_order(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static uint32_t count_late(const struct budget *b)
{
    const struct channel *c;
    uint32_t n = 0;
    list_for_each (c, &b->late, dirty.turn)
        n++;
    return n;
}

static void add_budgets(struct gateway *g, struct rows *rows)
{
    const struct budget *b;
    rows->items = realloc(rows->items, (rows->n + g->budgets.all.count + 1) * sizeof *rows->items);
    assert(rows->items);
    map_for_each (b, &g->budgets.all, by_tenant)
        rows->items[rows->n++] = (struct row){.name = b->tenant,
                                              .publishes = b->published.rate,
                                              .refused = b->refused.rate,
                                              .connections = b->connections,
                                              .late = count_late(b)};
}

/* The channels' rows, put together by what stands before their slash, and their budgets. */
static void collect_tenants(struct gateway *g, struct rows *rows)
{
    collect_channels(g, rows);
    for (size_t i = 0; i < rows->n; i++) {
        const char *name = rows->items[i].name.p;
        rows->items[i].name.n = (size_t)((const char *)memchr(name, '/', rows->items[i].name.n) - name);
    }
    add_budgets(g, rows);
    for (size_t i = 0; i < rows->n; i++)
        rows->items[i].is_tenant = true;
    qsort(rows->items, rows->n, sizeof *rows->items, by_name);
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        struct row *tenant = n ? &rows->items[n - 1] : NULL, *one = &rows->items[i];
        if (!tenant || !bytes_equal(tenant->name, one->name)) {
            rows->items[n++] = *one;
            continue;
        }
        tenant->deliveries += one->deliveries;
        tenant->bytes += one->bytes;
        tenant->listeners += one->listeners;
        tenant->behind += one->behind;
        tenant->publishes += one->publishes;
        tenant->refused += one->refused;
        tenant->connections += one->connections;
        tenant->late += one->late;
    }
    rows->n = n;
    for (size_t i = 0; i < n; i++)
        rows->items[i].tenant = tenant_find(g, rows->items[i].name);
}

/* ---- orders */

#define MORE_FIRST(field)                                                                                    \
    static int by_##field(const void *a, const void *b)                                                      \
    {                                                                                                        \
        const struct row *x = a, *y = b;                                                                     \
        return x->field == y->field ? by_name(a, b) : x->field < y->field ? 1 : -1;                          \
    }
MORE_FIRST(deliveries)
MORE_FIRST(bytes)
MORE_FIRST(behind)
MORE_FIRST(connections)
MORE_FIRST(publishes)
MORE_FIRST(refused)
MORE_FIRST(late)

static const struct {
    const char *word;
    void (*collect)(struct gateway *g, struct rows *rows);
} whats[] = {{"channels", collect_channels}, {"connections", collect_connections}, {"tenants", collect_tenants}};

static const struct {
    const char *word;
    int (*order)(const void *a, const void *b);
} bys[] = {{"deliveries", by_deliveries}, {"bytes", by_bytes}, {"behind", by_behind},
         {"connections", by_connections}, {"publishes", by_publishes}, {"refused", by_refused}, {"late", by_late}};

#define FIND(table, given)                                                                                   \
    ({                                                                                                       \
        size_t i_ = 0;                                                                                       \
        while (i_ < sizeof table / sizeof *table && !bytes_is(given, table[i_].word))                        \
            i_++;                                                                                            \
        i_ < sizeof table / sizeof *table ? &table[i_] : NULL;                                               \
    })

static void put_row(struct buf *into, const struct row *r)
{
    buf_append_str(into, "{\"name\":");
    json_append_string(into, r->name);
    buf_append_str(into, ",\"user\":");
    json_append_string(into, r->user);
    buf_printf(into, ",\"deliveries\":%.1f,\"bytes\":%.1f,\"listeners\":%u,\"behind\":%u", r->deliveries, r->bytes,
               r->listeners, r->behind);
    if (r->is_tenant)
        buf_printf(into, ",\"connections\":%u,\"publishes\":%.1f,\"refused\":%.1f,\"late\":%u", r->connections,
                   r->publishes, r->refused, r->late);
    if (r->tenant)
        buf_printf(into, ",\"weight\":%u,\"busy\":%u,\"slowed\":%u", r->tenant->turn.weight, r->tenant->noise.share,
                   r->tenant->noise.noisy);
    buf_append_char(into, '}');
}

void top_answer(struct gateway *g, struct bytes question, struct buf *into)
{
    const char *slash = question.n ? memchr(question.p, '/', question.n) : NULL;
    size_t n = slash ? (size_t)(slash - question.p) : question.n;
    const __typeof__(*whats) *what = FIND(whats, bytes_of(question.p, n));
    const __typeof__(*bys) *by = slash ? FIND(bys, bytes_of(slash + 1, question.n - n - 1)) : NULL;
    struct rows rows;
    if (!what || !by) {
        call_answer_error(into);
        return;
    }
    what->collect(g, &rows);
    qsort(rows.items, rows.n, sizeof *rows.items, by->order);
    buf_append_str(into, "{\"rows\":[");
    for (size_t i = 0; i < rows.n && i < TOP_ROWS; i++) {
        buf_append_str(into, i ? "," : "");
        put_row(into, &rows.items[i]);
    }
    buf_append_str(into, "]}");
    free(rows.items);
}
