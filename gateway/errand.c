#include "errand.h"

#include "gateway.h"

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

struct connection *errand_end(struct errand *e)
{
    struct connection *c = e->connection;
    list_remove(&e->by_connection);
    connection_ended(c, false);
    free(e);
    return c;
}

void errand_drop_all(struct connection *c)
{
    struct errand *e;
    while ((e = list_first(&c->errands, struct errand, by_connection))) {
        ops_cancel(c->gateway, e->ticket);
        history_cancel(e->history);
        errand_end(e);
    }
}
