#include "pg/params.h"

#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <stdlib.h>

/* pg_type.dat */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_BYTEA_ARRAY = 1001,
    OID_INT2_ARRAY = 1005,
    OID_TEXT_ARRAY = 1009,
    OID_INT8_ARRAY = 1016,
};

static const struct {
    Oid array, element;
} array_types[] = {
    [PG_ARRAY_I16] = {OID_INT2_ARRAY, OID_INT2},
    [PG_ARRAY_I64] = {OID_INT8_ARRAY, OID_INT8},
    [PG_ARRAY_TEXT] = {OID_TEXT_ARRAY, OID_TEXT},
    [PG_ARRAY_BYTEA] = {OID_BYTEA_ARRAY, OID_BYTEA},
};

/* array_recv: dimensions, has-null flag, element type, then (size, lower bound) for each
 * dimension */
enum { ARRAY_DIMENSIONS = 0, ARRAY_HAS_NULL = 4, ARRAY_SIZE = 12, ARRAY_HEADER_EMPTY = 12 };

struct pg_params *pg_params_new(void)
{
    struct pg_params *a = calloc(1, sizeof *a);
    assert(a);
    return a;
}

void pg_params_free(struct pg_params *a)
{
    if (!a)
        return;
    buf_fini(&a->data);
    free(a);
}

void pg_params_clear(struct pg_params *a)
{
    assert(!a->array_open);
    buf_clear(&a->data);
    a->n = 0;
}

void pg_params_values(const struct pg_params *a, const char *ret_values[PG_PARAMS_MAX])
{
    for (int i = 0; i < a->n; i++)
        ret_values[i] = a->nulls[i] ? NULL : a->data.p + a->offsets[i];
}

static void put_u16(struct buf *b, uint16_t v)
{
    v = htobe16(v);
    buf_append(b, &v, sizeof v);
}

static void put_u32(struct buf *b, uint32_t v)
{
    v = htobe32(v);
    buf_append(b, &v, sizeof v);
}

static void put_u64(struct buf *b, uint64_t v)
{
    v = htobe64(v);
    buf_append(b, &v, sizeof v);
}

static void set_u32(struct buf *b, size_t at, uint32_t v)
{
    v = htobe32(v);
    memcpy(b->p + at, &v, sizeof v);
}

/* Begins the next parameter at the end of data; a NUL behind it keeps what is empty apart from
 * null. */
static void param_begin(struct pg_params *a, Oid type, int format)
{
    assert(a->n < PG_PARAMS_MAX && !a->array_open);
    buf_reserve(&a->data, 0);
    a->offsets[a->n] = a->data.n;
    a->nulls[a->n] = false;
    a->types[a->n] = type;
    a->formats[a->n] = format;
}

static void param_end(struct pg_params *a)
{
    size_t length = a->data.n - a->offsets[a->n];
    assert(length <= INT_MAX);
    a->lengths[a->n++] = (int)length;
    buf_append_char(&a->data, 0);
}

void pg_add_null(struct pg_params *a)
{
    param_begin(a, 0, 1);
    a->nulls[a->n] = true;
    param_end(a);
}

void pg_add_bool(struct pg_params *a, bool v)
{
    param_begin(a, OID_BOOL, 1);
    buf_append_char(&a->data, v);
    param_end(a);
}

void pg_add_i16(struct pg_params *a, int16_t v)
{
    param_begin(a, OID_INT2, 1);
    put_u16(&a->data, (uint16_t)v);
    param_end(a);
}

void pg_add_i32(struct pg_params *a, int32_t v)
{
    param_begin(a, OID_INT4, 1);
    put_u32(&a->data, (uint32_t)v);
    param_end(a);
}

void pg_add_i64(struct pg_params *a, int64_t v)
{
    param_begin(a, OID_INT8, 1);
    put_u64(&a->data, (uint64_t)v);
    param_end(a);
}

/* Text goes like a quoted literal: text format, type by the server, so that it serves as json,
 * uuid or pg_lsn too. libpq ends that format at a NUL: text that holds one goes in binary, for
 * the server to refuse. */
void pg_add_text(struct pg_params *a, struct bytes v)
{
    param_begin(a, 0, v.n > 0 && memchr(v.p, 0, v.n) ? 1 : 0);
    buf_append_bytes(&a->data, v);
    param_end(a);
}

void pg_add_bytea(struct pg_params *a, struct bytes v)
{
    param_begin(a, OID_BYTEA, 1);
    buf_append_bytes(&a->data, v);
    param_end(a);
}

void pg_array_open(struct pg_params *a, enum pg_array_type type)
{
    param_begin(a, array_types[type].array, 1);
    a->array_open = true;
    a->array_items = 0;
    put_u32(&a->data, 1);
    put_u32(&a->data, 0);
    put_u32(&a->data, array_types[type].element);
    put_u32(&a->data, 0);
    put_u32(&a->data, 1);
}

static void array_item(struct pg_params *a, uint32_t length)
{
    assert(a->array_open);
    a->array_items++;
    put_u32(&a->data, length);
}

void pg_array_i16(struct pg_params *a, int16_t v)
{
    assert(a->types[a->n] == OID_INT2_ARRAY);
    array_item(a, sizeof v);
    put_u16(&a->data, (uint16_t)v);
}

void pg_array_i64(struct pg_params *a, int64_t v)
{
    assert(a->types[a->n] == OID_INT8_ARRAY);
    array_item(a, sizeof v);
    put_u64(&a->data, (uint64_t)v);
}

void pg_array_bytes(struct pg_params *a, struct bytes v)
{
    assert(a->types[a->n] == OID_TEXT_ARRAY || a->types[a->n] == OID_BYTEA_ARRAY);
    assert(v.n <= INT_MAX);
    array_item(a, (uint32_t)v.n);
    buf_append_bytes(&a->data, v);
}

void pg_array_null(struct pg_params *a)
{
    array_item(a, UINT32_MAX);
    set_u32(&a->data, a->offsets[a->n] + ARRAY_HAS_NULL, 1);
}

void pg_array_close(struct pg_params *a)
{
    assert(a->array_open);
    size_t at = a->offsets[a->n];
    if (a->array_items == 0) {
        set_u32(&a->data, at + ARRAY_DIMENSIONS, 0);
        a->data.n = at + ARRAY_HEADER_EMPTY;
    } else {
        set_u32(&a->data, at + ARRAY_SIZE, a->array_items);
    }
    a->array_open = false;
    param_end(a);
}
