#include "cells.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

static struct cells cells;
static struct cells_change change;

static int put(const char *name, const char *topic, int64_t partitions, const char *tenants)
{
    return cells_put(&cells, &change, bytes_str(name), bytes_str(topic), partitions,
                     bytes_str(tenants));
}

static void load_two(void)
{
    cells_init(&cells);
    cells_begin(&cells, 1, BYTES(""), &change);
    ck_assert_int_eq(put("a", "cellcast.a", 16, "default shop"), 0);
    ck_assert_int_eq(put("b", "cellcast.b", 8, "shop"), 0);
    cells_end(&cells, &change);
}

START_TEST(a_tenant_goes_to_every_cell_that_hosts_it)
{
    load_two();
    ck_assert_uint_eq(change.made, 3);
    ck_assert_uint_eq(cells_of(&cells, BYTES("default")), 1);
    ck_assert_uint_eq(cells_of(&cells, BYTES("shop")), 3);
    ck_assert_uint_eq(cells_of(&cells, BYTES("sho")), 0);
    ck_assert_uint_eq(cells_of(&cells, BYTES("")), 0);
    ck_assert_int_eq(cells_find(&cells, BYTES("b")), 1);
    ck_assert_int_eq(cells.cell[1].partitions, 8);
    cells_fini(&cells);
}
END_TEST

START_TEST(a_cell_keeps_its_number_over_a_change)
{
    load_two();
    cells_begin(&cells, 2, BYTES(""), &change);
    ck_assert_int_eq(put("b", "cellcast.b", 8, "default"), 0);
    ck_assert_int_eq(put("c", "cellcast.c", 4, ""), 0);
    cells_end(&cells, &change);
    ck_assert_uint_eq(change.gone, 1);
    ck_assert_uint_eq(change.made, 4);
    ck_assert_uint_eq(change.moved, 0);
    ck_assert_uint_eq(cells.used, 6);
    ck_assert_uint_eq(cells_of(&cells, BYTES("default")), 2);
    ck_assert_uint_eq(cells_of(&cells, BYTES("shop")), 0);
    ck_assert_int_eq(cells_find(&cells, BYTES("a")), -1);
    ck_assert_int_eq(cells.version, 2);
    cells_fini(&cells);
}
END_TEST

START_TEST(another_topic_or_count_makes_a_cell_anew)
{
    load_two();
    cells_begin(&cells, 2, BYTES(""), &change);
    put("a", "cellcast.a", 32, "default");
    put("b", "elsewhere", 8, "default");
    cells_end(&cells, &change);
    ck_assert_uint_eq(change.made, 3);
    ck_assert_uint_eq(change.moved, 3);
    ck_assert_uint_eq(change.gone, 0);
    ck_assert_str_eq(cells.cell[1].topic, "elsewhere");
    ck_assert_int_eq(cells.cell[0].partitions, 32);
    cells_fini(&cells);
}
END_TEST

START_TEST(lanes_lengthen_every_cell_and_bad_ones_are_left_out)
{
    load_two();
    cells_begin(&cells, 2, BYTES("default/all 3 shop/news 1 shop/bad x shop/worse 65"), &change);
    put("a", "cellcast.a", 16, "default shop");
    put("b", "cellcast.b", 8, "shop");
    cells_end(&cells, &change);
    ck_assert_uint_eq(change.made, 3);
    ck_assert_uint_eq(change.moved, 0); /* who waits for more partitions goes on meanwhile */
    ck_assert_int_eq(cells.cell[0].partitions, 16);
    ck_assert_int_eq(cells.cell[0].total, 19);
    ck_assert_int_eq(cells.cell[1].total, 11);
    ck_assert_uint_eq(lanes_of(&cells.lanes, BYTES("default/all")), 3);
    ck_assert_uint_eq(lanes_of(&cells.lanes, BYTES("shop/bad")), 0);
    cells_begin(&cells, 3, BYTES("shop/news 3"), &change);
    put("a", "cellcast.a", 16, "default shop");
    put("b", "cellcast.b", 8, "shop");
    cells_end(&cells, &change);
    ck_assert_uint_eq(change.made, 0); /* as many partitions */
    ck_assert_uint_eq(lanes_of(&cells.lanes, BYTES("default/all")), 0);
    ck_assert_uint_eq(lanes_of(&cells.lanes, BYTES("shop/news")), 3);
    cells_fini(&cells);
}
END_TEST

START_TEST(a_cell_out_of_bounds_is_refused)
{
    char longer[CELL_TOPIC_MAX + 2] = {0};
    memset(longer, 'x', sizeof longer - 1);
    cells_init(&cells);
    cells_begin(&cells, 1, BYTES(""), &change);
    ck_assert_int_eq(put("", "t", 1, ""), -EINVAL);
    ck_assert_int_eq(put("a", "", 1, ""), -EINVAL);
    ck_assert_int_eq(put("a", longer, 1, ""), -EINVAL);
    ck_assert_int_eq(put("a", "t", 0, ""), -EINVAL);
    ck_assert_int_eq(put("a", "t", CELL_PARTITIONS_MAX + 1, ""), -EINVAL);
    longer[CELL_NAME_MAX + 1] = 0;
    ck_assert_int_eq(put(longer, "t", 1, ""), -EINVAL);
    cells_end(&cells, &change);
    ck_assert_uint_eq(cells.used, 0);
    cells_fini(&cells);
}
END_TEST

START_TEST(one_cell_more_than_there_are_bits_is_refused)
{
    char name[16];
    cells_init(&cells);
    cells_begin(&cells, 1, BYTES(""), &change);
    for (unsigned i = 0; i < MESSAGE_CELLS_MAX; i++) {
        snprintf(name, sizeof name, "c%u", i);
        ck_assert_int_eq(put(name, name, 1, "t"), 0);
    }
    ck_assert_int_eq(put("one-more", "t", 1, "t"), -ENOSPC);
    cells_end(&cells, &change);
    ck_assert_uint_eq(cells_of(&cells, BYTES("t")), UINT64_MAX);
    cells_fini(&cells);
}
END_TEST

UNIT_MAIN("cells", a_tenant_goes_to_every_cell_that_hosts_it,
          a_cell_keeps_its_number_over_a_change, another_topic_or_count_makes_a_cell_anew,
          a_cell_out_of_bounds_is_refused, one_cell_more_than_there_are_bits_is_refused,
          lanes_lengthen_every_cell_and_bad_ones_are_left_out)
