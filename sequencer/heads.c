#include "heads.h"

#include "wire/channel.h"

#include <assert.h>
#include <stdlib.h>

void heads_init(struct heads *h, size_t max)
{
    *h = (struct heads){.max = max};
    map_init(&h->by_name);
    map_init(&h->tenants);
    list_init(&h->idle);
}

/* ---- tenants */

static struct tenant *tenant_new(struct heads *h, struct bytes name)
{
    struct tenant *t = calloc(1, sizeof *t + name.n);
    assert(t);
    memcpy(t->text, name.p, name.n);
    t->name = bytes_of(t->text, name.n);
    drr_flow_init(&t->turn);
    drr_init(&t->turns, HEADS_QUANTUM);
    map_insert(&h->tenants, &t->by_name, hash_bytes(t->name));
    return t;
}

static void tenant_let_go(struct heads *h, struct tenant *t)
{
    if (--t->heads > 0)
        return;
    assert(drr_is_empty(&t->turns) && t->waiting == 0);
    drr_leave(&t->turn);
    map_remove(&h->tenants, &t->by_name);
    free(t);
}

struct tenant *heads_tenant(const struct heads *h, struct bytes tenant)
{
    return map_find_bytes(&h->tenants, tenant, struct tenant, by_name, name);
}

/* ---- heads */

static struct head *head_new(struct heads *h, struct bytes channel)
{
    struct bytes tenant, name;
    bool full = channel_split(channel, &tenant, &name);
    assert(full); /* message_refusal has looked */
    struct head *head = calloc(1, sizeof *head + channel.n);
    assert(head);
    memcpy(head->text, channel.p, channel.n);
    head->name = bytes_of(head->text, channel.n);
    head->shard = channel_place(channel).shard;
    list_init(&head->idle);
    list_init(&head->ask);
    list_init(&head->waiting);
    list_init(&head->ready);
    drr_flow_init(&head->turn);
    list_init(&head->touched);
    head->tenant = heads_tenant(h, tenant);
    if (!head->tenant)
        head->tenant = tenant_new(h, tenant);
    head->tenant->heads++;
    map_insert(&h->by_name, &head->by_name, hash_bytes(head->name));
    return head;
}

static void head_free(struct heads *h, struct head *head)
{
    assert(head->messages == 0 && list_is_empty(&head->waiting) &&
           list_is_empty(&head->ready) && !list_is_linked(&head->touched));
    drr_leave(&head->turn);
    list_remove(&head->ask);
    if (list_is_linked(&head->idle)) {
        list_remove(&head->idle);
        h->n_idle--;
    }
    map_remove(&h->by_name, &head->by_name);
    tenant_let_go(h, head->tenant);
    free(head);
}

struct head *heads_find(const struct heads *h, struct bytes channel)
{
    return map_find_bytes(&h->by_name, channel, struct head, by_name, name);
}

struct head *heads_hold(struct heads *h, struct bytes channel)
{
    struct head *head = heads_find(h, channel);
    if (!head)
        head = head_new(h, channel);
    if (list_is_linked(&head->idle)) {
        list_remove(&head->idle);
        h->n_idle--;
    }
    head->messages++;
    return head;
}

void heads_let_go(struct heads *h, struct head *head)
{
    if (--head->messages > 0)
        return;
    if (!head->known) {
        head_free(h, head);
        return;
    }
    list_append(&h->idle, &head->idle);
    h->n_idle++;
    if (h->n_idle > h->max)
        head_free(h, list_first(&h->idle, struct head, idle));
}

void heads_forget(struct heads *h)
{
    heads_forget_shards(h, ~0ULL);
}

void heads_forget_shards(struct heads *h, uint64_t shards)
{
    struct head *head;
    map_for_each (head, &h->by_name, by_name) {
        if (!(shards >> head->shard & 1))
            continue;
        head_forget(head);
        if (head->messages == 0)
            head_free(h, head);
    }
}

void heads_fini(struct heads *h)
{
    heads_forget(h);
    assert(h->by_name.count == 0 && h->tenants.count == 0);
    map_fini(&h->by_name);
    map_fini(&h->tenants);
}

void head_forget(struct head *head)
{
    head->known = head->asked = false;
    list_remove(&head->ask);
}

void head_learn(struct head *head, uint64_t seq, uint64_t id)
{
    head->known = true;
    head->asked = false;
    head->seq = head->durable_seq = seq;
    head->id = head->durable_id = id;
}
