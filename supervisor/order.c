#include "order.h"

#include "core/json.h"

#include <errno.h>

static int refuse(int status, const char *why, struct buf *body)
{
    buf_append_str(body, "{\"error\":");
    json_append_string(body, bytes_str(why));
    buf_append_str(body, "}\n");
    return status;
}

/* The value of the only name in a query, or empty. */
static struct bytes value_of(struct bytes query, const char *wanted)
{
    struct bytes name, value;
    if (query_next(&query, &name, &value) && bytes_is(name, wanted) && query.n == 0)
        return value;
    return bytes_of(NULL, 0);
}

static int scale(struct supervisor *s, struct bytes query, struct buf *body)
{
    struct scale to;
    struct buf error;
    uint32_t partitions = s->cell.plan.partitions;
    int status = 200;
    buf_init(&error);
    if (scale_read(query, &to, &error) < 0)
        status = refuse(400, error.p, body);
    else if (partitions && to.workers > partitions) {
        buf_printf(&error, "workers=%u: the cell has %u partitions, and a worker without one has nothing to do", to.workers, partitions);
        status = refuse(400, error.p, body);
    } else if (supervisor_scale(s, to.gateways, to.workers) < 0)
        status = refuse(409, "the cell stops", body);
    else
        buf_printf(body, "{\"gateways\":%u,\"workers\":%u}\n",
                   s->cell.crews[ROLE_GATEWAY].wanted, s->cell.crews[ROLE_WORKER].wanted);
    buf_fini(&error);
    return status;
}

static int restart(struct supervisor *s, struct bytes query, struct buf *body)
{
    int n = supervisor_restart(s, value_of(query, "what"));
    if (n == -EBUSY)
        return refuse(409, "the cell stops", body);
    if (n < 0)
        return refuse(400, "what=all, gateways, workers, or the name of one (gateway-2)", body);
    buf_printf(body, "{\"processes\":%d}\n", n);
    return 200;
}

static int set_aside(struct supervisor *s, struct bytes query, bool aside, struct buf *body)
{
    struct bytes gateway = value_of(query, "gateway");
    switch (supervisor_set_aside(s, gateway, aside)) {
    case 0:
        buf_printf(body, "{\"gateway\":\"%s\"}\n", cell_find(&s->cell, gateway)->name);
        return 200;
    case -EAGAIN:
        return refuse(409, "no other gateway takes connections: its clients would have nowhere to go", body);
    case -EBUSY:
        return refuse(409, "the cell stops", body);
    default:
        return refuse(400, "gateway=N: there is none of that number or name", body);
    }
}

static int drain(struct supervisor *s, struct bytes query, struct buf *body)
{
    return set_aside(s, query, true, body);
}

static int undrain(struct supervisor *s, struct bytes query, struct buf *body)
{
    return set_aside(s, query, false, body);
}

static const struct order {
    const char *path;
    int (*take)(struct supervisor *s, struct bytes query, struct buf *body);
} orders[] = {{"/scale", scale}, {"/restart", restart}, {"/drain", drain}, {"/undrain", undrain}};

static const struct order *find(const char *path)
{
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (strcmp(path, orders[i].path) == 0)
            return &orders[i];
    return NULL;
}

bool order_is(const char *path)
{
    return find(path);
}

int order_take(struct supervisor *s, const char *method, const char *path, struct bytes query,
               struct buf *body)
{
    if (strcmp(method, "POST") != 0)
        return refuse(405, "POST it", body);
    return find(path)->take(s, query, body);
}
