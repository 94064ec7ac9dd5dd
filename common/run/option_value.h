/* The text of one option's value, in both directions; for namespace and tenant options too. */
#ifndef RUN_OPTION_VALUE_H
#define RUN_OPTION_VALUE_H

#include "run/options.h"

/* Without a range. -> 0, or -EINVAL, -ERANGE (more than int64_t) */
int option_parse_int(struct bytes text, int64_t *ret_value);
int option_parse_size(struct bytes text, int64_t *ret_bytes);
int option_parse_duration(struct bytes text, int64_t *ret_ms);
int option_parse_bool(struct bytes text, bool *ret_value);

/* Puts the value into the options struct. TEXT keeps the pointer, so text lives as long as they
 * do.
 * -> 0, or -EINVAL (not such a value, or outside of min and max) */
int option_store(const struct option_spec *spec, void *options, const char *text);
/* "a whole number from 1 to 5" */
void option_append_expected(const struct option_spec *spec, struct buf *into);
/* As JSON. */
void option_append_value(const struct option_spec *spec, const void *options, struct buf *into);
/* "4s", "16k": in the largest unit that says it exactly. */
void option_append_duration(int64_t ms, struct buf *into);
void option_append_size(int64_t bytes, struct buf *into);

#endif
