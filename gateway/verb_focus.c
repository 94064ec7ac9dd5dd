/* The rpc cellcast.focus: whether somebody looks at what a client shows (passive.h). */
#include "gateway.h"
#include "hub.h"
#include "passive.h"
#include "reply.h"
#include "rpc.h"

#include "core/json.h"

static void turn(struct sub *s, bool focus)
{
    if (!s->live)
        return;
    if (focus)
        passive_end(s);
    else
        passive_begin(s);
}

static void turn_all(struct connection *c, bool focus)
{
    c->unfocused = !focus; /* what it subscribes to from now on, too */
    for (uint32_t i = 0; i < c->n_subs; i++)
        turn(c->subs[i], focus);
}

/* -> the subscription that a name in an array of channels means, or NULL: it has none */
static struct sub *named(struct connection *c, struct bytes name_json)
{
    const struct config *config = c->gateway->config;
    const struct config_tenant *tenant = config_tenant(config, connection_tenant(c));
    struct config_channel ch;
    struct buf name = {0};
    const struct channel *channel = NULL;
    if (tenant && json_string(name_json, &name) == 0 && config_resolve(config, tenant, buf_bytes(&name), &ch) == 0)
        channel = hub_find(c->gateway, ch.full);
    buf_fini(&name);
    return channel ? connection_sub(c, channel) : NULL;
}

/* -> 0, or 103: one of them is not subscribed to; those before it are turned */
static uint32_t turn_named(struct connection *c, struct bytes channels, bool focus)
{
    struct json_iter it;
    struct bytes item;
    json_array_each(&it, channels, &item)
    {
        struct sub *s = named(c, item);
        if (!s)
            return 103;
        turn(s, focus);
    }
    return 0;
}

/* {"focus":false}, for the connection; {"focus":false,"channels":["…"]} for those */
void rpc_focus(struct connection *c, const struct command *m)
{
    struct bytes focus_json = json_member(m->data, "focus"), channels = json_member(m->data, "channels");
    bool focus = json_type(focus_json) == JSON_TRUE, all = json_is_absent(channels);
    uint32_t code = 0;
    if (json_type(m->data) != JSON_OBJECT || (!focus && json_type(focus_json) != JSON_FALSE) ||
        (!all && json_type(channels) != JSON_ARRAY))
        code = 107;
    else if (all)
        turn_all(c, focus);
    else
        code = turn_named(c, channels, focus);
    if (code) {
        connection_reply_error(c, m->id, code);
        return;
    }
    connection_reply(c, &(struct reply){.id = m->id, .kind = REPLY_RPC, .data = BYTES("{}")});
}
