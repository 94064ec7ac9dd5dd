/* Whatever base and target are, the delta makes the one of the other; between code points, it is UTF-8 as they are.
 * An input: how to cut, where the target begins, base, target. */
#include "core/fossil.h"

#include "core/json.h"
#include "fossil_apply.h"
#include "fuzz.h"

#define AS_LONG 24 /* bytes that a delta may be longer than its target: size, head of a literal, checksum */

/* Through JSON and back, which makes UTF-8 of anything. */
static void put_text(struct buf *into, struct bytes from)
{
    struct buf quoted = {0};
    json_append_string(&quoted, from);
    if (json_string(buf_bytes(&quoted), into) < 0)
        buf_clear(into); /* a NUL */
    buf_fini(&quoted);
}

static void check(struct bytes base, struct bytes target, enum fossil_cut cut)
{
    struct buf delta = {0}, made = {0}, text = {0};
    fossil_encode(&delta, base, target, cut);
    FUZZ_CHECK(delta.n <= target.n + AS_LONG);
    FUZZ_CHECK(fossil_apply(&made, base, buf_bytes(&delta)) && bytes_equal(buf_bytes(&made), target));
    if (cut == FOSSIL_POINTS) {
        put_text(&text, buf_bytes(&delta));
        FUZZ_CHECK(bytes_equal(buf_bytes(&text), buf_bytes(&delta)));
    }
    buf_fini(&delta);
    buf_fini(&made);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf a = {0}, b = {0};
    if (size < 3)
        return 0;
    size_t n = (size_t)(data[1] << 8 | data[2]) % (size - 2);
    struct bytes base = bytes_of(data + 3, n), target = bytes_of(data + 3 + n, size - 3 - n);
    if (data[0] & 1)
        check(base, target, FOSSIL_BYTES);
    put_text(&a, base);
    put_text(&b, target);
    check(buf_bytes(&a), buf_bytes(&b), FOSSIL_POINTS);
    buf_fini(&a);
    buf_fini(&b);
    return 0;
}
