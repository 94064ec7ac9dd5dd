#include "session.h"

#include "gateway.h"

#include "core/random.h"

#include <assert.h>
#include <stdlib.h>

struct session *session_new(struct gateway *g, struct connection *c)
{
    struct session *s = calloc(1, sizeof *s);
    assert(s);
    random_uuid(s->text);
    s->id = bytes_of(s->text, SESSION_BYTES);
    s->connection = c;
    map_insert(&g->sessions, &s->by_id, hash_bytes(s->id));
    return s;
}

void session_free(struct gateway *g, struct session *s)
{
    if (!s)
        return;
    map_remove(&g->sessions, &s->by_id);
    free(s);
}

struct connection *session_find(const struct gateway *g, struct bytes id)
{
    struct session *s = map_find_bytes(&g->sessions, id, struct session, by_id, id);
    return s ? s->connection : NULL;
}
