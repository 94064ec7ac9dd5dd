#include "wire/channel.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>

struct channel_place channel_place(struct bytes full)
{
    static _Thread_local EVP_MD_CTX *context;
    static const EVP_MD *md5;
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (!md5)
        md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    if (!context)
        context = EVP_MD_CTX_new();
    bool ok = md5 && context && EVP_DigestInit_ex2(context, md5, NULL) &&
              EVP_DigestUpdate(context, full.p, full.n) && EVP_DigestFinal_ex(context, digest, NULL);
    assert(ok);
    return (struct channel_place){
        .shard = digest[0] & (SHARDS - 1),
        .partition_hash = (uint32_t)digest[4] << 24 | (uint32_t)digest[5] << 16 | (uint32_t)digest[6] << 8 | digest[7],
    };
}

bool channel_name_valid(struct bytes name)
{
    if (name.n == 0 || name.n > CHANNEL_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= 0x20 || name.p[i] >= 0x7f)
            return false;
    return true;
}

bool tenant_name_valid(struct bytes name)
{
    if (name.n == 0 || name.n > TENANT_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

bool namespace_name_valid(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return name.n != 1 && name.n <= NAMESPACE_MAX;
}

bool channel_split(struct bytes full, struct bytes *ret_tenant, struct bytes *ret_name)
{
    const char *slash = full.n ? memchr(full.p, '/', full.n) : NULL;
    if (!slash)
        return false;
    *ret_tenant = bytes_of(full.p, (size_t)(slash - full.p));
    *ret_name = bytes_of(slash + 1, full.n - ret_tenant->n - 1);
    return true;
}

struct bytes channel_namespace(struct bytes name)
{
    if (name.n && name.p[0] == '$')
        name.p++, name.n--;
    const char *colon = name.n ? memchr(name.p, ':', name.n) : NULL;
    return colon ? bytes_of(name.p, (size_t)(colon - name.p)) : bytes_of(NULL, 0);
}

int after_next(struct bytes *list, struct bytes *ret_channel, uint64_t *ret_seq)
{
    if (list->n == 0)
        return 0;
    const char *space = memchr(list->p, ' ', list->n);
    struct bytes one = bytes_of(list->p, space ? (size_t)(space - list->p) : list->n);
    const char *at = one.n ? memrchr(one.p, '@', one.n) : NULL;
    struct bytes channel, tenant, name;
    uint64_t seq;
    if (!at)
        return -EBADMSG;
    channel = bytes_of(one.p, (size_t)(at - one.p));
    if (!bytes_u64(bytes_of(at + 1, one.n - channel.n - 1), &seq) || seq == 0 || seq > INT64_MAX)
        return -EBADMSG;
    if (!channel_split(channel, &tenant, &name) || !tenant_name_valid(tenant) || !channel_name_valid(name))
        return -EBADMSG;
    size_t used = one.n + (space ? 1 : 0);
    if (space && used == list->n)
        return -EBADMSG; /* a space at the end */
    *list = bytes_of(list->p + used, list->n - used);
    *ret_channel = channel;
    *ret_seq = seq;
    return 1;
}
