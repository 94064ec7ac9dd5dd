/* The file of `cellcastctl apply`: either it is refused with a reason, or what comes out is JSON without a plain key. */
#include "ctl_schema.h"

#include "core/json.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out = {0}, faults = {0};
    struct bytes item;
    struct json_iter it;
    if (ctl_schema_check(bytes_of(data, size), &out, &faults) < 0) {
        FUZZ_CHECK(out.n == 0 && faults.n > 0 && faults.p[faults.n - 1] == '\n');
    } else {
        FUZZ_CHECK(faults.n == 0 && json_check(buf_bytes(&out), JSON_DEPTH_MAX, NULL) == 0);
        json_array_each(&it, json_member(buf_bytes(&out), "api_keys"), &item)
            FUZZ_CHECK(json_type(json_member(item, "key")) == JSON_NONE);
    }
    buf_fini(&out);
    buf_fini(&faults);
    return 0;
}
