#include "route.h"

static const struct route *const all[] = {&route_centrifugo, &route_plain, &route_nats};
#define N_ROUTES (sizeof all / sizeof *all)

const struct route *route_find(const char *name, struct buf *ret_error)
{
    for (size_t i = 0; i < N_ROUTES; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    buf_printf(ret_error, "--route: \"%s\" will not do; right would be", name);
    for (size_t i = 0; i < N_ROUTES; i++)
        buf_printf(ret_error, "%s %s", i ? "," : "", all[i]->name);
    return NULL;
}

void route_append_channel(const struct bench_options *o, uint64_t message, struct buf *into)
{
    buf_append_str(into, o->channel);
    buf_append_u64(into, message % (uint64_t)o->channels);
}
