/* The table transport.def. What a connection is goes by its transport in a few places only: how it is written to (ws_*.c,
 * framing.h), that a one-way client says nothing behind its connect, no pong either, and that where commands do not come
 * over the same socket they come through /emulation (emulation.h). */
#ifndef GATEWAY_TRANSPORT_H
#define GATEWAY_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

enum transport_kind {
#define TRANSPORT(NAME, name, FRAMING, one_way, methods) TRANSPORT_##NAME,
#include "transport.def"
#undef TRANSPORT
    TRANSPORTS
};

enum framing { FRAMING_MESSAGES /* of a WebSocket */, FRAMING_LINES, FRAMING_EVENTS };

struct transport {
    const char *name; /* "http_stream" */
    enum framing framing;
    bool one_way;
    size_t open, opened; /* offsets of its gauge and its counter in struct gateway_metrics */
};

const struct transport *transport_of(enum transport_kind kind);
/* Its commands come through /emulation. */
static inline bool transport_emulated(const struct transport *t)
{
    return t->framing != FRAMING_MESSAGES && !t->one_way;
}

#endif
