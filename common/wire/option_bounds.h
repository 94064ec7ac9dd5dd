/* Bounds of options (namespace.def, tenant.def) that their types do not say. A gateway takes a configuration as a whole or
 * not at all: what it refuses, `cellcastctl apply` has to have refused, so both go by these (and by channel.h for names,
 * public_key.h for keys); tests/unit/supervisor/test_apply_borders.c holds them together. */
#ifndef WIRE_OPTION_BOUNDS_H
#define WIRE_OPTION_BOUNDS_H

#define OPTION_INT_MAX 2147483647             /* of every INT; PL/pgSQL reads some as integer */
#define JOIN_LEAVE_LINGER_MAX (3600 * 1000LL) /* ms */
#define BATCH_DELAY_MAX 1000                  /* ms */
#define WEBHOOK_LINGER_MAX (3600 * 1000LL)    /* ms */

#endif
