#include "command.h"

#include "client.pb-c.h"

#include "core/json.h"

bool command_has_json(const struct command *c)
{
    return c->data.n > 0 && (c->data_is_json || json_check(c->data, JSON_DEPTH_MAX, NULL) == 0);
}

void command_fini(struct command *c)
{
    wants_fini(&c->asked);
    buf_fini(&c->text);
    pb__command__free_unpacked(c->unpacked, NULL);
}
