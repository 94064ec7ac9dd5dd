/* Intrusive, circular, doubly linked list. A list says what it holds where it is declared, a node says
 * where it hangs. A node that is on no list points to itself, so that removing it twice is harmless. */
#ifndef CORE_LIST_H
#define CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev; /* the head is a node like the others */
};

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define list_entry(node, type, member) container_of(node, type, member)
#define list_first(head, type, member) (list_is_empty(head) ? NULL : list_entry((head)->next, type, member))
#define list_for_each(item, head, member)                                                                    \
    for (item = list_entry((head)->next, __typeof__(*item), member); &item->member != (head);               \
         item = list_entry(item->member.next, __typeof__(*item), member))
/* The body may remove and free `item`, nothing else of the list. */
#define list_for_each_safe(item, spare, head, member)                                                        \
    for (item = list_entry((head)->next, __typeof__(*item), member),                                         \
        spare = list_entry(item->member.next, __typeof__(*item), member);                                    \
         &item->member != (head);                                                                            \
         item = spare, spare = list_entry(spare->member.next, __typeof__(*spare), member))

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline bool list_is_linked(const struct list *node)
{
    return node->next != node;
}

static inline void list_insert_before(struct list *at, struct list *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_append(struct list *head, struct list *node)
{
    list_insert_before(head, node);
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_insert_before(head->next, node);
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = node;
}

#endif
