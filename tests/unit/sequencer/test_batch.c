#include "batch.h"

#include "make.h"
#include "pg/pg.h"
#include "unit.h"
#include "wire/id.h"

#define NOW (ID_EPOCH_MS + 1000000)
#define ROOM (1 << 30)

static void enter(struct inbox *i, struct message *m, uint64_t seq)
{
    inbox_enter(i, m);
    while (!list_is_empty(&i->unknown)) {
        struct head *head = list_entry(i->unknown.next, struct head, ask);
        list_remove(&head->ask);
        head_learn(head, seq, 0);
        inbox_advance(i, head);
    }
}

/* Numbers what is ready; the parameters are built and thrown away, as that ends the assembly.
 */
static struct batch *assemble(struct inbox *i, struct leader *l, uint64_t now_ms)
{
    struct pg_params *p = pg_params_new();
    struct batch *b = batch_fill(i, 1000, ROOM);
    batch_number(b, l, now_ms);
    batch_params(b, l, p);
    pg_params_free(p);
    return b;
}

static void end(struct inbox *i, struct batch *b)
{
    struct message *m;
    while ((m = list_first(&b->messages, struct message, place))) {
        inbox_leave(i, m);
        message_free(m);
    }
    batch_free(b);
}

static struct leader all_shards(void)
{
    struct leader l = {.wanted = ~0ULL, .led = ~0ULL, .epoch = 3};
    for (unsigned n = 0; n < SHARDS; n++)
        l.shards[n] = (struct leader_shard){.term = 1, .batch = 10, .last_id = 0};
    return l;
}

START_TEST(a_batch_builds_on_the_one_before_it_though_that_is_not_committed)
{
    struct inbox i;
    struct leader l = all_shards();
    inbox_init(&i, 100, 1000, ROOM);
    for (uint64_t n = 1; n <= 3; n++)
        enter(&i, make_publish(1, n, "t/a", 10), 41);
    struct batch *first = assemble(&i, &l, NOW);
    struct head *head = heads_find(&i.heads, BYTES("t/a"));
    ck_assert_uint_eq(head->prev, 41);
    ck_assert_uint_eq(head->seq, 44);
    ck_assert_uint_eq(head->durable_seq, 41);
    ck_assert_int_eq(l.shards[head->shard].batch, 11);
    enter(&i, make_publish(1, 4, "t/a", 10), 0);
    struct batch *second = assemble(&i, &l, NOW);
    struct message *m = list_first(&second->messages, struct message, place);
    ck_assert_uint_eq(head->prev, 44);
    ck_assert_uint_eq(m->seq, 45);
    ck_assert_int_eq(l.shards[head->shard].batch, 12);
    ck_assert_uint_gt(m->id, list_entry(first->messages.prev, struct message, place)->id);
    end(&i, first);
    end(&i, second);
    inbox_fini(&i);
}
END_TEST

START_TEST(only_shards_that_have_a_message_move_on)
{
    struct inbox i;
    struct leader l = all_shards();
    inbox_init(&i, 100, 1000, ROOM);
    enter(&i, make_publish(1, 1, "t/a", 10), 0);
    enter(&i, make_publish(1, 2, "t/b", 10), 0);
    struct batch *b = assemble(&i, &l, NOW);
    unsigned moved = 0;
    for (unsigned n = 0; n < SHARDS; n++) {
        ck_assert_int_eq(l.shards[n].batch, b->shards >> n & 1 ? 11 : 10);
        moved += b->shards >> n & 1;
    }
    ck_assert_uint_eq(moved, 2);
    end(&i, b);
    inbox_fini(&i);
}
END_TEST

START_TEST(ids_ascend_per_shard_though_the_clock_falls_back)
{
    struct inbox i;
    struct leader l = all_shards();
    uint64_t last = 0;
    inbox_init(&i, 100, 1000, ROOM);
    for (uint64_t n = 1; n <= 20; n++) {
        enter(&i, make_publish(1, n, "t/a", 10), 0);
        struct batch *b = assemble(&i, &l, NOW - n * 50000);
        struct message *m = list_first(&b->messages, struct message, place);
        ck_assert_uint_gt(m->id, last);
        ck_assert_uint_eq(id_shard(m->id), m->head->shard);
        last = m->id;
        end(&i, b);
    }
    inbox_fini(&i);
}
END_TEST

START_TEST(an_id_is_above_what_its_publisher_had_been_shown)
{
    struct inbox i;
    struct leader l = all_shards();
    inbox_init(&i, 100, 1000, ROOM);
    struct message *m = make_publish(1, 1, "t/a", 10);
    m->shown = id_floor(NOW + 5000) + 12345;
    uint64_t shown = m->shown;
    enter(&i, m, 0);
    struct batch *b = assemble(&i, &l, NOW);
    ck_assert_uint_gt(m->id, shown);
    ck_assert_uint_eq(l.shards[m->head->shard].last_id, m->id);
    end(&i, b);
    inbox_fini(&i);
}
END_TEST

START_TEST(a_batch_is_bounded_by_count_and_by_size)
{
    struct inbox i;
    inbox_init(&i, 100, 1000, ROOM);
    for (uint64_t n = 1; n <= 10; n++)
        enter(&i, make_publish(1, n, "t/a", 1000), 0);
    struct batch *b = batch_fill(&i, 4, ROOM);
    ck_assert_uint_eq(b->n, 4);
    end(&i, b);
    b = batch_fill(&i, 100, 5000);
    ck_assert_uint_eq(b->n, 3); /* each is counted with what it needs beside its payload */
    end(&i, b);
    b = batch_fill(&i, 100, ROOM);
    ck_assert_uint_eq(b->n, 3);
    end(&i, b);
    ck_assert_ptr_null(batch_fill(&i, 100, ROOM));
    inbox_fini(&i);
}
END_TEST

UNIT_MAIN("sequencer/batch", a_batch_builds_on_the_one_before_it_though_that_is_not_committed,
          only_shards_that_have_a_message_move_on,
          ids_ascend_per_shard_though_the_clock_falls_back,
          an_id_is_above_what_its_publisher_had_been_shown,
          a_batch_is_bounded_by_count_and_by_size)
