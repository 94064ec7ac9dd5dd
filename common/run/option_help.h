/* What options_parse prints: the page of --help, the object of --print-config, the nearest
 * flag. */
#ifndef RUN_OPTION_HELP_H
#define RUN_OPTION_HELP_H

#include "run/options.h"

void option_help(const char *program, const char *summary, const struct option_spec *specs,
                 size_t n_specs, const struct option_spec *common, size_t n_common, bool words,
                 struct buf *into);
void option_config(const struct option_spec *specs, size_t n_specs, const void *options,
                   struct buf *into);
/* Insertions, deletions, changes and swaps of neighbours that make b of a; 64 when one of them
 * is longer than 63 bytes. */
unsigned option_distance(struct bytes a, struct bytes b);

#endif
