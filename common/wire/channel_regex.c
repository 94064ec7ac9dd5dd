#include "channel_regex.h"

#include "channel.h"

#include <assert.h>
#include <ctype.h>
#include <regex.h>
#include <stdlib.h>

struct channel_regex {
    regex_t compiled;
};

/* -> that letter, or 0 */
static char foreign_escape(struct bytes pattern)
{
    for (size_t i = 0; i + 1 < pattern.n; i++) {
        if (pattern.p[i] != '\\')
            continue;
        char c = pattern.p[++i];
        if (isalnum((unsigned char)c) && !strchr("wWsSb", c))
            return c;
    }
    return 0;
}

struct channel_regex *channel_regex_new(struct bytes pattern, struct buf *ret_why)
{
    char text[160], foreign = foreign_escape(pattern);
    if (foreign) {
        buf_printf(ret_why, "\\%c is not known in POSIX expressions", foreign);
        return NULL;
    }
    struct channel_regex *r = malloc(sizeof *r);
    char *copy = strndup(pattern.p, pattern.n);
    assert(r && copy);
    int error = regcomp(&r->compiled, copy, REG_EXTENDED | REG_NOSUB);
    free(copy);
    if (error == 0)
        return r;
    regerror(error, &r->compiled, text, sizeof text);
    buf_append_str(ret_why, text);
    free(r);
    return NULL;
}

void channel_regex_free(struct channel_regex *r)
{
    if (!r)
        return;
    regfree(&r->compiled);
    free(r);
}

bool channel_regex_matches(const struct channel_regex *r, struct bytes name)
{
    struct bytes namespace = channel_namespace(name);
    size_t skip = namespace.n ? (size_t)(namespace.p + namespace.n - name.p) + 1 : 0;
    regmatch_t whole = {.rm_so = 0, .rm_eo = (regoff_t)(name.n - skip)};
    return regexec(&r->compiled, name.p + skip, 1, &whole, REG_STARTEND) == 0;
}
