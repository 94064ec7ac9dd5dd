#include "origin.h"

#include "glob.h"

bool origin_allowed(struct texts patterns, struct bytes origin)
{
    if (origin.n == 0)
        return true;
    for (size_t i = 0; i < patterns.n; i++)
        if (glob_match_nocase(patterns.items[i], origin))
            return true;
    return false;
}
