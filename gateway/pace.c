#include "pace.h"

/* e^-x, within 0.2 % up to 1: libm's is code that nobody else here uses, fetched anew for each delivery. */
static float decay(float x)
{
    float eighth = 1 / (1 + x / 8 + x * x / 128), quarter = eighth * eighth, half = quarter * quarter;
    return half * half;
}

void pace_age(struct pace *p, uint32_t now_ms)
{
    float weight = decay((float)(now_ms - p->at_ms) / (PACE_S * 1000.f));
    p->deliveries *= weight;
    p->bytes *= weight;
    p->at_ms = now_ms;
}
