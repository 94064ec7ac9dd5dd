/* What a balancer sends first: read in parts, as long as it wants more. */
#include "proxy_header.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct proxy_header h;
    struct source from;
    size_t at = 0;
    int wants;
    h = (struct proxy_header){0};
    while ((wants = proxy_header_wants(&h)) > 0 && at < size) {
        FUZZ_CHECK(h.n + (unsigned)wants <= PROXY_HEADER_MAX);
        size_t part = (size_t)(1 + data[at] % wants);
        if (part > size - at)
            part = size - at;
        memcpy(h.bytes + h.n, data + at, part);
        h.n += (unsigned)part;
        at += part;
    }
    if (wants != 0)
        return 0;
    FUZZ_CHECK(h.n >= PROXY_HEAD && h.n == PROXY_HEAD + h.bytes[14] * 256u + h.bytes[15]);
    memset(&from, 0, sizeof from);
    if (proxy_header_read(&h, &from) == PROXY_ADDRESS) {
        char text[SOURCE_TEXT_MAX] = "";
        source_text(from, text);
        FUZZ_CHECK(text[0] || source_is_none(from));
    }
    return 0;
}
