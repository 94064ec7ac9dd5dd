/* Socket.IO over WebSocket alone: Engine.IO 4 packets, one per message, the first characters
 * say which. Our server's events are 42["m",CHANNEL,DATA]; it acknowledges a subscribe. No
 * offsets, and no recovery of what was missed. */
#include "delivery.h"
#include "dialect.h"
#include "payload.h"
#include "scan.h"
#include "swarm.h"

#include "core/json.h"

static const struct bytes event = BYTES("42[\"m\",\""), before_data = BYTES("\",");

static struct bytes from(struct bytes text, size_t n)
{
    return bytes_of(text.p + n, text.n - n);
}

static void wait_for_open(struct connection *c)
{
}

static void on_open(struct connection *c, struct bytes handshake)
{
    uint64_t ms = 0;
    if (json_check(handshake, JSON_DEPTH_MAX, NULL) == 0)
        json_u64(json_member(handshake, "pingInterval"), &ms);
    c->ping_s = (uint16_t)(ms / 1000);
    connection_say(c, BYTES("40"));
}

static void on_connect(struct connection *c)
{
    struct buf text = {0};
    connection_accepted(c);
    for (size_t i = 0;
         i < (size_t)c->swarm->options->subscriptions && c->state == CONNECTION_JOINING; i++) {
        buf_clear(&text);
        buf_printf(&text, "42%zu[\"subscribe\",\"", i);
        connection_append_channel(c, i, &text);
        buf_append_str(&text, "\"]");
        connection_say(c, buf_bytes(&text));
    }
    buf_fini(&text);
}

static void on_event(struct connection *c, struct bytes packet, const struct stamp *at)
{
    struct delivery d = {0};
    struct bytes rest = from(packet, event.n);
    const char *quote = memchr(rest.p, '"', rest.n);
    size_t n = quote ? (size_t)(quote - rest.p) : rest.n, size;
    d.channel = bytes_of(rest.p, n);
    rest = from(rest, n);
    if (bytes_starts(rest, before_data) &&
        payload_read(from(rest, before_data.n), &d.number, &d.stamp_us, &size))
        delivery_take(c, delivery_find(c, d.channel), &d, at);
    else
        c->swarm->report->unreadable++;
}

static void receive(struct connection *c, struct bytes packet, const struct stamp *at)
{
    if (bytes_starts(packet, event))
        on_event(c, packet, at);
    else if (bytes_is(packet, "2"))
        connection_say(c, BYTES("3"));
    else if (bytes_starts(packet, BYTES("0")))
        on_open(c, from(packet, 1));
    else if (bytes_starts(packet, BYTES("40")))
        on_connect(c);
    else if (bytes_starts(packet, BYTES("43")))
        connection_subscribed(c);
    else if (bytes_starts(packet, BYTES("44")))
        connection_turned_away(c, false);
    else
        c->swarm->report->unreadable++;
}

const struct dialect dialect_socketio = {.name = "socketio",
                                         .path = "/socket.io/?EIO=4&transport=websocket",
                                         .join = wait_for_open,
                                         .receive = receive};
