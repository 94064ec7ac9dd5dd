#include "pending.h"

#include <assert.h>
#include <stdlib.h>

void pending_init(struct pending *p, struct wheel *wheel, const struct pending_limits *limits,
                  void (*late)(void *owner, struct pending_publish *p), void *owner)
{
    *p = (struct pending){.wheel = wheel,
                          .count_max = limits->count_max,
                          .bytes_max = limits->bytes_max,
                          .timeout_ns = limits->timeout_ns,
                          .late = late,
                          .owner = owner};
    map_init(&p->all);
    for (int i = 0; i < SHARDS; i++)
        list_init(&p->shards[i]);
}

void pending_fini(struct pending *p)
{
    struct pending_publish *one;
    for (int i = 0; i < SHARDS; i++)
        while ((one = list_first(&p->shards[i], struct pending_publish, in_order)))
            pending_remove(one);
    map_fini(&p->all);
}

static void is_late(struct wheel_timer *t)
{
    struct pending_publish *one = container_of(t, struct pending_publish, deadline);
    one->pending->late(one->pending->owner, one);
}

static struct bytes keep(char **at, struct bytes s)
{
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return bytes_of(*at - s.n, s.n);
}

struct pending_publish *pending_add(struct pending *p, unsigned shard, const struct seq_publish *m, uint64_t ticket,
                                    int64_t now_ns)
{
    size_t text = m->channel.n + m->data.n + m->tags.n + m->info.n + m->after.n + m->key.n;
    size_t n = sizeof(struct pending_publish) + text;
    if (p->all.count >= p->count_max || p->bytes + n > p->bytes_max)
        return NULL;
    struct pending_publish *one = malloc(n);
    assert(one);
    *one = (struct pending_publish){.pending = p, .message = *m, .ticket = ticket, .since_ns = now_ns, .n = n};
    char *at = one->text;
    one->message.channel = keep(&at, m->channel);
    one->message.data = keep(&at, m->data);
    one->message.tags = keep(&at, m->tags);
    one->message.info = keep(&at, m->info);
    one->message.after = keep(&at, m->after);
    one->message.key = keep(&at, m->key);
    one->message.counter = ++p->counter;
    one->message.retry = 0;
    p->bytes += n;
    map_insert(&p->all, &one->by_counter, hash_u64(one->message.counter));
    list_init(&one->in_order);
    list_append(&p->shards[shard], &one->in_order);
    wheel_timer_init(&one->deadline, is_late);
    wheel_set(p->wheel, &one->deadline, now_ns + p->timeout_ns);
    return one;
}

struct pending_publish *pending_find(const struct pending *p, uint64_t counter)
{
    return map_find_u64(&p->all, counter, struct pending_publish, by_counter, message.counter);
}

void pending_remove(struct pending_publish *one)
{
    struct pending *p = one->pending;
    map_remove(&p->all, &one->by_counter);
    list_remove(&one->in_order);
    wheel_cancel(&one->deadline);
    p->bytes -= one->n;
    free(one);
}

void pending_unsend(struct pending *p, unsigned shard)
{
    struct pending_publish *one;
    list_for_each(one, &p->shards[shard], in_order)
        one->sent = false;
}

void pending_send(struct pending *p, unsigned shard, bool (*send)(void *ctx, const struct seq_publish *m), void *ctx)
{
    struct pending_publish *one;
    list_for_each(one, &p->shards[shard], in_order)
    {
        if (one->sent)
            continue;
        one->message.retry = one->sent_before;
        if (!send(ctx, &one->message))
            return;
        one->sent = one->sent_before = true;
        one->sent_to = ctx;
    }
}
