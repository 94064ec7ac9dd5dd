#include "config.h"

#include "config_options.h"

#include "wire/option_bounds.h"
#include "wire/proxy_option.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct config {
    unsigned refs;
    json_t *root;          /* owns every text that a slice points to */
    struct map cells;      /* struct config_cell::by_name */
    struct map tenants;    /* struct config_tenant::by_name */
    struct map namespaces; /* struct config_namespace::by_name */
    struct map api_keys;   /* struct config_api_key::by_sha256 */
    struct jwks *jwks;
    struct texts proxy_headers; /* of all tenants; each in memory of its own */
    bool has_ephemeral;
    bool has_leaving;
};

/* Under construction: where it stands, for the reason. */
struct reader {
    struct config *config;
    struct bytes cell;
    struct buf *why;
};

static struct bytes text_member(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value))
                                 : bytes_of(NULL, 0);
}

static int refuse(struct reader *r, const char *what, struct bytes which, const char *reason)
{
    buf_printf(r->why, "%s \"%.*s\": %s", what, BYTES_FMT(which), reason);
    return -EBADMSG;
}

static bool is_among(struct bytes text, struct texts texts)
{
    for (size_t i = 0; i < texts.n; i++)
        if (bytes_equal(texts.items[i], text))
            return true;
    return false;
}

static const struct config_cell *find_cell(const struct config *c, struct bytes name)
{
    return map_find_bytes(&c->cells, name, struct config_cell, by_name, name);
}

static int read_cell(struct reader *r, json_t *from)
{
    struct bytes name = text_member(from, "name");
    const char *topic = json_string_value(json_object_get(from, "topic"));
    json_t *partitions = json_object_get(from, "partitions");
    if (name.n == 0 || find_cell(r->config, name))
        return refuse(r, "cell", name, "without a name, or there twice");
    if (!topic || !json_is_integer(partitions) || json_integer_value(partitions) < 1 ||
        json_integer_value(partitions) > INT32_MAX)
        return refuse(r, "cell", name, "needs a topic and its number of partitions");
    struct config_cell *cell = calloc(1, sizeof *cell);
    assert(cell);
    *cell = (struct config_cell){
        .name = name, .topic = topic, .partitions = (uint32_t)json_integer_value(partitions)};
    map_insert(&r->config->cells, &cell->by_name, hash_bytes(name));
    return 0;
}

static void host(struct config_tenant *t, const struct config *c, struct texts cells)
{
    t->cells = calloc(cells.n + 1, sizeof *t->cells);
    assert(t->cells);
    for (size_t i = 0; i < cells.n; i++) {
        const struct config_cell *cell = find_cell(c, cells.items[i]);
        if (cell)
            t->cells[t->n_cells++] = cell;
    }
}

static void tenant_free(struct config_tenant *t)
{
    signature_keys_free(t->keys);
    tenant_options_fini(&t->options);
    free(t->cells);
    free(t);
}

static void add_proxy_header(struct texts *all, struct bytes name)
{
    char *lower = strndup(name.p, name.n);
    assert(lower);
    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (is_among(bytes_str(lower), *all)) {
        free(lower);
        return;
    }
    all->items = realloc(all->items, (all->n + 1) * sizeof *all->items);
    assert(all->items);
    all->items[all->n++] = bytes_str(lower);
}

static void add_proxy_headers(struct config *c, struct texts names)
{
    for (size_t i = 0; i < names.n; i++)
        if (proxy_header_name_is_good(names.items[i]))
            add_proxy_header(&c->proxy_headers, names.items[i]);
}

static int read_tenant_options(struct reader *r, struct config_tenant *t, json_t *given)
{
    struct tenant_options *o = &t->options;
    int error = tenant_options_read(o, given, r->why);
    struct signature_options keys = {.hmac = o->token_hmac_secret_key,
                                     .hmac_previous = o->token_hmac_previous_secret_key,
                                     .rsa = o->token_rsa_public_key,
                                     .ecdsa = o->token_ecdsa_public_key,
                                     .eddsa = o->token_eddsa_public_key};
    return error < 0 ? error : signature_keys_new(&keys, &t->keys, r->why);
}

static bool tells_clients(const struct tenant_options *o)
{
    const struct texts *events = &o->webhook_events;
    return o->webhook_url.n && (events->n == 0 || is_among(BYTES("client_connected"), *events) ||
                                is_among(BYTES("client_disconnected"), *events));
}

static int read_tenant(struct reader *r, json_t *from)
{
    struct bytes name = text_member(from, "name");
    struct texts cells, leaving;
    if (!tenant_name_valid(name))
        return refuse(r, "tenant", name, "a name is 1 to 32 of a-z, 0-9 and -");
    if (config_tenant(r->config, name))
        return refuse(r, "tenant", name, "is there twice");
    if (texts_read(&cells, json_object_get(from, "cells")) < 0)
        return refuse(r, "tenant", name, "cells must be an array of strings");
    if (texts_read(&leaving, json_object_get(from, "leaving")) < 0) {
        texts_fini(&cells);
        return refuse(r, "tenant", name, "leaving must be an array of strings");
    }
    struct config_tenant *t = calloc(1, sizeof *t);
    assert(t);
    t->name = name;
    t->here = r->cell.n == 0 || is_among(r->cell, cells);
    t->leaves = is_among(r->cell, leaving);
    r->config->has_leaving |= t->leaves;
    host(t, r->config, cells);
    texts_fini(&cells);
    texts_fini(&leaving);
    size_t before = r->why->n;
    if (read_tenant_options(r, t, json_object_get(from, "options")) < 0) {
        tenant_free(t);
        buf_printf(r->why, " (tenant \"%.*s\")", BYTES_FMT(name));
        return -EBADMSG;
    }
    t->tells_clients = tells_clients(&t->options);
    if (r->why->n > before)
        buf_printf(r->why, "  (tenant \"%.*s\")\n", BYTES_FMT(name));
    add_proxy_headers(r->config, t->options.proxy_http_headers);
    map_insert(&r->config->tenants, &t->by_name, hash_bytes(name));
    return 0;
}

/* tenant/name, in memory of its own: no text of the JSON holds it. */
static struct bytes full_key(struct bytes tenant, struct bytes name)
{
    struct buf key;
    buf_init(&key);
    buf_append_bytes(&key, tenant);
    buf_append_char(&key, '/');
    buf_append_bytes(&key, name);
    size_t n = key.n;
    return bytes_of(buf_take(&key), n);
}

static void namespace_free(struct config_namespace *ns)
{
    namespace_options_fini(&ns->options);
    channel_regex_free(ns->regex);
    free((char *)ns->key.p);
    free(ns);
}

static int read_delta_types(struct config_namespace *ns, struct buf *why)
{
    const struct texts *types = &ns->options.allowed_delta_types;
    for (size_t i = 0; i < types->n; i++) {
        if (bytes_is(types->items[i], "fossil"))
            continue;
        buf_append_str(why, "option allowed_delta_types must be [\"fossil\"] or empty");
        return -EBADMSG;
    }
    ns->deltas = types->n && !ns->options.ephemeral;
    return 0;
}

/* The options that are a choice of words. */
static int read_words(struct config_namespace *ns, struct buf *why)
{
    const struct namespace_options *o = &ns->options;
    bool cache = bytes_is(o->force_recovery_mode, "cache");
    bool binary = bytes_is(o->format, "binary"), objects = bytes_is(o->format, "json_object"), conflate = bytes_is(o->slow_reader, "conflate");
    if (!binary && !objects && !bytes_is(o->format, "json")) {
        buf_append_str(why, "option format must be json, json_object or binary");
        return -EBADMSG;
    }
    if (!conflate && o->slow_reader.n && !bytes_is(o->slow_reader, "read_on") && !bytes_is(o->slow_reader, "drop")) {
        buf_append_str(why, "option slow_reader must be read_on, conflate or drop");
        return -EBADMSG;
    }
    if (o->join_leave_linger > JOIN_LEAVE_LINGER_MAX) {
        buf_append_str(why, "option join_leave_linger must be at most 1h");
        return -EBADMSG;
    }
    if (!cache && !bytes_is(o->force_recovery_mode, "stream")) {
        buf_append_str(why, "option force_recovery_mode must be stream or cache");
        return -EBADMSG;
    }
    if (read_delta_types(ns, why) < 0)
        return -EBADMSG;
    ns->caches = cache;
    ns->objects = objects;
    ns->format = binary ? FORMAT_BINARY : FORMAT_JSON;
    ns->conflates = conflate && !o->force_recovery && !o->ephemeral;
    return 0;
}

static int read_regex(struct config_namespace *ns, struct buf *why)
{
    struct buf reason = {0};
    if (ns->options.channel_regex.n)
        ns->regex = channel_regex_new(ns->options.channel_regex, &reason);
    if (reason.n)
        buf_printf(why, "option channel_regex: %s", reason.p);
    buf_fini(&reason);
    return ns->options.channel_regex.n && !ns->regex ? -EBADMSG : 0;
}

static int read_namespace(struct reader *r, json_t *from)
{
    struct bytes name = text_member(from, "name");
    const struct config_tenant *tenant = config_tenant(r->config, text_member(from, "tenant"));
    if (!tenant)
        return refuse(r, "namespace", name, "of a tenant that is not registered");
    if (!json_is_string(json_object_get(from, "name")) || !namespace_name_valid(name))
        return refuse(r, "namespace", name,
                      "a name is empty, or two to 64 of a-z, A-Z, 0-9, - and _");
    if (config_namespace(r->config, tenant->name, name))
        return refuse(r, "namespace", name, "is there twice");
    struct config_namespace *ns = calloc(1, sizeof *ns);
    assert(ns);
    ns->tenant = tenant;
    ns->name = name;
    ns->key = full_key(tenant->name, name);
    size_t before = r->why->n;
    int error = namespace_options_read(&ns->options, json_object_get(from, "options"), r->why);
    if (error == 0)
        error = read_words(ns, r->why);
    if (error == 0)
        error = read_regex(ns, r->why);
    if (r->why->n > before)
        buf_printf(r->why, " (namespace \"%.*s\")%s", BYTES_FMT(ns->key),
                   error < 0 ? "" : "\n");
    if (error < 0) {
        namespace_free(ns);
        return error;
    }
    r->config->has_ephemeral |= ns->options.ephemeral;
    map_insert(&r->config->namespaces, &ns->by_name, hash_bytes(ns->key));
    return 0;
}

static const struct config_api_key *find_api_key(const struct config *c, struct bytes sha256)
{
    return map_find_bytes(&c->api_keys, sha256, struct config_api_key, by_sha256, sha256);
}

static int read_api_key(struct reader *r, json_t *from)
{
    struct bytes sha256 = text_member(from, "sha256");
    json_t *tenant = json_object_get(from, "tenant");
    bool hex = sha256.n == 64;
    for (size_t i = 0; i < sha256.n; i++)
        hex = hex && strchr("0123456789abcdef", sha256.p[i]);
    if (!hex)
        return refuse(r, "api key", sha256, "sha256 is 64 lower-case hexadecimal digits");
    if (find_api_key(r->config, sha256))
        return refuse(r, "api key", sha256, "is there twice");
    bool all = !tenant || json_is_null(tenant);
    const struct config_tenant *of =
        all ? NULL : config_tenant(r->config, text_member(from, "tenant"));
    if (!all && !of)
        return refuse(r, "api key", sha256, "of a tenant that is not registered");
    struct config_api_key *key = calloc(1, sizeof *key);
    assert(key);
    key->sha256 = sha256;
    key->tenant = of;
    map_insert(&r->config->api_keys, &key->by_sha256, hash_bytes(sha256));
    return 0;
}

/* An array that is not there is empty: json_agg over no rows is null. */
static int read_each(struct reader *r, const char *name,
                     int (*read)(struct reader *r, json_t *from))
{
    json_t *array = json_object_get(r->config->root, name), *item;
    size_t i;
    if (array && !json_is_null(array) && !json_is_array(array))
        return refuse(r, "member", bytes_str(name), "must be an array");
    json_array_foreach(array, i, item)
    {
        if (!json_is_object(item))
            return refuse(r, "member", bytes_str(name), "must hold objects");
        int error = read(r, item);
        if (error < 0)
            return error;
    }
    return 0;
}

int config_parse(struct bytes json, struct bytes cell, struct config **ret_config,
                 struct buf *ret_why)
{
    json_error_t error;
    json_t *root = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        buf_printf(ret_why, "no JSON object: %s at byte %d", root ? "another type" : error.text,
                   error.position);
        json_decref(root);
        return -EBADMSG;
    }
    struct config *c = calloc(1, sizeof *c);
    assert(c);
    c->refs = 1;
    c->root = root;
    map_init(&c->cells);
    map_init(&c->tenants);
    map_init(&c->namespaces);
    map_init(&c->api_keys);
    struct reader r = {c, cell, ret_why};
    if (read_each(&r, "cells", read_cell) < 0 || read_each(&r, "tenants", read_tenant) < 0 ||
        read_each(&r, "namespaces", read_namespace) < 0 ||
        read_each(&r, "api_keys", read_api_key) < 0) {
        config_unref(c);
        return -EBADMSG;
    }
    *ret_config = c;
    return 0;
}

struct config *config_ref(const struct config *c)
{
    struct config *mine = (struct config *)c;
    mine->refs++;
    return mine;
}

struct config *config_unref(const struct config *c)
{
    struct config *mine = (struct config *)c;
    if (!mine || --mine->refs > 0)
        return NULL;
    struct config_namespace *ns;
    struct config_api_key *key;
    struct config_tenant *tenant;
    struct config_cell *cell;
    map_for_each (ns, &mine->namespaces, by_name)
        namespace_free(ns);
    map_for_each (key, &mine->api_keys, by_sha256)
        free(key);
    map_for_each (tenant, &mine->tenants, by_name) {
        tenant_free(tenant);
    }
    map_for_each (cell, &mine->cells, by_name)
        free(cell);
    for (size_t i = 0; i < mine->proxy_headers.n; i++)
        free((char *)mine->proxy_headers.items[i].p);
    texts_fini(&mine->proxy_headers);
    map_fini(&mine->cells);
    map_fini(&mine->namespaces);
    map_fini(&mine->api_keys);
    map_fini(&mine->tenants);
    json_decref(mine->root);
    free(mine);
    return NULL;
}

void config_attach_jwks(struct config *c, struct jwks *jwks)
{
    c->jwks = jwks;
}

struct jwks *config_jwks(const struct config *c)
{
    return c->jwks;
}

bool config_may_subscribe(const struct config_tenant *t, uint64_t n)
{
    return t->options.channel_limit == 0 || n <= (uint64_t)t->options.channel_limit;
}

const struct config_tenant *config_tenant(const struct config *c, struct bytes name)
{
    return map_find_bytes(&c->tenants, name, struct config_tenant, by_name, name);
}

const struct config_namespace *config_namespace(const struct config *c, struct bytes tenant,
                                                struct bytes name)
{
    char text[CONFIG_FULL_MAX];
    if (tenant.n > TENANT_MAX || name.n > CHANNEL_MAX)
        return NULL;
    memcpy(text, tenant.n ? tenant.p : "", tenant.n);
    text[tenant.n] = '/';
    memcpy(text + tenant.n + 1, name.n ? name.p : "", name.n);
    return map_find_bytes(&c->namespaces, bytes_of(text, tenant.n + 1 + name.n),
                          struct config_namespace, by_name, key);
}

const struct config_namespace *config_namespace_of(const struct config *c, struct bytes full)
{
    struct bytes tenant, name;
    return c && channel_split(full, &tenant, &name) ? config_namespace(c, tenant, channel_namespace(name)) : NULL;
}

bool config_is_ephemeral(const struct config *c, struct bytes full)
{
    const struct config_namespace *ns = c && c->has_ephemeral ? config_namespace_of(c, full) : NULL;
    return ns && ns->options.ephemeral;
}

bool config_has_leaving(const struct config *c)
{
    return c && c->has_leaving;
}

struct texts config_proxy_headers(const struct config *c)
{
    return c->proxy_headers;
}

bool config_has_ephemeral(const struct config *c)
{
    return c->has_ephemeral;
}

void config_each_topic(const struct config *c, void (*each)(void *ctx, const char *topic), void *ctx)
{
    const struct config_cell *cell;
    map_for_each (cell, &c->cells, by_name)
        each(ctx, cell->topic);
}

static void put_other(const struct config_cell *cell, struct bytes own, struct buf *into)
{
    if (!bytes_equal(cell->name, own))
        wire_put_cell_name(into, &(struct cell_name){.name = cell->name});
}

void config_other_cells(const struct config *c, const struct config_tenant *t, struct bytes own, struct buf *into)
{
    const struct config_cell *cell;
    for (size_t i = 0; t && i < t->n_cells; i++)
        put_other(t->cells[i], own, into);
    if (t)
        return;
    map_for_each (cell, &c->cells, by_name)
        put_other(cell, own, into);
}

const struct config_api_key *config_api_key(const struct config *c, struct bytes plain)
{
    static const char hex[] = "0123456789abcdef";
    static const EVP_MD *sha256; /* to look for it anew costs more than it does */
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[64];
    if (!sha256)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (plain.n == 0 || !EVP_Digest(plain.p, plain.n, digest, NULL, sha256, NULL))
        return NULL;
    for (size_t i = 0; i < 32; i++) {
        text[2 * i] = hex[digest[i] >> 4];
        text[2 * i + 1] = hex[digest[i] & 15];
    }
    return find_api_key(c, bytes_of(text, sizeof text));
}
