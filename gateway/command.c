#include "command.h"

#include "client.pb-c.h"

#include "core/json.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

/* What cellcast.publish publishes is a member of its data. */
int command_depth_max(const struct command *c)
{
    return c->kind == COMMAND_RPC && bytes_is(c->method, "cellcast.publish") ? JSON_DEPTH_MAX + 1 : JSON_DEPTH_MAX;
}

bool command_has_json(const struct command *c)
{
    return c->data.n > 0 && (c->data_is_json || json_check(c->data, command_depth_max(c), NULL) == 0);
}

void command_fini(struct command *c)
{
    wants_fini(&c->asked);
    buf_fini(&c->text);
    pb__command__free_unpacked(c->unpacked, NULL);
}

/* Every slice that a command has. */
static const size_t slices[] = {
#define SLICE(member) offsetof(struct command, member)
    SLICE(channel), SLICE(token), SLICE(method), SLICE(delta), SLICE(epoch), SLICE(data), SLICE(filter), SLICE(name), SLICE(version),
#undef SLICE
};

#define N_SLICES (sizeof slices / sizeof *slices)

struct command *command_keep(const struct command *c)
{
    size_t n = 1;
    struct command *kept = malloc(sizeof *kept);
    assert(kept);
    *kept = *c;
    kept->text = (struct buf){0};
    kept->asked = (struct wants){0};
    kept->headers = (struct bytes){0};
    kept->unpacked = NULL;
    for (size_t i = 0; i < N_SLICES; i++)
        n += ((const struct bytes *)((const char *)c + slices[i]))->n;
    buf_reserve(&kept->text, n); /* it does not move */
    for (size_t i = 0; i < N_SLICES; i++) {
        struct bytes *slice = (struct bytes *)((char *)kept + slices[i]);
        size_t at = kept->text.n;
        buf_append_bytes(&kept->text, *slice);
        *slice = bytes_of(kept->text.p + at, slice->n);
    }
    return kept;
}

void command_free(struct command *c)
{
    if (c)
        command_fini(c);
    free(c);
}
