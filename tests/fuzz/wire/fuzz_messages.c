/* Every message: the first byte says which. What is decoded is encoded again as the same bytes.
 */
#include "wire/messages.h"

#include "fuzz.h"

#define TRY(name, FIELDS)                                                                      \
    static void try_##name(struct bytes in)                                                    \
    {                                                                                          \
        struct name m, first = {0};                                                            \
        struct buf b = {0};                                                                    \
        int answer = wire_get_##name(in, &first);                                              \
        if (answer == 0) {                                                                     \
            wire_put_##name(&b, &first);                                                       \
            FUZZ_CHECK(b.n <= in.n && memcmp(b.p, in.p, b.n) == 0);                            \
        }                                                                                      \
        struct bytes list = in;                                                                \
        int more;                                                                              \
        buf_clear(&b);                                                                         \
        while ((more = wire_next_##name(&list, &m)) > 0)                                       \
            wire_put_##name(&b, &m);                                                           \
        FUZZ_CHECK(b.n + list.n == in.n && (b.n == 0 || memcmp(b.p, in.p, b.n) == 0));         \
        FUZZ_CHECK((more == 0) == (list.n == 0));                                              \
        FUZZ_CHECK(in.n == 0 || (answer == 0) == (b.n > 0));                                   \
        buf_fini(&b);                                                                          \
    }
WIRE_MESSAGES(TRY)

#define CALL(name, FIELDS) try_##name,
static void (*const tries[])(struct bytes in) = {WIRE_MESSAGES(CALL)};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        tries[data[0] % (sizeof tries / sizeof *tries)](bytes_of(data + 1, size - 1));
    return 0;
}
