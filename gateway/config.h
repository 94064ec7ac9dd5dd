/* The configuration that a gateway goes by: tenants, namespaces and API keys, parsed once from
 * the JSON of cellcast.config() (ctl_config::json) and never changed afterwards. A new version
 * is a new object; whoever needs one across a callback takes a reference. One thread, so the
 * count is plain.
 *
 *     struct config *fresh;
 *     if (config_parse(json, cell, &fresh, &why) < 0) …the old one stays, log why…
 *     config_unref(g->config); g->config = fresh;
 *
 * What a channel's spelling means (design.md, Names; decision 0007) is decided here and nowhere
 * else. */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include "core/buf.h"
#include "core/bytes.h"
#include "core/map.h"
#include "signature.h"
#include "wire/channel.h"
#include "wire/channel_regex.h"
#include "wire/messages.h"

#define CONFIG_DEFAULT_TENANT "default"   /* of connections and keys that name none */
#define CONFIG_RESERVED_TENANT "cellcast" /* the cluster's own: canaries */
#define CONFIG_FULL_MAX (TENANT_MAX + 1 + CHANNEL_MAX) /* bytes of tenant/name */

struct texts {
    struct bytes *items;
    size_t n;
};

#define CONFIG_CTYPE_BOOL bool
#define CONFIG_CTYPE_INT int64_t
#define CONFIG_CTYPE_DURATION int64_t /* ms */
#define CONFIG_CTYPE_TEXT struct bytes
#define CONFIG_CTYPE_TEXTS struct texts

struct tenant_options {
#define TENANT_OPT(TYPE, name, dflt, help) CONFIG_CTYPE_##TYPE name;
#include "wire/tenant.def"
#undef TENANT_OPT
};

struct namespace_options {
#define NAMESPACE_OPT(TYPE, name, dflt, help) CONFIG_CTYPE_##TYPE name;
#include "wire/namespace.def"
#undef NAMESPACE_OPT
};

struct config_cell {
    struct map_node by_name; /* struct config::cells */
    struct bytes name;
    const char *topic;
    uint32_t partitions; /* of the topic; stands for the life of the cell */
};

struct config_tenant {
    struct map_node by_name; /* struct config::tenants */
    struct bytes name;
    bool here; /* this gateway's cell is one of the tenant's */
    bool tells_clients; /* its webhook wants to know of clients */
    bool leaves; /* it is one that the tenant leaves: its clients are to go to another one */
    const struct config_cell **cells; /* that host it, as far as the configuration tells their topics */
    size_t n_cells;
    struct tenant_options options;
    struct signature_keys *keys; /* of the options' token keys */
};

struct config_namespace {
    struct map_node by_name; /* struct config::namespaces */
    struct bytes key;        /* tenant/name; what the map finds it by */
    const struct config_tenant *tenant;
    struct bytes name;       /* behind the slash; empty: channels without a namespace */
    enum data_format format; /* of options.format */
    bool objects;            /* json_object */
    struct channel_regex *regex; /* of options.channel_regex, or NULL */
    bool conflates;          /* of options.slow_reader, where no subscription has a position */
    bool deltas;             /* of options.allowed_delta_types */
    bool caches;             /* of options.force_recovery_mode: who recovers gets the newest publication alone */
    struct namespace_options options;
};

struct config_api_key {
    struct map_node by_sha256;
    struct bytes sha256;                /* 64 lower-case hexadecimal digits */
    const struct config_tenant *tenant; /* NULL: all tenants */
};

struct config;

/* cell: name of this gateway's cell (empty: every tenant counts as here). Options that this
 * version does not know are left out and named in ret_why, one line each, so that a newer
 * configuration does not stop an older gateway.
 * -> 0, or -EBADMSG with the reason in ret_why */
int config_parse(struct bytes json, struct bytes cell, struct config **ret_config,
                 struct buf *ret_why);
struct config *config_ref(const struct config *c);
struct config *config_unref(const struct config *c); /* -> NULL; NULL is fine */
/* Where its tenants' JWK sets are found; NULL: nowhere. */
struct jwks;
void config_attach_jwks(struct config *c, struct jwks *jwks);
struct jwks *config_jwks(const struct config *c);

/* May one of its connections have so many subscriptions? (channel_limit; 0: any number) */
bool config_may_subscribe(const struct config_tenant *t, uint64_t n);

/* All three borrow, until the configuration goes. -> NULL when there is none */
const struct config_tenant *config_tenant(const struct config *c, struct bytes name);
const struct config_namespace *config_namespace(const struct config *c, struct bytes tenant,
                                                struct bytes name);
/* Of a channel in full form; what is not known counts as durable. */
bool config_is_ephemeral(const struct config *c, struct bytes full);
/* The same; NULL: none such. */
const struct config_namespace *config_namespace_of(const struct config *c, struct bytes full);
/* The names of headers that any tenant's application wants to know (proxy_http_headers), each once, in lower case. */
struct texts config_proxy_headers(const struct config *c);
bool config_has_ephemeral(const struct config *c); /* any namespace */
bool config_has_leaving(const struct config *c);   /* any tenant leaves this cell; NULL: none */
/* Each cell's topic, in no order. */
void config_each_topic(const struct config *c, void (*each)(void *ctx, const char *topic), void *ctx);
/* Appends those that serve t (NULL: all that there are) but `own`, as a list of cell_name. */
void config_other_cells(const struct config *c, const struct config_tenant *t, struct bytes own, struct buf *into);
const struct config_api_key *config_api_key(const struct config *c, struct bytes plain);

/* A spelling, understood. The slices point into `text` of the same struct: it may not be copied
 * or moved. tenant and ns belong to the configuration. */
struct config_channel {
    const struct config_tenant *tenant;
    const struct config_namespace *ns;
    struct bytes full;  /* tenant/name: what is stored, sent and looked up */
    struct bytes name;  /* behind the tenant */
    bool with_token;    /* begins with $: needs a subscription token */
    bool user_limited;  /* has a # and the namespace allows user-limited channels */
    struct bytes users; /* behind the last #, parted by commas; empty unless user_limited */
    char text[CONFIG_FULL_MAX];
};

/* What stands before the first slash is the tenant if it is registered, otherwise the slash
 * belongs to the name. asker: the connection's or key's tenant, whose channels alone it may
 * use; NULL: a key for all tenants, for which a name without a tenant is the default tenant's.
 * Only its name is looked at: it may be of an older configuration.
 * -> 0, 107 (empty, too long, not printable ASCII), 103 (another tenant's), 102 (no such
 * namespace, or the tenant is gone); on an error `ret` is undefined */
uint32_t config_resolve(const struct config *c, const struct config_tenant *asker,
                        struct bytes spelling, struct config_channel *ret);

/* The shortest spelling that config_resolve takes back to `full` for that asker. -> a slice of
 * full */
struct bytes config_spelling(const struct config *c, const struct config_tenant *asker,
                             struct bytes full);

#endif
