#include "reconnect.h"

uint32_t reconnect_delay_ms(unsigned tries, uint64_t random)
{
    uint64_t top = (uint64_t)RECONNECT_MIN_MS << (tries < 10 ? tries : 10);
    if (top > RECONNECT_MAX_MS)
        top = RECONNECT_MAX_MS;
    uint64_t delay = RECONNECT_MIN_MS + random % (top + 1);
    return (uint32_t)(delay < RECONNECT_MAX_MS ? delay : RECONNECT_MAX_MS);
}
