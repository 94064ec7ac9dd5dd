/* Values of options: what is accepted prints as a text that reads as the same value. */
#include "run/option_value.h"

#include "fuzz.h"

static void check(int (*parse)(struct bytes, int64_t *), void (*put)(int64_t, struct buf *),
                  struct bytes text)
{
    int64_t value, again;
    struct buf printed = {0};
    if (parse(text, &value) < 0)
        return;
    put(value, &printed);
    FUZZ_CHECK(parse(buf_bytes(&printed), &again) == 0 && again == value);
    buf_fini(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    int64_t number;
    bool truth;
    check(option_parse_size, option_append_size, text);
    check(option_parse_duration, option_append_duration, text);
    if (option_parse_int(text, &number) == 0)
        FUZZ_CHECK(option_parse_size(text, &number) == 0);
    (void)option_parse_bool(text, &truth);
    return 0;
}
