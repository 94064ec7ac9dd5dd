/* What a client in the gateway's random test says. */
#include "random_client.h"

static const char *any_name(struct world *w)
{
    return world_name((int)world_dice(w, WORLD_CHANNELS));
}

/* Mostly one at which a client may stand; above the head at times. */
static uint64_t any_offset(struct world *w, int channel)
{
    uint64_t head = w->logs[channel].head;
    return world_once_in(w, 3) ? head + world_dice(w, 3) : world_dice(w, (uint32_t)head + 1);
}

static uint64_t any_epoch(struct world *w, int channel)
{
    uint64_t epoch = w->logs[channel].epoch;
    return world_once_in(w, 6) ? epoch - 1 + world_dice(w, 3) : epoch;
}

static void put_since(struct world *w, struct buf *b, int channel)
{
    if (world_once_in(w, 2))
        buf_printf(b, ",\"recover\":true,\"offset\":%llu", (unsigned long long)any_offset(w, channel));
    if (world_once_in(w, 2))
        buf_printf(b, ",\"epoch\":\"%llu\"", (unsigned long long)any_epoch(w, channel));
}

static void put_connect(struct world *w, struct buf *b, int channel)
{
    if (world_once_in(w, 12)) {
        buf_append_str(b, "\"token\":\"none of ours\"");
    } else if (world_once_in(w, 3)) {
        buf_printf(b, "\"subs\":{\"%s\":{\"recover\":true,\"offset\":%llu,\"epoch\":\"%llu\"}", world_name(channel),
                   (unsigned long long)any_offset(w, channel), (unsigned long long)any_epoch(w, channel));
        if (channel)
            buf_printf(b, ",\"%s\":{\"recover\":true}", world_name(channel - 1));
        buf_append_char(b, '}');
    } else {
        buf_append_str(b, "\"name\":\"js\"");
    }
}

static void put_subscribe(struct world *w, struct buf *b, int channel)
{
    buf_printf(b, "\"channel\":\"%s\"", world_name(channel));
    put_since(w, b, channel);
    if (world_once_in(w, 8))
        buf_append_str(b, ",\"flag\":3");
    if (world_once_in(w, 6))
        buf_append_str(b, ",\"delta\":\"fossil\"");
    if (world_once_in(w, 3))
        buf_append_str(b, ",\"positioned\":true,\"recoverable\":true,\"join_leave\":true");
}

static void put_channel(struct world *w, struct buf *b, int channel)
{
    buf_printf(b, "\"channel\":\"%s\"", world_name(channel));
}

static void put_publish(struct world *w, struct buf *b, int channel)
{
    buf_printf(b, "\"channel\":\"%s\",\"data\":1", world_name(channel));
}

static void put_history(struct world *w, struct buf *b, int channel)
{
    buf_printf(b, "\"channel\":\"%s\",\"limit\":%d", world_name(channel), (int)world_dice(w, 5) - 1);
    if (world_once_in(w, 3))
        buf_append_str(b, ",\"reverse\":true");
}

static void put_rpc(struct world *w, struct buf *b, int channel)
{
    switch (world_dice(w, 4)) {
    case 0:
    case 1:
        buf_printf(b, "\"method\":\"cellcast.focus\",\"data\":{\"focus\":%s", world_once_in(w, 2) ? "true" : "false");
        if (world_once_in(w, 2))
            buf_printf(b, ",\"channels\":[\"%s\"]", world_name(channel));
        break;
    case 2:
        buf_printf(b, "\"method\":\"cellcast.publish\",\"data\":{\"channel\":\"%s\",\"data\":1,\"after\":[\"%s@%llu\"]",
                   world_name(channel), any_name(w), (unsigned long long)any_offset(w, channel));
        break;
    default:
        buf_append_str(b, "\"method\":\"ours\",\"data\":{");
    }
    buf_append_char(b, '}');
}

/* Ends the connection of whoever has no token to refresh. */
static void put_refresh(struct world *w, struct buf *b, int channel)
{
    buf_append_str(b, "\"token\":\"none of ours\"");
}

static const struct {
    uint32_t weight;
    const char *name;
    void (*put)(struct world *w, struct buf *b, int channel);
} commands[] = {
    {70, "subscribe", put_subscribe},
    {40, "unsubscribe", put_channel},
    {20, "publish", put_publish},
    {20, "history", put_history},
    {10, "presence", put_channel},
    {5, "presence_stats", put_channel},
    {24, "rpc", put_rpc},
    {1, "refresh", put_refresh},
    {10, "sub_refresh", put_channel},
};
#define WEIGHTS 200

void random_command(struct random_client *c, struct buf *into)
{
    struct world *w = c->world;
    int channel = (int)world_dice(w, WORLD_CHANNELS);
    uint32_t id = ++c->last_id, at = world_dice(w, WEIGHTS);
    size_t i = 0;
    for (; at >= commands[i].weight; i++)
        at -= commands[i].weight;
    if (into->n)
        buf_append_char(into, '\n');
    c->asked[id] = id == 1 ? "connect" : commands[i].name;
    c->channels[id] = channel;
    buf_printf(into, "{\"id\":%u,\"%s\":{", id, c->asked[id]);
    if (id == 1)
        put_connect(w, into, channel);
    else
        commands[i].put(w, into, channel);
    buf_append_str(into, "}}");
}
