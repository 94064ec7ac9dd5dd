#include "core/list.h"

#include "unit.h"

struct item {
    int value;
    struct list link;
};

static int sum(struct list *head)
{
    struct item *i;
    int all = 0;
    list_for_each (i, head, link) {
        all = all * 10 + i->value;
    }
    return all;
}

START_TEST(items_stand_in_the_order_of_append_and_prepend)
{
    struct list head;
    struct item a = {1, {0}}, b = {2, {0}}, c = {3, {0}};
    list_init(&head);
    ck_assert(list_is_empty(&head));
    ck_assert_ptr_null(list_first(&head, struct item, link));
    list_append(&head, &b.link);
    list_append(&head, &c.link);
    list_prepend(&head, &a.link);
    ck_assert_int_eq(sum(&head), 123);
    ck_assert_ptr_eq(list_first(&head, struct item, link), &a);
}
END_TEST

START_TEST(removing_twice_is_harmless)
{
    struct list head;
    struct item a = {1, {0}}, b = {2, {0}};
    list_init(&head);
    list_append(&head, &a.link);
    list_append(&head, &b.link);
    list_remove(&a.link);
    list_remove(&a.link);
    ck_assert(!list_is_linked(&a.link));
    ck_assert_int_eq(sum(&head), 2);
}
END_TEST

START_TEST(the_body_of_a_safe_walk_may_free_its_item)
{
    struct list head;
    struct item *i, *spare;
    list_init(&head);
    for (int v = 1; v <= 5; v++) {
        i = calloc(1, sizeof *i);
        i->value = v;
        list_append(&head, &i->link);
    }
    list_for_each_safe (i, spare, &head, link) {
        list_remove(&i->link);
        free(i);
    }
    ck_assert(list_is_empty(&head));
}
END_TEST

UNIT_MAIN("core/list", items_stand_in_the_order_of_append_and_prepend,
          removing_twice_is_harmless, the_body_of_a_safe_walk_may_free_its_item)
