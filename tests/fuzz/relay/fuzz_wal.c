/* A replication stream: frames of u16 length and bytes, one behind the other. Whatever comes, a
 * row that is given out keeps the promises of row.h, and its slices lie within its frame. */
#include "wal.h"

#include "fuzz.h"

#include "wire/channel.h"

static void check_within(struct bytes slice, struct bytes frame)
{
    FUZZ_CHECK(slice.n == 0 || (slice.p >= frame.p && slice.p + slice.n <= frame.p + frame.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wal wal;
    wal_init(&wal);
    while (size >= 2) {
        size_t n = (size_t)data[0] << 8 | data[1];
        data += 2, size -= 2;
        struct bytes frame = bytes_of(data, n < size ? n : size);
        struct row row = {0};
        enum wal_answer answer = wal_read(&wal, frame, &row);
        if (answer == WAL_ROW) {
            FUZZ_CHECK(row_valid(&row) && row.shard < SHARDS && wal.open);
            check_within(row.channel, frame);
            check_within(row.tenant, frame);
            check_within(row.data, frame);
            check_within(row.tags, frame);
            check_within(row.info, frame);
            check_within(row.after, frame);
        }
        if (answer == WAL_BROKEN)
            return 0;
        data += frame.n, size -= frame.n;
    }
    return 0;
}
