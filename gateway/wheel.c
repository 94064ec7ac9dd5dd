#include "wheel.h"

void wheel_init(struct wheel *w, int64_t now_ns)
{
    for (int i = 0; i < WHEEL_SLOTS; i++)
        list_init(&w->slots[i]);
    w->tick = now_ns / WHEEL_TICK_NS;
}

void wheel_timer_init(struct wheel_timer *t, void (*fire)(struct wheel_timer *t))
{
    *t = (struct wheel_timer){.fire = fire};
    list_init(&t->link);
}

void wheel_set(struct wheel *w, struct wheel_timer *t, int64_t at_ns)
{
    int64_t tick = at_ns / WHEEL_TICK_NS + 1; /* a slot is walked when all of it is over */
    if (tick <= w->tick)
        tick = w->tick + 1;
    list_remove(&t->link);
    t->at_ns = at_ns;
    list_append(&w->slots[tick % WHEEL_SLOTS], &t->link);
}

void wheel_cancel(struct wheel_timer *t)
{
    list_remove(&t->link);
}

static void walk(struct wheel *w, struct list *slot, int64_t now_ns)
{
    struct list due;
    list_init(&due);
    if (list_is_empty(slot))
        return;
    list_insert_before(slot, &due); /* the whole ring of nodes changes its head */
    list_remove(slot);
    struct wheel_timer *t;
    while ((t = list_first(&due, struct wheel_timer, link))) {
        if (t->at_ns > now_ns) {
            wheel_set(w, t, t->at_ns);
        } else {
            list_remove(&t->link);
            t->fire(t);
        }
    }
}

void wheel_turn(struct wheel *w, int64_t now_ns)
{
    int64_t now = now_ns / WHEEL_TICK_NS;
    if (now - w->tick > WHEEL_SLOTS)
        w->tick = now - WHEEL_SLOTS; /* asleep for longer than the wheel: once around finds all */
    while (w->tick < now) {
        w->tick++;
        walk(w, &w->slots[w->tick % WHEEL_SLOTS], now_ns);
    }
}
