#include "codes.h"

bool disconnect_comes_back(uint32_t code)
{
    return code < 3500 || (code >= 4000 && code < 4500) || code >= 5000;
}

const char *disconnect_reason(uint32_t code)
{
    switch (code) {
#define DISCONNECT(name, number, reason)                                                                     \
    case number:                                                                                             \
        return reason;
#define UNSUBSCRIBE(name, number, reason)
#include "codes.def"
#undef DISCONNECT
#undef UNSUBSCRIBE
    default:
        return "disconnect";
    }
}

const char *unsubscribe_reason(uint32_t code)
{
    switch (code) {
#define DISCONNECT(name, number, reason)
#define UNSUBSCRIBE(name, number, reason)                                                                    \
    case number:                                                                                             \
        return reason;
#include "codes.def"
#undef DISCONNECT
#undef UNSUBSCRIBE
    default:
        return "unsubscribe";
    }
}
