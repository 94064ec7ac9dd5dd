/* A Kafka record: the first byte is the length of its key, the key and the value follow. */
#include "pub.h"
#include "record.h"
#include "wire/channel.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum record_kind kind;
    struct publication p, again;
    struct fan_publication outer;
    size_t n = size ? data[0] : 0;
    if (size < 1 + n)
        return 0;
    struct bytes key = bytes_of(data + 1, n), value = bytes_of(data + 1 + n, size - 1 - n);
    struct presence_news news;
    if (record_news(key, value, &news) == 0)
        FUZZ_CHECK(channel_full_valid(key) && record_decode(key, value, &kind, &p) < 0);
    if (record_decode(key, value, &kind, &p) < 0)
        return 0;
    FUZZ_CHECK(channel_full_valid(key) && p.data.n <= DATA_MAX && p.seq < INT64_MAX);
    FUZZ_CHECK((kind == RECORD_EPHEMERAL) == (p.seq == 0));
    struct pub *pub = pub_new(key, &p);
    FUZZ_CHECK(wire_get_fan_publication(pub_body(pub), &outer) == 0);
    FUZZ_CHECK(wire_get_publication(outer.publication, &again) == 0);
    FUZZ_CHECK(bytes_equal(outer.channel, key) && bytes_equal(again.data, p.data));
    FUZZ_CHECK(bytes_equal(outer.publication, pub_inner(pub)) && again.sent_us == 0);
    pub_unref(pub);
    return 0;
}
