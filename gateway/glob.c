#include "glob.h"

static char fold(char c, bool nocase)
{
    return nocase && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* One star is enough to come back to: when a later one was reached, an earlier one can only
 * repeat what it found. */
static bool match(struct bytes pattern, struct bytes text, bool nocase)
{
    size_t p = 0, t = 0, star = SIZE_MAX, star_at = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            star_at = t;
        } else if (p < pattern.n && (pattern.p[p] == '?' ||
                                     fold(pattern.p[p], nocase) == fold(text.p[t], nocase))) {
            p++, t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++star_at;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

bool glob_match(struct bytes pattern, struct bytes text)
{
    return match(pattern, text, false);
}

bool glob_match_nocase(struct bytes pattern, struct bytes text)
{
    return match(pattern, text, true);
}
