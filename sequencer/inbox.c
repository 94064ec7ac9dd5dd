#include "inbox.h"

#include "wire/channel.h"

#include <assert.h>

void inbox_init(struct inbox *i, size_t heads_max, size_t tenant_messages, size_t tenant_bytes)
{
    *i = (struct inbox){.tenant_messages = tenant_messages, .tenant_bytes = tenant_bytes};
    heads_init(&i->heads, heads_max);
    drr_init(&i->turns, HEADS_QUANTUM);
    list_init(&i->in_order);
    i->fair = true;
    list_init(&i->unknown);
    for (int need = 0; need < NEED_NOTHING; need++)
        list_init(&i->needs[need]);
    map_init(&i->publishes);
    map_init(&i->rows);
    map_init(&i->keys);
}

/* ---- names */

static uint64_t name_hash(uint64_t origin, uint64_t counter)
{
    return hash_u64(origin ^ hash_u64(counter));
}

struct message *inbox_find_publish(struct inbox *i, uint64_t origin, uint64_t counter)
{
    uint64_t hash = name_hash(origin, counter);
    for (struct map_node *at = map_bucket(&i->publishes, hash); at; at = at->next) {
        struct message *m = container_of(at, struct message, by_name);
        if (at->hash == hash && m->origin == origin && m->counter == counter)
            return m;
    }
    return NULL;
}

struct message *inbox_find_row(struct inbox *i, int64_t row)
{
    uint64_t hash = hash_u64((uint64_t)row);
    for (struct map_node *at = map_bucket(&i->rows, hash); at; at = at->next)
        if (at->hash == hash && container_of(at, struct message, by_name)->row == row)
            return container_of(at, struct message, by_name);
    return NULL;
}

static uint64_t key_hash(const struct message *m)
{
    return hash_u64(hash_bytes(m->channel) ^ hash_bytes(m->key));
}

static struct message *find_leader(struct inbox *i, const struct message *m)
{
    uint64_t hash = key_hash(m);
    for (struct map_node *at = map_bucket(&i->keys, hash); at; at = at->next) {
        struct message *other = container_of(at, struct message, by_key);
        if (at->hash == hash && bytes_equal(other->channel, m->channel) &&
            bytes_equal(other->key, m->key))
            return other;
    }
    return NULL;
}

/* ---- where a message stands: the one function that moves it */

static void count(struct inbox *i, struct message *m, int sign)
{
    struct tenant *t = m->head->tenant;
    size_t one = (size_t)sign,
           size = m->size * (size_t)sign; /* unsigned wraps: -1 takes away */
    i->ready += m->stage == READY ? one : 0;
    if (m->stage == FLYING)
        return;
    i->waiting += one;
    i->waiting_bytes += size;
    if (!message_is_from_gateway(m))
        return; /* outbox.c bounds those */
    t->waiting += one;
    t->waiting_bytes += size;
}

static void move(struct inbox *i, struct message *m, enum message_stage stage, struct list *to)
{
    count(i, m, -1);
    list_remove(&m->place);
    m->stage = stage;
    list_append(to, &m->place);
    count(i, m, 1);
}

static void make_ready(struct inbox *i, struct message *m)
{
    struct head *head = m->head;
    if (!i->fair) {
        move(i, m, READY, &i->in_order);
        return;
    }
    move(i, m, READY, &head->ready);
    drr_join(&head->tenant->turns, &head->turn);
    drr_join(&i->turns, &head->tenant->turn);
}

bool inbox_has_room(struct inbox *i, struct bytes channel)
{
    struct bytes tenant, name;
    if (!channel_split(channel, &tenant, &name))
        return false;
    const struct tenant *t = heads_tenant(&i->heads, tenant);
    return !t || (t->waiting < i->tenant_messages && t->waiting_bytes < i->tenant_bytes);
}

/* ---- in */

static void ask_head(struct inbox *i, struct head *head)
{
    if (!head->known && !head->asked)
        list_append(&i->unknown, &head->ask);
    head->asked = !head->known;
}

static void ask(struct inbox *i, struct message *m)
{
    if (m->need != NEED_NOTHING)
        list_append(&i->needs[m->need], &m->ask);
}

static void enter_name(struct inbox *i, struct message *m)
{
    i->bytes += m->size;
    if (message_is_from_gateway(m)) {
        map_insert(&i->publishes, &m->by_name, name_hash(m->origin, m->counter));
        return;
    }
    map_insert(&i->rows, &m->by_name, hash_u64((uint64_t)m->row));
    i->row_bytes += m->size;
}

static void leave_name(struct inbox *i, struct message *m)
{
    i->bytes -= m->size;
    if (message_is_from_gateway(m)) {
        map_remove(&i->publishes, &m->by_name);
        return;
    }
    map_remove(&i->rows, &m->by_name);
    i->row_bytes -= m->size;
}

void inbox_enter(struct inbox *i, struct message *m)
{
    assert(!m->head && !list_is_linked(&m->place));
    m->head = heads_hold(&i->heads, m->channel);
    m->need = message_next_need(m, NEED_RECEIPT);
    enter_name(i, m);
    struct message *leader = m->key.n ? find_leader(i, m) : NULL;
    m->stage = leader ? FOLLOWING : WAITING;
    list_append(leader ? &leader->followers : &m->head->waiting, &m->place);
    count(i, m, 1);
    if (leader)
        return;
    if (m->key.n) {
        m->leads_key = true;
        map_insert(&i->keys, &m->by_key, key_hash(m));
    }
    ask_head(i, m->head);
    ask(i, m);
    inbox_advance(i, m->head);
}

void inbox_satisfy(struct inbox *i, struct message *m)
{
    assert(m->stage == WAITING && m->need != NEED_NOTHING);
    list_remove(&m->ask);
    m->need = message_next_need(m, m->need + 1);
    ask(i, m);
    inbox_advance(i, m->head);
}

void inbox_advance(struct inbox *i, struct head *head)
{
    struct message *m;
    while (head->known && (m = list_first(&head->waiting, struct message, place)) &&
           m->need == NEED_NOTHING)
        make_ready(i, m);
}

/* ---- out */

/* -> the first one of the channel whose turn it is, or NULL when nothing is ready */
static struct message *next(struct inbox *i)
{
    struct drr_flow *of_tenant, *of_head;
    if (!i->fair)
        return list_first(&i->in_order, struct message, place);
    while ((of_tenant = drr_next(&i->turns))) {
        struct tenant *t = container_of(of_tenant, struct tenant, turn);
        if (!(of_head = drr_next(&t->turns))) {
            drr_leave(of_tenant);
            continue;
        }
        struct head *head = container_of(of_head, struct head, turn);
        if (!list_is_empty(&head->ready))
            return list_first(&head->ready, struct message, place);
        drr_leave(of_head);
    }
    return NULL;
}

struct message *inbox_take(struct inbox *i, size_t room)
{
    struct message *m = next(i);
    if (!m || m->size > room)
        return NULL;
    drr_pay(&m->head->turn, m->size);
    drr_pay(&m->head->tenant->turn, m->size);
    count(i, m, -1);
    list_remove(&m->place);
    m->stage = FLYING; /* the caller puts it into a batch */
    return m;
}

void inbox_weigh(struct inbox *i, int64_t (*weight)(void *ctx, struct bytes tenant), void *ctx)
{
    struct tenant *t;
    map_for_each (t, &i->heads.tenants, by_name)
        drr_weigh(&t->turn, weight(ctx, t->name));
}

void inbox_leave(struct inbox *i, struct message *m)
{
    struct head *head = m->head;
    count(i, m, -1);
    list_remove(&m->place);
    list_remove(&m->ask);
    leave_name(i, m);
    if (m->leads_key)
        map_remove(&i->keys, &m->by_key);
    m->leads_key = false;
    m->head = NULL;
    inbox_advance(i, head); /* it may have held up others */
    heads_let_go(&i->heads, head);
}

void inbox_take_out(struct inbox *i, struct message *m, struct list *into)
{
    struct message *follower;
    inbox_leave(i, m);
    list_append(into, &m->place);
    while ((follower = list_first(&m->followers, struct message, place)))
        inbox_take_out(i, follower, into);
}

static void pour(struct list *from, struct list *into)
{
    struct message *m;
    while ((m = list_first(from, struct message, place))) {
        list_remove(&m->place);
        list_append(into, &m->place);
    }
}

void inbox_empty(struct inbox *i, struct list *into)
{
    struct message *m;
    struct head *head;
    /* Each channel's ready ones came before its waiting ones. While they leave, heads and
     * tenants may go: hence the list of messages first. */
    struct list out;
    list_init(&out);
    pour(&i->in_order, &out);
    map_for_each (head, &i->heads.by_name, by_name) {
        pour(&head->ready, &out);
        pour(&head->waiting, &out);
        drr_leave(&head->turn);
        drr_leave(&head->tenant->turn);
    }
    while ((m = list_first(&out, struct message, place)))
        inbox_take_out(i, m, into);
}

void inbox_fini(struct inbox *i)
{
    struct list all;
    struct message *m;
    list_init(&all);
    inbox_empty(i, &all);
    while ((m = list_first(&all, struct message, place))) {
        list_remove(&m->place);
        message_free(m);
    }
    heads_fini(&i->heads);
    map_fini(&i->publishes);
    map_fini(&i->rows);
    map_fini(&i->keys);
}
