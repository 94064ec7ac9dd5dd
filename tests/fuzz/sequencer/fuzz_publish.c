/* A publish as it comes from a gateway's socket: decoded, checked, and, when nothing is wrong,
 * kept as it was. */
#include "message.h"

#include "fuzz.h"
#include "wire/channel.h"
#include "wire/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seq_publish p;
    if (wire_get_seq_publish(bytes_of(data, size), &p) < 0)
        return 0;
    struct message_fields f = {
        .origin = 1,
        .counter = p.counter,
        .shown = p.shown,
        .format = p.format,
        .unsure = p.retry,
        .channel = p.channel,
        .data = p.data,
        .tags = p.tags,
        .info = p.info,
        .after = p.after,
        .key = p.key,
    };
    if (message_refusal(&f))
        return 0;
    FUZZ_CHECK(p.data.n <= DATA_MAX && p.key.n <= KEY_MAX && p.shown >> 62 == 0);
    struct message *m = message_new(&f, 0);
    FUZZ_CHECK(bytes_equal(m->data, p.data) && bytes_equal(m->key, p.key) &&
               bytes_equal(m->after, p.after));
    FUZZ_CHECK(bytes_equal(m->tags, p.tags) && bytes_equal(m->info, p.info) &&
               bytes_equal(m->channel, p.channel));
    message_free(m);
    return 0;
}
