/* A second opinion. Its header and core/json.h do not go into one file. */
#ifndef TESTS_FUZZ_JANSSON_READS_H
#define TESTS_FUZZ_JANSSON_READS_H

#include "core/bytes.h"

bool jansson_reads(struct bytes text);

#endif
