/* What libFuzzer calls with one input; __builtin_trap is a finding. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(truth)                                                                      \
    do {                                                                                       \
        if (!(truth))                                                                          \
            __builtin_trap();                                                                  \
    } while (0)

#endif
