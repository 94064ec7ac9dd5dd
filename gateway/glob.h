/* Patterns over names: `*` any run of characters, the empty one too, `?` any one character, all
 * others themselves. Needs no memory and at most pattern times text steps. */
#ifndef GATEWAY_GLOB_H
#define GATEWAY_GLOB_H

#include "core/bytes.h"

bool glob_match(struct bytes pattern, struct bytes text);
bool glob_match_nocase(struct bytes pattern, struct bytes text); /* ASCII letters alike */

#endif
