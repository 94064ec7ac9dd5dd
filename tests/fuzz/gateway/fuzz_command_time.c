/* A command in Protobuf that says the same again and again, whatever that is: eight times as long costs about eight times as much to read
 * (or as much as so many small numbers do, where what is shorter is refused), and not 64 times. The first byte says where the rest is repeated: in the command, its connect, or the filter of its subscribe. */
#include "command.h"
#include "fuzz.h"
#include "protobuf.h"

#include <time.h>

#define SHORT 8192
#define LONG (8 * SHORT)
#define RATIO 32 /* half of what is quadratic */
#define TRIES 5  /* somebody else's work on this core is in the CPU time, too */

static void put_head(struct buf *b, int field, size_t n)
{
    char head[UVARINT_MAX];
    buf_append_char(b, (char)(field << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED));
    buf_append(b, head, uvarint_write(head, n));
}

static void wrap(struct buf *b, int field)
{
    struct buf outer = {0};
    put_head(&outer, field, b->n);
    buf_append_bytes(&outer, buf_bytes(b));
    buf_fini(b);
    *b = outer;
}

static void build(struct buf *b, uint8_t where, struct bytes unit, size_t size)
{
    struct buf sized = {0};
    char head[UVARINT_MAX];
    for (size_t i = 0; i < size / unit.n; i++)
        buf_append_bytes(b, unit);
    if (where % 3 == 2)
        wrap(b, 13); /* tf */
    if (where % 3)
        wrap(b, where % 3 == 1 ? 4 : 5); /* connect, subscribe */
    buf_append(&sized, head, uvarint_write(head, b->n));
    buf_append_bytes(&sized, buf_bytes(b));
    buf_fini(b);
    *b = sized;
}

/* -> ns */
static int64_t cost(const struct buf *b)
{
    struct timespec began, ended;
    struct bytes frame = bytes_of(b->p, b->n);
    struct command m;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
    if (command_take_protobuf(&frame, &m) == 0)
        command_fini(&m);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
    return (ended.tv_sec - began.tv_sec) * 1000000000ll + ended.tv_nsec - began.tv_nsec;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct buf numbers;
    struct buf few = {0}, many = {0};
    if (n < 2 || n > 64)
        return 0;
    struct bytes unit = bytes_of(data + 1, n - 1);
    if (!numbers.n)
        build(&numbers, 0, BYTES("\x08\x01"), SHORT);
    build(&few, *data, unit, SHORT);
    build(&many, *data, unit, LONG);
    int dear = 0;
    while (dear < TRIES && cost(&many) > RATIO * larger(cost(&few), cost(&numbers)))
        dear++;
    FUZZ_CHECK(dear < TRIES);
    buf_fini(&few);
    buf_fini(&many);
    return 0;
}
