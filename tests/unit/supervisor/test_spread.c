#include "spread.h"

#include "unit.h"

#include <stdio.h>

#define CELLS 8
#define TENANTS 1000

static struct bytes cells[CELLS];

static void name_cells(bool backwards)
{
    static const char *const names[CELLS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (int i = 0; i < CELLS; i++)
        cells[i] = bytes_str(names[backwards ? CELLS - 1 - i : i]);
}

static unsigned bit(struct bytes cell)
{
    return 1u << (cell.p[0] - 'a');
}

/* A bit for each of the first n cells of tenant t, of the first n_cells that there are. */
static unsigned of(int t, size_t n, size_t n_cells)
{
    char tenant[16];
    unsigned bits = 0;
    snprintf(tenant, sizeof tenant, "tenant-%d", t);
    name_cells(false);
    spread_order(bytes_str(tenant), cells, n_cells);
    for (size_t i = 0; i < n; i++)
        bits |= bit(cells[i]);
    return bits;
}

START_TEST(a_tenant_gets_the_same_cells_in_whatever_order_they_are_named)
{
    struct bytes first[CELLS];
    name_cells(false);
    spread_order(BYTES("acme"), cells, CELLS);
    memcpy(first, cells, sizeof first);
    name_cells(true);
    spread_order(BYTES("acme"), cells, CELLS);
    for (int i = 0; i < CELLS; i++)
        ck_assert(bytes_equal(first[i], cells[i]));
    spread_order(BYTES("acme"), cells, 0);
}
END_TEST

START_TEST(every_cell_gets_as_many_and_few_tenants_have_the_same_two)
{
    int each[CELLS] = {0}, same = 0;
    for (int t = 0; t < TENANTS; t++) {
        unsigned mine = of(t, 2, CELLS);
        ck_assert_int_eq(__builtin_popcount(mine), 2);
        for (int c = 0; c < CELLS; c++)
            each[c] += mine >> c & 1;
        same += mine == of(0, 2, CELLS);
    }
    for (int c = 0; c < CELLS; c++) /* 250 of 2,000 */
        ck_assert_msg(each[c] > 200 && each[c] < 300, "%d", each[c]);
    ck_assert_int_lt(same, TENANTS / 14); /* there are 28 pairs */
}
END_TEST

START_TEST(a_further_cell_moves_only_those_that_it_takes)
{
    int moved = 0;
    for (int t = 0; t < TENANTS; t++) {
        unsigned before = of(t, 2, CELLS - 1), after = of(t, 2, CELLS);
        ck_assert(before == after || (after & ~before) == 1u << (CELLS - 1));
        moved += before != after;
    }
    ck_assert_int_gt(moved, TENANTS / 5); /* a quarter is expected */
    ck_assert_int_lt(moved, TENANTS / 3);
}
END_TEST

UNIT_MAIN("spread", a_tenant_gets_the_same_cells_in_whatever_order_they_are_named,
          every_cell_gets_as_many_and_few_tenants_have_the_same_two, a_further_cell_moves_only_those_that_it_takes)
