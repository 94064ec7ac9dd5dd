/* A body in chunked coding: in pieces or at once it is the same one, and comes to the same end. The first byte says how large the pieces are. */
#include "chunked.h"

#include "core/buf.h"
#include "fuzz.h"

static enum chunked_state take(struct bytes coded, size_t step, struct buf *body)
{
    struct chunked c = {0};
    while (coded.n && c.state < CHUNKED_COMPLETE) {
        struct bytes piece = bytes_of(coded.p, coded.n < step ? coded.n : step);
        size_t n = piece.n;
        struct bytes data = chunked_take(&c, &piece);
        FUZZ_CHECK(piece.n < n && data.n <= n - piece.n);
        buf_append_bytes(body, data);
        coded = bytes_of(coded.p + n - piece.n, coded.n - n + piece.n);
    }
    return c.state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = {0}, pieces = {0};
    if (size < 2)
        return 0;
    struct bytes coded = bytes_of(data + 1, size - 1);
    enum chunked_state end = take(coded, coded.n, &whole);
    FUZZ_CHECK(take(coded, 1 + data[0] % 16, &pieces) == end);
    FUZZ_CHECK(bytes_equal(buf_bytes(&whole), buf_bytes(&pieces)));
    buf_fini(&whole);
    buf_fini(&pieces);
    return 0;
}
