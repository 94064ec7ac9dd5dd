#include "trim.h"

#include "core/clock.h"
#include "unit.h"

#include <stdlib.h>

#define MB (1 << 20)

START_TEST(is_due_when_much_became_free_since_the_least_that_was)
{
    struct trim t = {0};
    ck_assert(!trim_is_due(&t, MB, MB));
    ck_assert(trim_is_due(&t, 2 * MB, MB));
    ck_assert(!trim_is_due(&t, 2 * MB, 100 * MB)); /* little beside what is in use */
    t.kept = 50 * MB;
    ck_assert(!trim_is_due(&t, 51 * MB, MB));
    ck_assert(!trim_is_due(&t, 10 * MB, MB)); /* used again */
    ck_assert(trim_is_due(&t, 12 * MB, MB));
}
END_TEST

START_TEST(looks_now_and_then_and_shrinks_the_map_when_it_gives_back)
{
    static struct map_node nodes[1000];
    struct map map;
    struct trim t = {.due_ns = 1};
    map_init(&map);
    for (int i = 0; i < 1000; i++)
        map_insert(&map, &nodes[i], (uint64_t)i);
    for (int i = 0; i < 1000; i++)
        map_remove(&map, &nodes[i]);
    void *much[1000];
    for (int i = 0; i < 1000; i++)
        ck_assert_ptr_nonnull(much[i] = malloc(8000));
    ck_assert(!trim_turn(&t, 1, &map) || map.mask == 15);
    for (int i = 0; i < 1000; i++)
        free(much[i]);
    ck_assert(!trim_turn(&t, TRIM_EVERY_S * NS_PER_S, &map)); /* too soon */
    bool gave = trim_turn(&t, TRIM_EVERY_S * NS_PER_S + 1, &map);
    ck_assert(!gave || map.mask == 15);
    ck_assert(!trim_turn(&t, 3 * TRIM_EVERY_S * NS_PER_S, &map)); /* nothing more became free */
    map_fini(&map);
}
END_TEST

UNIT_MAIN("trim", is_due_when_much_became_free_since_the_least_that_was,
          looks_now_and_then_and_shrinks_the_map_when_it_gives_back)
