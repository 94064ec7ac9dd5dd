#include "rpc.h"

#include "reply.h"
#include "verb_proxy.h"

#include "core/json.h"

static const struct {
    const char *method;
    void (*run)(struct connection *c, const struct command *m);
} methods[] = {
    {"cellcast.publish", rpc_publish},
    {"cellcast.presence", rpc_presence},
    {"cellcast.focus", rpc_focus},
};

bool rpc_text(struct bytes object, const char *name, struct buf *memory, struct bytes *ret)
{
    struct bytes value = json_member(object, name);
    size_t start = memory->n;
    if (json_is_absent(value))
        return true;
    if (json_string(value, memory) < 0)
        return false;
    *ret = bytes_of(memory->p + start, memory->n - start);
    return true;
}

void rpc_reply(struct connection *c, uint32_t id, struct buf *data)
{
    connection_reply(c, &(struct reply){.id = id, .kind = REPLY_RPC, .data = buf_bytes(data)});
    buf_fini(data);
}

static void run(struct connection *c, const struct command *m, void (*method)(struct connection *c, const struct command *m))
{
    if (command_has_json(m))
        method(c, m);
    else
        connection_reply_error(c, m->id, 107);
}

/* ---- what is not ours is the application's */

#define OURS "cellcast."

static void answered(void *ctx, const struct proxy_answer *a)
{
    struct errand *e = ctx;
    uint32_t id = e->id;
    struct connection *c = errand_end(e);
    if (!verb_proxy_refused(c, id, a))
        connection_reply(c, &(struct reply){.id = id, .kind = REPLY_RPC, .data = a->result.data});
}

static void ask(struct connection *c, const struct command *m)
{
    const struct config_tenant *t = verb_proxy_tenant(c);
    struct proxy_question q = {
        .event = PROXY_RPC, .method = m->method, .data = m->data, .binary = m->data.n && !command_has_json(m)};
    if (!proxy_is_set(t, PROXY_RPC)) {
        connection_reply_error(c, m->id, 108);
        return;
    }
    struct errand *e = errand_new(c, m->id);
    errand_orders(e);
    e->proxy = proxy_ask(c, t, &q, answered, e);
}

void verb_rpc(struct connection *c, const struct command *m)
{
    if (m->too_deep) {
        connection_reply_error(c, m->id, 107);
        return;
    }
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (!bytes_is(m->method, methods[i].method))
            continue;
        run(c, m, methods[i].run);
        return;
    }
    if (bytes_starts(m->method, BYTES(OURS)))
        connection_reply_error(c, m->id, 104);
    else
        ask(c, m);
}
