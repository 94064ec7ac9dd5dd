/* How options travel from JSON into the structs that the tables tenant.def and namespace.def
 * generate. Part of config.c, apart because it is one idea: a table of (name, type, place) and
 * one setter per type. */
#ifndef GATEWAY_CONFIG_OPTIONS_H
#define GATEWAY_CONFIG_OPTIONS_H

#include "config.h"

#include <jansson.h>

/* Both fill every field, from `given` (an object, or NULL) or from the table's default. Texts
 * point into `given`, which has to live as long. Appends to `why` the reason of a failure, or a
 * line per option that is not known.
 * -> 0, -EBADMSG */
int tenant_options_read(struct tenant_options *ret, json_t *given, struct buf *why);
int namespace_options_read(struct namespace_options *ret, json_t *given, struct buf *why);
void tenant_options_fini(struct tenant_options *o);
void namespace_options_fini(struct namespace_options *o);

/* A JSON array of strings, or nothing. -> 0, -EBADMSG */
int texts_read(struct texts *ret, json_t *array);
void texts_fini(struct texts *t);

#endif
