#include "pg/params.h"
#include "unit.h"

/* The forms are those of the types' receive functions; test_pg_server proves them against a
 * real server. */

static struct bytes value(const struct pg_params *a, int i)
{
    const char *values[PG_PARAMS_MAX];
    pg_params_values(a, values);
    return bytes_of(values[i], values[i] ? (size_t)a->lengths[i] : 0);
}

START_TEST(scalars_are_big_endian_and_typed)
{
    struct pg_params *a = pg_params_new();
    pg_add_bool(a, true);
    pg_add_i16(a, -2);
    pg_add_i32(a, 0x01020304);
    pg_add_i64(a, 0x0102030405060708);
    pg_add_bytea(a, BYTES("\0\xff"));
    ck_assert_int_eq(a->n, 5);
    ck_assert(bytes_equal(value(a, 0), BYTES("\1")));
    ck_assert(bytes_equal(value(a, 1), BYTES("\xff\xfe")));
    ck_assert(bytes_equal(value(a, 2), BYTES("\1\2\3\4")));
    ck_assert(bytes_equal(value(a, 3), BYTES("\1\2\3\4\5\6\7\x8")));
    ck_assert(bytes_equal(value(a, 4), BYTES("\0\xff")));
    ck_assert_uint_eq(a->types[0], 16);
    ck_assert_uint_eq(a->types[1], 21);
    ck_assert_uint_eq(a->types[2], 23);
    ck_assert_uint_eq(a->types[3], 20);
    ck_assert_uint_eq(a->types[4], 17);
    for (int i = 0; i < a->n; i++)
        ck_assert_int_eq(a->formats[i], 1);
    pg_params_free(a);
}
END_TEST

START_TEST(text_is_a_literal_whose_type_the_server_infers)
{
    struct pg_params *a = pg_params_new();
    pg_add_text(a, BYTES("abc"));
    ck_assert_uint_eq(a->types[0], 0);
    ck_assert_int_eq(a->formats[0], 0);
    ck_assert_str_eq(value(a, 0).p, "abc");
    pg_params_free(a);
}
END_TEST

START_TEST(text_that_holds_a_nul_goes_whole)
{
    struct pg_params *a = pg_params_new();
    pg_add_text(a, BYTES("a\0c"));
    ck_assert_int_eq(a->formats[0], 1);
    ck_assert(bytes_equal(value(a, 0), BYTES("a\0c")));
    pg_params_free(a);
}
END_TEST

START_TEST(empty_is_not_null)
{
    struct pg_params *a = pg_params_new();
    pg_add_text(a, (struct bytes){0});
    pg_add_bytea(a, (struct bytes){0});
    pg_add_null(a);
    ck_assert_ptr_nonnull(value(a, 0).p);
    ck_assert_str_eq(value(a, 0).p, "");
    ck_assert_ptr_nonnull(value(a, 1).p);
    ck_assert_uint_eq(value(a, 1).n, 0);
    ck_assert_ptr_null(value(a, 2).p);
    pg_params_free(a);
}
END_TEST

START_TEST(arrays_carry_their_size_elements_and_nulls)
{
    struct pg_params *a = pg_params_new();
    pg_array_open(a, PG_ARRAY_I16);
    pg_array_i16(a, 1);
    pg_array_null(a);
    pg_array_close(a);
    pg_array_open(a, PG_ARRAY_TEXT);
    pg_array_bytes(a, BYTES("x"));
    pg_array_bytes(a, BYTES(""));
    pg_array_close(a);
    ck_assert(bytes_equal(value(a, 0), BYTES("\0\0\0\1"
                                             "\0\0\0\1"
                                             "\0\0\0\x15"
                                             "\0\0\0\2"
                                             "\0\0\0\1"
                                             "\0\0\0\2"
                                             "\0\1"
                                             "\xff\xff\xff\xff")));
    ck_assert(bytes_equal(value(a, 1), BYTES("\0\0\0\1"
                                             "\0\0\0\0"
                                             "\0\0\0\x19"
                                             "\0\0\0\2"
                                             "\0\0\0\1"
                                             "\0\0\0\1"
                                             "x"
                                             "\0\0\0\0")));
    ck_assert_uint_eq(a->types[0], 1005);
    ck_assert_uint_eq(a->types[1], 1009);
    pg_params_free(a);
}
END_TEST

START_TEST(an_empty_array_has_no_dimension)
{
    struct pg_params *a = pg_params_new();
    pg_array_open(a, PG_ARRAY_I64);
    pg_array_close(a);
    pg_array_open(a, PG_ARRAY_BYTEA);
    pg_array_bytes(a, BYTES("\0"));
    pg_array_close(a);
    ck_assert(bytes_equal(value(a, 0), BYTES("\0\0\0\0"
                                             "\0\0\0\0"
                                             "\0\0\0\x14")));
    ck_assert(bytes_equal(value(a, 1), BYTES("\0\0\0\1"
                                             "\0\0\0\0"
                                             "\0\0\0\x11"
                                             "\0\0\0\1"
                                             "\0\0\0\1"
                                             "\0\0\0\1"
                                             "\0")));
    ck_assert_uint_eq(a->types[0], 1016);
    ck_assert_uint_eq(a->types[1], 1001);
    pg_params_free(a);
}
END_TEST

START_TEST(cleared_parameters_are_built_anew_in_the_same_memory)
{
    struct pg_params *a = pg_params_new();
    for (int i = 0; i < 3; i++) {
        for (int n = 0; n < PG_PARAMS_MAX; n++)
            pg_add_i64(a, n);
        ck_assert_int_eq(a->n, PG_PARAMS_MAX);
        pg_params_clear(a);
        ck_assert_int_eq(a->n, 0);
    }
    pg_params_free(a);
    pg_params_free(NULL);
}
END_TEST

UNIT_MAIN("params", scalars_are_big_endian_and_typed,
          text_is_a_literal_whose_type_the_server_infers, text_that_holds_a_nul_goes_whole,
          empty_is_not_null, arrays_carry_their_size_elements_and_nulls,
          an_empty_array_has_no_dimension, cleared_parameters_are_built_anew_in_the_same_memory)
