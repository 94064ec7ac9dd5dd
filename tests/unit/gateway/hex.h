/* Bytes written as hex: "08 01 22 04". */
#ifndef TEST_HEX_H
#define TEST_HEX_H

#include "core/buf.h"

#include <stdio.h>

static inline struct buf hex(const char *text)
{
    struct buf b = {0};
    unsigned byte;
    int n;
    for (; sscanf(text, "%2x%n", &byte, &n) == 1; text += n)
        buf_append_char(&b, (char)byte);
    return b;
}

/* have: struct buf *, which is empty afterwards. */
#define ck_assert_hex(have, text)                                                                            \
    do {                                                                                                     \
        struct buf hex_want_ = hex(text), *hex_have_ = (have), hex_shown_ = {0};                             \
        for (size_t hex_i_ = 0; hex_i_ < hex_have_->n; hex_i_++)                                             \
            buf_printf(&hex_shown_, "%02x ", (uint8_t)hex_have_->p[hex_i_]);                                 \
        ck_assert_msg(bytes_equal(buf_bytes(hex_have_), buf_bytes(&hex_want_)), "have %s, want %s",          \
                      hex_shown_.p ? hex_shown_.p : "nothing", text);                                        \
        buf_fini(&hex_want_);                                                                                \
        buf_fini(&hex_shown_);                                                                               \
        buf_fini(hex_have_);                                                                                 \
    } while (0)

#endif
