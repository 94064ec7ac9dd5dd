#include "transport.h"

#include "tables.h"

static const struct transport transports[] = {
#define TRANSPORT(NAME, name, framing, one_way, methods)                                                     \
    {#name, FRAMING_##framing, one_way, offsetof(struct gateway_metrics, name##_connections),                 \
     offsetof(struct gateway_metrics, name##_connections_total)},
#include "transport.def"
#undef TRANSPORT
};

const struct transport *transport_of(enum transport_kind kind)
{
    return &transports[kind];
}
