/* A filter, \n, tags: whatever they are, the filter's negation says the opposite. */
#include "filter.h"
#include "tags.h"

#include "core/json.h"
#include "fuzz.h"

static const struct filter_bounds bounds = {.nodes = 64, .depth = 8, .bytes = 4096};

static bool judge(struct bytes text, const struct tags *t, bool *ret)
{
    struct filter *f;
    const char *why = NULL;
    if (filter_new(text, &bounds, &f, &why) < 0) {
        FUZZ_CHECK(why && *why);
        return false;
    }
    *ret = filter_passes(f, t);
    filter_free(f);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t n = line ? (size_t)(line - data) : size, skip = line ? n + 1 : n;
    struct bytes text = bytes_of(data, n), object = bytes_of(data + skip, size - skip);
    bool says, denies;
    if (json_check(text, JSON_DEPTH_MAX, NULL) < 0 || json_check(object, JSON_DEPTH_MAX, NULL) < 0)
        return 0;
    struct tags *t = tags_new(object);
    struct buf not = {0};
    buf_append_str(&not, "{\"op\":\"not\",\"nodes\":[");
    buf_append_bytes(&not, text);
    buf_append_str(&not, "]}");
    if (judge(text, t, &says) && judge(buf_bytes(&not), t, &denies))
        FUZZ_CHECK(says != denies);
    buf_fini(&not);
    tags_free(t);
    return 0;
}
