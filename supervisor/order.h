/* What an operator orders by the admin port (cellcastctl does):
 *
 *     POST /scale?gateways=N&workers=M     {"gateways":N,"workers":M}
 *     POST /restart?what=gateways          {"processes":3}         all, gateways, workers, or one by its name
 *     POST /drain?gateway=3                {"gateway":"gateway-3"} gets no connections, and its clients go
 *     POST /undrain?gateway=3              {"gateway":"gateway-3"} takes them again
 *
 * Refused: {"error":"why"}. How far it is: GET /status. */
#ifndef SUPERVISOR_ORDER_H
#define SUPERVISOR_ORDER_H

#include "supervisor.h"

bool order_is(const char *path);
/* -> HTTP status; appends the answer */
int order_take(struct supervisor *s, const char *method, const char *path, struct bytes query,
               struct buf *body);

struct scale {
    unsigned gateways, workers; /* 0: as it is */
};
/* query: gateways=N&workers=M, at least one of them. -> 0, or -EINVAL with what would be right in ret_error */
int scale_read(struct bytes query, struct scale *ret_scale, struct buf *ret_error);
/* One name=value off the front of a query. */
bool query_next(struct bytes *query, struct bytes *ret_name, struct bytes *ret_value);

#endif
