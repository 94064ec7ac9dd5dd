#include "core/map.h"

#include "unit.h"

#include <stdio.h>

#define MANY 3000

struct value {
    struct map_node by_name, by_number;
    struct bytes name;
    uint64_t number;
    char text[16];
};

static struct value *values_new(struct map *names, struct map *numbers)
{
    struct value *all = calloc(MANY, sizeof *all);
    for (uint64_t i = 0; i < MANY; i++) {
        snprintf(all[i].text, sizeof all[i].text, "value-%u", (unsigned)i);
        all[i].name = bytes_str(all[i].text);
        all[i].number = i;
        map_insert(names, &all[i].by_name, hash_bytes(all[i].name));
        map_insert(numbers, &all[i].by_number, hash_u64(i));
    }
    return all;
}

START_TEST(what_was_inserted_is_found_and_nothing_else)
{
    struct map names, numbers;
    map_init(&names);
    map_init(&numbers);
    ck_assert_ptr_null(map_find_u64(&numbers, 1, struct value, by_number, number));
    struct value *all = values_new(&names, &numbers);
    for (uint64_t i = 0; i < MANY; i++) {
        ck_assert_ptr_eq(map_find_bytes(&names, all[i].name, struct value, by_name, name),
                         &all[i]);
        ck_assert_ptr_eq(map_find_u64(&numbers, i, struct value, by_number, number), &all[i]);
    }
    ck_assert_ptr_null(map_find_bytes(&names, BYTES("value-"), struct value, by_name, name));
    ck_assert_ptr_null(map_find_u64(&numbers, MANY, struct value, by_number, number));
    ck_assert_uint_eq(names.count, MANY);
    map_fini(&names);
    map_fini(&numbers);
    free(all);
}
END_TEST

START_TEST(a_walk_that_removes_its_item_sees_every_value_once)
{
    struct map names, numbers;
    struct value *v;
    size_t seen = 0;
    map_init(&names);
    map_init(&numbers);
    struct value *all = values_new(&names, &numbers);
    map_for_each (v, &numbers, by_number) {
        ck_assert(v->name.n);
        v->name.n = 0;
        seen++;
        map_remove(&numbers, &v->by_number);
    }
    ck_assert_uint_eq(seen, MANY);
    ck_assert_uint_eq(numbers.count, 0);
    ck_assert_ptr_null(map_next(&numbers, NULL));
    map_fini(&names);
    map_fini(&numbers);
    free(all);
}
END_TEST

START_TEST(shrinks_to_what_is_left_and_still_finds_it)
{
    struct map names, numbers;
    map_init(&names);
    map_init(&numbers);
    map_shrink(&names);
    struct value *all = values_new(&names, &numbers);
    for (uint64_t i = 100; i < MANY; i++)
        map_remove(&numbers, &all[i].by_number);
    map_shrink(&numbers);
    ck_assert_uint_eq(numbers.mask, 127);
    for (uint64_t i = 0; i < 100; i++)
        ck_assert_ptr_eq(map_find_u64(&numbers, i, struct value, by_number, number), &all[i]);
    ck_assert_ptr_null(map_find_u64(&numbers, 100, struct value, by_number, number));
    map_fini(&names);
    map_fini(&numbers);
    free(all);
}
END_TEST

START_TEST(removing_the_middle_of_a_bucket_keeps_its_neighbours)
{
    struct map m;
    struct value a = {.number = 1}, b = {.number = 2}, c = {.number = 3};
    map_init(&m);
    map_insert(&m, &a.by_number, 7);
    map_insert(&m, &b.by_number, 7);
    map_insert(&m, &c.by_number, 7);
    map_remove(&m, &b.by_number);
    struct value *v;
    uint64_t sum = 0;
    map_for_each (v, &m, by_number) {
        sum += v->number;
    }
    ck_assert_uint_eq(sum, 4);
    map_fini(&m);
}
END_TEST

UNIT_MAIN("core/map", what_was_inserted_is_found_and_nothing_else,
          a_walk_that_removes_its_item_sees_every_value_once,
          shrinks_to_what_is_left_and_still_finds_it,
          removing_the_middle_of_a_bucket_keeps_its_neighbours)
