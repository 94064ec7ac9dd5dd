#include "filter.h"

#include "decimal.h"
#include "gateway.h"
#include "tags.h"

#include "core/json.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define REMEMBERED 8 /* publications; a burst is walked subscriber by subscriber */

enum needs { NEEDS_NODES, NEEDS_NODE, NEEDS_VAL, NEEDS_VALS, NEEDS_NOTHING };

#define KINDS(K)                                                                                                       \
    K(AND, "and", NODES) K(OR, "or", NODES) K(NOT, "not", NODE) K(EQ, "eq", VAL) K(NEQ, "neq", VAL) K(IN, "in", VALS)   \
    K(NIN, "nin", VALS) K(EX, "ex", NOTHING) K(NEX, "nex", NOTHING) K(SW, "sw", VAL) K(EW, "ew", VAL) K(CT, "ct", VAL) \
    K(LT, "lt", VAL) K(LTE, "lte", VAL) K(GT, "gt", VAL) K(GTE, "gte", VAL)

enum kind {
#define K(kind, text, needs) KIND_##kind,
    KINDS(K)
#undef K
    N_KINDS
};

static const struct {
    const char *text;
    enum needs needs;
} kinds[] = {
#define K(kind, text, needs) {text, NEEDS_##needs},
    KINDS(K)
#undef K
};

/* A tree, each node in front of its children. */
struct node {
    enum kind kind;
    uint32_t end;        /* index of what stands behind it and its children */
    uint64_t hash;       /* of key */
    struct bytes key, val;
    uint32_t vals, n_vals; /* struct filter::vals */
};

struct judged {
    uint64_t id;
    bool passes;
};

struct filter {
    struct map_node by_text; /* struct gateway::filters */
    struct bytes text;       /* in words */
    uint32_t refs;
    struct judged judged[REMEMBERED];
    struct buf words;        /* the text, and what was decoded of it */
    struct bytes *vals;
    uint32_t n_vals;
    uint32_t n;
    struct node nodes[];
};

/* ---- reading */

struct reader {
    struct filter *filter;
    const struct filter_bounds *most;
    const char *why;
};

static int refuse(struct reader *r, const char *why)
{
    r->why = why;
    return -EBADMSG;
}

/* Decoded text is no longer than its JSON: there is room. Absent and null are empty. */
static int read_text(struct reader *r, struct bytes value, struct bytes *ret)
{
    struct buf *words = &r->filter->words;
    size_t start = words->n;
    if (value.n == 0 || json_type(value) == JSON_NULL)
        return 0;
    if (json_string(value, words) < 0)
        return refuse(r, "op, key, cmp and val are texts");
    *ret = bytes_of(words->p + start, words->n - start);
    return 0;
}

static int read_vals(struct reader *r, struct bytes array, struct node *n)
{
    struct filter *f = r->filter;
    struct json_iter it;
    struct bytes item;
    if (array.n == 0 || json_type(array) == JSON_NULL)
        return 0;
    if (json_type(array) != JSON_ARRAY)
        return refuse(r, "vals is an array of texts");
    n->vals = f->n_vals;
    json_array_each (&it, array, &item) {
        if (json_type(item) != JSON_STRING || read_text(r, item, &f->vals[f->n_vals]) < 0)
            return refuse(r, "vals is an array of texts");
        f->n_vals++;
        n->n_vals++;
    }
    return 0;
}

static bool find_kind(struct bytes text, bool leaf, enum kind *ret)
{
    for (enum kind k = 0; k < N_KINDS; k++) {
        if ((kinds[k].needs > NEEDS_NODE) != leaf || !bytes_is(text, kinds[k].text))
            continue;
        *ret = k;
        return true;
    }
    return false;
}

static int check_leaf(struct reader *r, const struct node *n)
{
    enum needs needs = kinds[n->kind].needs;
    if (n->key.n == 0)
        return refuse(r, "a comparison needs a key");
    if ((needs == NEEDS_VAL) != (n->val.n > 0))
        return refuse(r, "val is for eq, neq, sw, ew, ct, lt, lte, gt and gte, which need it");
    if ((needs == NEEDS_VALS) != (n->n_vals > 0))
        return refuse(r, "vals is for in and nin, which need it");
    return 0;
}

static int read_leaf(struct reader *r, struct bytes object, struct node *n)
{
    struct bytes cmp = {0};
    if (read_text(r, json_member(object, "key"), &n->key) < 0 || read_text(r, json_member(object, "cmp"), &cmp) < 0 ||
        read_text(r, json_member(object, "val"), &n->val) < 0 || read_vals(r, json_member(object, "vals"), n) < 0)
        return -EBADMSG;
    if (!find_kind(cmp, true, &n->kind))
        return refuse(r, "cmp is eq, neq, in, nin, ex, nex, sw, ew, ct, lt, lte, gt or gte");
    n->hash = hash_bytes(n->key);
    return check_leaf(r, n);
}

static int read_node(struct reader *r, struct bytes object, uint32_t depth);

static int read_children(struct reader *r, struct bytes array, struct node *n, uint32_t depth)
{
    struct json_iter it;
    struct bytes item;
    uint32_t children = 0;
    json_array_each (&it, array, &item) {
        if (read_node(r, item, depth + 1) < 0)
            return -EBADMSG;
        children++;
    }
    if (children == 0 || (kinds[n->kind].needs == NEEDS_NODE && children != 1))
        return refuse(r, "and and or have nodes, not has one");
    return 0;
}

static int read_node(struct reader *r, struct bytes object, uint32_t depth)
{
    struct filter *f = r->filter;
    struct bytes op = {0};
    if (json_type(object) != JSON_OBJECT)
        return refuse(r, "a node is an object");
    if (f->n == r->most->nodes)
        return refuse(r, "more nodes than --filter-nodes");
    if (depth > r->most->depth)
        return refuse(r, "deeper than --filter-depth");
    if (read_text(r, json_member(object, "op"), &op) < 0)
        return -EBADMSG;
    struct node *n = &f->nodes[f->n++];
    if (op.n && !find_kind(op, false, &n->kind))
        return refuse(r, "op is and, or, not or empty");
    int error = op.n ? read_children(r, json_member(object, "nodes"), n, depth) : read_leaf(r, object, n);
    n->end = f->n;
    return error;
}

/* As many as there can be: each of either takes some bytes of text. */
static struct filter *filter_alloc(struct bytes text, uint32_t nodes)
{
    uint32_t n = (uint32_t)(text.n / 2) + 1;
    struct filter *f = calloc(1, sizeof *f + (n < nodes ? n : nodes) * sizeof *f->nodes);
    assert(f);
    f->refs = 1;
    f->vals = calloc(n, sizeof *f->vals);
    assert(f->vals);
    buf_reserve(&f->words, 2 * text.n);
    buf_append_bytes(&f->words, text);
    f->text = buf_bytes(&f->words);
    return f;
}

/* Without what there was too much of. */
static struct filter *filter_fit(struct filter *f)
{
    f->vals = realloc(f->vals, (f->n_vals + 1) * sizeof *f->vals);
    f = realloc(f, sizeof *f + f->n * sizeof *f->nodes);
    assert(f && f->vals);
    return f;
}

int filter_new(struct bytes text, const struct filter_bounds *most, struct filter **ret, const char **ret_why)
{
    struct reader r = {.most = most};
    if (text.n > most->bytes) {
        *ret_why = "longer than --filter-bytes";
        return -EBADMSG;
    }
    r.filter = filter_alloc(text, most->nodes);
    if (read_node(&r, r.filter->text, 1) == 0) {
        *ret = filter_fit(r.filter);
        return 0;
    }
    *ret_why = r.why;
    filter_free(r.filter);
    return -EBADMSG;
}

void filter_free(struct filter *f)
{
    if (!f)
        return;
    buf_fini(&f->words);
    free(f->vals);
    free(f);
}

/* ---- judging */

static bool is_among(const struct filter *f, const struct node *n, struct bytes value)
{
    for (uint32_t i = 0; i < n->n_vals; i++)
        if (bytes_equal(f->vals[n->vals + i], value))
            return true;
    return false;
}

static bool is_ordered(const struct node *n, struct bytes value)
{
    struct decimal have, want;
    if (!decimal_read(value, &have) || !decimal_read(n->val, &want))
        return false;
    int order = decimal_compare(&have, &want);
    switch (n->kind) {
    case KIND_LT:
        return order < 0;
    case KIND_LTE:
        return order <= 0;
    case KIND_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool compares(const struct filter *f, const struct node *n, struct bytes value)
{
    struct bytes val = n->val;
    switch (n->kind) {
    case KIND_EQ:
        return bytes_equal(value, val);
    case KIND_NEQ:
        return !bytes_equal(value, val);
    case KIND_IN:
        return is_among(f, n, value);
    case KIND_NIN:
        return !is_among(f, n, value);
    case KIND_EX:
        return true;
    case KIND_NEX:
        return false;
    case KIND_SW:
        return bytes_starts(value, val);
    case KIND_EW:
        return value.n >= val.n && memcmp(value.p + value.n - val.n, val.p, val.n) == 0;
    case KIND_CT:
        return memmem(value.p, value.n, val.p, val.n) != NULL;
    default:
        return is_ordered(n, value);
    }
}

static bool leaf_passes(const struct filter *f, const struct node *n, const struct tags *t)
{
    const struct bytes *value = tags_find(t, n->key, n->hash);
    if (!value)
        return n->kind == KIND_NEQ || n->kind == KIND_NIN || n->kind == KIND_NEX;
    return compares(f, n, *value);
}

static bool node_passes(const struct filter *f, uint32_t at, const struct tags *t)
{
    const struct node *n = &f->nodes[at];
    if (kinds[n->kind].needs > NEEDS_NODE)
        return leaf_passes(f, n, t);
    for (uint32_t child = at + 1; child < n->end; child = f->nodes[child].end) {
        bool passes = node_passes(f, child, t);
        if (n->kind == KIND_NOT)
            return !passes;
        if (passes == (n->kind == KIND_OR))
            return passes;
    }
    return n->kind == KIND_AND;
}

bool filter_passes(struct filter *f, const struct tags *t)
{
    return node_passes(f, 0, t);
}

/* ---- a gateway's */

int filter_ref(struct gateway *g, struct bytes text, struct filter **ret, const char **ret_why)
{
    struct filter *f = map_find_bytes(&g->filters, text, struct filter, by_text, text);
    struct filter_bounds most = {.nodes = (uint32_t)g->options->filter_nodes,
                                 .depth = (uint32_t)g->options->filter_depth,
                                 .bytes = (size_t)g->options->filter_bytes};
    if (f) {
        f->refs++;
        *ret = f;
        return 0;
    }
    int error = filter_new(text, &most, &f, ret_why);
    if (error < 0)
        return error;
    map_insert(&g->filters, &f->by_text, hash_bytes(f->text));
    *ret = f;
    return 0;
}

void filter_unref(struct gateway *g, struct filter *f)
{
    if (!f || --f->refs)
        return;
    map_remove(&g->filters, &f->by_text);
    filter_free(f);
}

/* Ephemeral publications have no id to remember them by. */
static bool lets_through(struct filter *f, struct frame *frame)
{
    struct judged *j = &f->judged[frame->seq % REMEMBERED];
    if (frame->id == 0 || j->id != frame->id)
        *j = (struct judged){.id = frame->id, .passes = filter_passes(f, tags_of(frame))};
    return j->passes;
}

bool filter_pass_over(struct sub *s, struct frame *f)
{
    if (!f->removal && lets_through(s->extras->filter, f))
        return false;
    s->connection->gateway->metrics.filtered_total += !f->removal;
    sub_pass(s, f->seq);
    return true;
}
