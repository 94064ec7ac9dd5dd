#include "order.h"

void order_begin(struct order *o, uint64_t next)
{
    *o = (struct order){.next = next, .begun = true};
}

enum order_answer order_take(struct order *o, uint64_t number, uint64_t *ret_missed)
{
    if (!o->begun)
        order_begin(o, number);
    if (number < o->next) {
        if (o->holes == 0)
            return ORDER_REPEAT;
        o->holes--;
        return ORDER_DISORDER;
    }
    uint64_t missed = number - o->next;
    o->next = number + 1;
    if (missed == 0)
        return ORDER_RIGHT;
    o->holes += missed;
    *ret_missed = missed;
    return ORDER_HOLE;
}
