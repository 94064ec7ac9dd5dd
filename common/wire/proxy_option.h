/* The tenant's options of proxies that are more than a text: what cellcastctl checks and gateways go by. */
#ifndef WIRE_PROXY_OPTION_H
#define WIRE_PROXY_OPTION_H

#include "core/bytes.h"

enum proxy_outcome { PROXY_OUTCOME_ERROR, PROXY_OUTCOME_TEMPORARY, PROXY_OUTCOME_DISCONNECT };

/* A row of proxy_status_transforms: STATUS WORD CODE TEXT, parted by single spaces. */
struct proxy_transform {
    uint32_t status; /* of HTTP, 100 to 599 but not 200 */
    enum proxy_outcome outcome;
    uint32_t code;     /* 1 to 65535; of a disconnect 3000 to 4999 */
    struct bytes text; /* points into the row */
};

bool proxy_transform_read(struct bytes row, struct proxy_transform *ret); /* -> false: it is none */
bool proxy_error_is_good(uint64_t code);
bool proxy_disconnect_is_good(uint64_t code); /* what a close frame carries; RFC 6455 7.4.2 */
bool proxy_header_name_is_good(struct bytes name);  /* RFC 9110 5.6.2, and none that a request has of itself */
bool proxy_header_value_is_good(struct bytes value); /* no control characters */
bool proxy_header_is_good(struct bytes line);       /* Name: value */

#endif
