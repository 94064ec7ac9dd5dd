/* What a channel's spelling means: declared in config.h, decided in decision 0007. */
#include "config.h"

/* Splits at the first slash when what stands before it is a tenant. -> that tenant, or NULL */
static const struct config_tenant *named_tenant(const struct config *c, struct bytes spelling,
                                                struct bytes *ret_name)
{
    struct bytes before, behind;
    if (!channel_split(spelling, &before, &behind))
        return NULL;
    const struct config_tenant *tenant = config_tenant(c, before);
    if (tenant)
        *ret_name = behind;
    return tenant;
}

static const struct config_tenant *own_tenant(const struct config *c,
                                              const struct config_tenant *asker)
{
    return config_tenant(c, asker ? asker->name : BYTES(CONFIG_DEFAULT_TENANT));
}

static void find_users(struct config_channel *ret)
{
    const char *hash = memrchr(ret->name.p, '#', ret->name.n);
    ret->user_limited = hash && ret->ns->options.allow_user_limited_channels;
    ret->users = bytes_of(NULL, 0);
    if (ret->user_limited)
        ret->users = bytes_of(hash + 1, (size_t)(ret->name.p + ret->name.n - hash - 1));
}

uint32_t config_resolve(const struct config *c, const struct config_tenant *asker,
                        struct bytes spelling, struct config_channel *ret)
{
    struct bytes name = spelling;
    const struct config_tenant *tenant = named_tenant(c, spelling, &name);
    if (!channel_name_valid(name))
        return 107;
    if (tenant && asker && !bytes_equal(tenant->name, asker->name))
        return 103;
    ret->tenant = tenant ? tenant : own_tenant(c, asker);
    if (!ret->tenant)
        return 102;
    ret->ns = config_namespace(c, ret->tenant->name, channel_namespace(name));
    if (!ret->ns)
        return 102;
    struct bytes of = ret->tenant->name;
    memcpy(ret->text, of.p, of.n);
    ret->text[of.n] = '/';
    memcpy(ret->text + of.n + 1, name.p, name.n);
    ret->full = bytes_of(ret->text, of.n + 1 + name.n);
    ret->name = bytes_of(ret->text + of.n + 1, name.n);
    ret->with_token = name.p[0] == '$';
    find_users(ret);
    return 0;
}

struct bytes config_spelling(const struct config *c, const struct config_tenant *asker,
                             struct bytes full)
{
    struct bytes tenant, name, ignored;
    if (!channel_split(full, &tenant, &name))
        return full;
    const struct config_tenant *own = own_tenant(c, asker);
    bool is_own = own && bytes_equal(own->name, tenant);
    /* a name that itself begins with a tenant and a slash would be read as that tenant's */
    return is_own && !named_tenant(c, name, &ignored) ? name : full;
}
