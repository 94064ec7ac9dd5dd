#include "errand.h"

#include "gateway.h"
#include "proxy.h"

#include <assert.h>
#include <stdlib.h>

struct errand *errand_new(struct connection *c, uint32_t id)
{
    struct errand *e = calloc(1, sizeof *e);
    assert(e);
    e->connection = c;
    e->id = id;
    list_init(&e->by_connection);
    list_append(&c->errands, &e->by_connection);
    connection_began(c, false);
    return e;
}

struct errand *errand_keep(struct connection *c, const struct command *m)
{
    struct errand *e = errand_new(c, m->id);
    e->kept = command_keep(m);
    return e;
}

void errand_joins(struct errand *e)
{
    e->joins = true;
    e->connection->n_joining++;
}

void errand_orders(struct errand *e)
{
    assert(!e->connection->ordered);
    e->orders = true;
    e->connection->ordered = true;
}

struct command *errand_take(struct errand *e)
{
    struct command *kept = e->kept;
    e->kept = NULL;
    return kept;
}

struct connection *errand_end(struct errand *e)
{
    struct connection *c = e->connection;
    list_remove(&e->by_connection);
    if (e->orders)
        c->ordered = false;
    connection_ended(c, e->joins);
    command_free(e->kept);
    free(e);
    return c;
}

void errand_drop_all(struct connection *c)
{
    struct errand *e;
    while ((e = list_first(&c->errands, struct errand, by_connection))) {
        ops_cancel(c->gateway, e->ticket);
        history_cancel(e->history);
        proxy_cancel(e->proxy);
        errand_end(e);
    }
}
