#include "pace.h"

#include <math.h>

void pace_age(struct pace *p, uint32_t now_ms)
{
    float weight = expf(-(float)(now_ms - p->at_ms) / (PACE_S * 1000.f));
    p->deliveries *= weight;
    p->bytes *= weight;
    p->at_ms = now_ms;
}
