#include "dialect.h"

static const struct dialect *const all[] = {&dialect_centrifuge, &dialect_floor, &dialect_nats,
                                            &dialect_nchan, &dialect_socketio};
#define N_DIALECTS (sizeof all / sizeof *all)

const struct dialect *dialect_find(const char *name, struct buf *ret_error)
{
    for (size_t i = 0; i < N_DIALECTS; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    buf_printf(ret_error, "--dialect: \"%s\" will not do; right would be", name);
    for (size_t i = 0; i < N_DIALECTS; i++)
        buf_printf(ret_error, "%s %s", i ? "," : "", all[i]->name);
    return NULL;
}
