/* Decimal numbers of any length, as text, compared exactly: -12.50 = -12.5 < 3. */
#ifndef GATEWAY_DECIMAL_H
#define GATEWAY_DECIMAL_H

#include "core/bytes.h"

/* Slices of the text. */
struct decimal {
    bool negative;      /* never for 0 */
    struct bytes whole; /* digits without leading zeros */
    struct bytes part;  /* digits behind the point, without trailing zeros */
};

/* [+-] digits [ . digits ]. -> whether it is one */
bool decimal_read(struct bytes text, struct decimal *ret);
/* -> below, at, above 0 */
int decimal_compare(const struct decimal *a, const struct decimal *b);

#endif
