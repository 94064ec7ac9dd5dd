#include "turns.h"

#include "connection.h"

static void on_serve(struct ev_loop *loop, ev_prepare *w, int events)
{
    struct turns *t = w->data;
    struct connection *c;
    for (int i = 0; i < TURN_OPENS && (c = list_first(&t->due, struct connection, turn)); i++) {
        list_remove(&c->turn);
        t->open(c);
    }
    if (list_is_empty(&t->due))
        ev_idle_stop(loop, &t->more);
    else
        ev_idle_start(loop, &t->more);
}

static void on_more(struct ev_loop *loop, ev_idle *w, int events)
{
}

void turns_start(struct turns *t, struct ev_loop *loop, void (*open)(struct connection *c))
{
    *t = (struct turns){.loop = loop, .open = open};
    list_init(&t->due);
    ev_prepare_init(&t->serve, on_serve);
    ev_idle_init(&t->more, on_more);
    t->serve.data = t;
    ev_prepare_start(loop, &t->serve);
}

void turns_stop(struct turns *t)
{
    ev_prepare_stop(t->loop, &t->serve);
    ev_idle_stop(t->loop, &t->more);
}

void turns_add(struct turns *t, struct connection *c)
{
    list_append(&t->due, &c->turn);
}
