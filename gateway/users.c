#include "users.h"

#include "connection.h"
#include "gateway.h"

#include <assert.h>
#include <stdlib.h>

void users_init(struct users *u)
{
    map_init(&u->all);
}

static void forget_all(struct users *u)
{
    struct user *user;
    map_for_each (user, &u->all, by_key)
        free(user);
    map_fini(&u->all);
}

void users_fini(struct users *u)
{
    forget_all(u);
}

/* -> 0: none */
static int64_t limit_of(const struct gateway *g, struct bytes tenant, struct bytes user)
{
    const struct config_tenant *t = g->config && user.n ? config_tenant(g->config, tenant) : NULL;
    return t ? t->options.user_connection_limit : 0;
}

static struct user *find(const struct users *u, struct bytes tenant, struct bytes user, struct buf *key)
{
    buf_append_bytes(key, tenant);
    buf_append_char(key, '/');
    buf_append_bytes(key, user);
    return map_find_bytes(&u->all, buf_bytes(key), struct user, by_key, key);
}

bool users_have_place(struct gateway *g, struct bytes tenant, struct bytes user)
{
    int64_t limit = limit_of(g, tenant, user);
    struct buf key = {0};
    if (limit == 0)
        return true;
    const struct user *known = find(&g->users, tenant, user, &key);
    buf_fini(&key);
    if (!known || known->connections < limit)
        return true;
    g->metrics.user_connections_refused_total++;
    return false;
}

static struct user *make(struct users *u, struct bytes key)
{
    struct user *user = calloc(1, sizeof *user + key.n);
    assert(user);
    memcpy(user->text, key.p, key.n);
    user->key = bytes_of(user->text, key.n);
    map_insert(&u->all, &user->by_key, hash_bytes(user->key));
    return user;
}

void users_enter(const struct connection *c)
{
    struct users *u = &c->gateway->users;
    struct buf key = {0};
    if (limit_of(c->gateway, connection_tenant(c), connection_user(c)) == 0)
        return;
    struct user *user = find(u, connection_tenant(c), connection_user(c), &key);
    if (!user)
        user = make(u, buf_bytes(&key));
    user->connections++;
    buf_fini(&key);
}

void users_leave(const struct connection *c)
{
    struct users *u = &c->gateway->users;
    struct buf key = {0};
    if (u->all.count == 0)
        return;
    struct user *user = find(u, connection_tenant(c), connection_user(c), &key);
    buf_fini(&key);
    if (!user || --user->connections)
        return;
    map_remove(&u->all, &user->by_key);
    free(user);
}

void users_configured(struct gateway *g)
{
    struct connection *c;
    forget_all(&g->users);
    users_init(&g->users);
    list_for_each (c, &g->connections, all)
        if (connection_has_place(c))
            users_enter(c);
}
