#include "quota.h"

#include "heads.h"
#include "message.h"

#include "wire/channel.h"

#include <assert.h>
#include <stdlib.h>

#define ROWS_FIRST_NS (4 * QUOTA_LATE_MS * NS_PER_MS) /* longer than until the next look at a row that waits */
#define NAME_MAX_BYTES (TENANT_MAX + 1 + CHANNEL_MAX)

void quotas_init(struct quotas *q)
{
    *q = (struct quotas){.generation = 1};
    map_init(&q->all);
    list_init(&q->late);
}

void quotas_clear(struct quotas *q)
{
    struct quota *quota;
    map_for_each (quota, &q->all, by_name) {
        map_remove(&q->all, &quota->by_name);
        free(quota);
    }
    q->generation++;
}

void quotas_fini(struct quotas *q)
{
    quotas_clear(q);
    map_fini(&q->all);
}

void quotas_add(struct quotas *q, struct bytes name, double publish_rate, double publish_bytes)
{
    struct quota *quota = calloc(1, sizeof *quota + name.n);
    assert(quota);
    memcpy(quota->text, name.p, name.n);
    quota->name = bytes_of(quota->text, name.n);
    quota->publish_rate = publish_rate;
    quota->publish_bytes = publish_bytes;
    map_insert(&q->all, &quota->by_name, hash_bytes(quota->name));
    q->generation++;
}

/* ---- whose quota */

static const struct quota *find(const struct quotas *q, struct bytes name)
{
    return map_find_bytes(&q->all, name, struct quota, by_name, name);
}

static struct allowance *of_tenant(const struct quotas *q, struct tenant *t)
{
    struct allowance *a = &t->allowance;
    if (a->generation != q->generation)
        a->quota = find(q, t->name);
    a->generation = q->generation;
    return a;
}

/* tenant/namespace of a channel's full name. */
static struct bytes namespace_key(struct bytes full, char *text)
{
    struct bytes tenant, name, namespace;
    channel_split(full, &tenant, &name);
    namespace = channel_namespace(name);
    char *at = mempcpy(text, full.p, tenant.n + 1);
    at = mempcpy(at, namespace.n ? namespace.p : "", namespace.n);
    return bytes_of(text, (size_t)(at - text));
}

static struct allowance *of_head(const struct quotas *q, struct head *head)
{
    char text[NAME_MAX_BYTES];
    struct allowance *a = &head->allowance;
    if (a->generation != q->generation)
        a->quota = find(q, namespace_key(head->name, text));
    a->generation = q->generation;
    return a;
}

/* ---- taking */

/* -> which of the two is used up, or NULL */
static const char *used_up(struct allowance *a, int64_t now_ns, const char *rate, const char *bytes)
{
    if (!a->quota)
        return NULL;
    if (!bucket_has(&a->publishes, a->quota->publish_rate, 0, now_ns))
        return rate;
    return bucket_has(&a->bytes, a->quota->publish_bytes, 0, now_ns) ? NULL : bytes;
}

static const char *tenant_used_up(struct allowance *a, int64_t now_ns)
{
    return used_up(a, now_ns, "quota publish_rate of the tenant", "quota publish_bytes of the tenant");
}

static const char *channel_used_up(struct allowance *a, int64_t now_ns)
{
    return used_up(a, now_ns, "quota publish_rate of the channel's namespace", "quota publish_bytes of the channel's namespace");
}

static bool rows_go_first(const struct allowance *a, int64_t now_ns)
{
    return a->quota && now_ns < a->rows_until_ns;
}

static void take(struct allowance *a, size_t bytes, int64_t now_ns)
{
    if (!a->quota)
        return;
    bucket_take(&a->publishes, a->quota->publish_rate, 1, now_ns);
    bucket_take(&a->bytes, a->quota->publish_bytes, (double)bytes, now_ns);
}

/* -> NULL, or why a gateway's publish is not within it */
static const char *refusal(struct allowance *a, int64_t now_ns, const char *(*judge)(struct allowance *a, int64_t now_ns))
{
    if (rows_go_first(a, now_ns))
        return "rows of the outbox wait for the same quota";
    return judge(a, now_ns);
}

uint32_t quotas_refusal(struct quotas *q, struct tenant *tenant, struct head *head, const char **ret_which)
{
    const char *which;
    if (q->all.count == 0)
        return 0;
    if (head && (which = refusal(of_head(q, head), q->now_ns, channel_used_up))) {
        *ret_which = which;
        return 132;
    }
    if (tenant && (which = refusal(of_tenant(q, tenant), q->now_ns, tenant_used_up))) {
        *ret_which = which;
        return 131;
    }
    return 0;
}

void quotas_charge(struct quotas *q, struct head *head, size_t bytes)
{
    if (q->all.count == 0)
        return;
    take(of_tenant(q, head->tenant), bytes, q->now_ns);
    take(of_head(q, head), bytes, q->now_ns);
}

/* -> whether it may go; otherwise it is its turn when the quota is there */
static bool row_may(struct quotas *q, struct head *head)
{
    struct allowance *own = of_head(q, head), *of = of_tenant(q, head->tenant);
    const char *channel = channel_used_up(own, q->now_ns), *tenant = tenant_used_up(of, q->now_ns);
    if (channel)
        own->rows_until_ns = q->now_ns + ROWS_FIRST_NS;
    if (tenant)
        of->rows_until_ns = q->now_ns + ROWS_FIRST_NS;
    return !channel && !tenant;
}

bool quotas_let_pass(struct quotas *q, struct message *m)
{
    struct head *head = m->head;
    if (q->all.count == 0 || message_is_from_gateway(m))
        return true;
    if (row_may(q, head)) {
        quotas_charge(q, head, m->data.n);
        return true;
    }
    if (!list_is_linked(&head->late)) {
        list_append(&q->late, &head->late);
        q->late_total++;
    }
    return false;
}
