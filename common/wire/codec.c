#include "wire/codec.h"

#include <assert.h>
#include <endian.h>

void wire_put_u8(struct buf *b, uint8_t v)
{
    buf_append(b, &v, 1);
}

void wire_put_u32(struct buf *b, uint32_t v)
{
    v = htole32(v);
    buf_append(b, &v, sizeof v);
}

void wire_put_u64(struct buf *b, uint64_t v)
{
    v = htole64(v);
    buf_append(b, &v, sizeof v);
}

void wire_put_str(struct buf *b, struct bytes v)
{
    assert(v.n <= UINT32_MAX);
    wire_put_u32(b, (uint32_t)v.n);
    buf_append_bytes(b, v);
}

static bool take(struct bytes *in, void *ret, size_t n)
{
    if (in->n < n)
        return false;
    memcpy(ret, in->p, n);
    in->p += n;
    in->n -= n;
    return true;
}

bool wire_get_u8(struct bytes *in, uint8_t *ret)
{
    return take(in, ret, 1);
}

bool wire_get_u32(struct bytes *in, uint32_t *ret)
{
    if (!take(in, ret, sizeof *ret))
        return false;
    *ret = le32toh(*ret);
    return true;
}

bool wire_get_u64(struct bytes *in, uint64_t *ret)
{
    if (!take(in, ret, sizeof *ret))
        return false;
    *ret = le64toh(*ret);
    return true;
}

bool wire_get_str(struct bytes *in, struct bytes *ret)
{
    uint32_t n;
    struct bytes rest = *in;
    if (!wire_get_u32(&rest, &n) || rest.n < n)
        return false;
    *ret = bytes_of(rest.p, n);
    *in = bytes_of(rest.p + n, rest.n - n);
    return true;
}
