#include "channel.h"

#include "unit.h"

static struct rings rings;
static struct channel *c;
static struct buf scratch;

static void start(uint64_t epoch, uint64_t head)
{
    rings_init(&rings);
    c = channel_new(NULL, BYTES("default/news"));
    channel_stand(&rings, c, epoch, head);
}

static void end(void)
{
    channel_free(&rings, c);
    ck_assert_uint_eq(rings.bytes, 0);
    ck_assert(list_is_empty(&rings.by_age));
    buf_fini(&scratch);
}

static void check_push(struct channel *of, bool full, const char *head)
{
    buf_clear(&scratch);
    channel_put_push(of, full, &scratch);
    ck_assert_bytes(buf_bytes(&scratch), head);
    ck_assert_uint_le(scratch.n, channel_push_size(of));
}

static enum channel_appended append(struct channel *to, uint64_t epoch, uint64_t seq)
{
    struct publication p = {.epoch = epoch, .seq = seq, .data = BYTES("{\"x\":\"0123456789\"}")};
    return channel_append(&rings, to, &p, &scratch);
}

START_TEST(appends_what_comes_next_and_drops_what_came_before)
{
    start(3, 10);
    ck_assert_int_eq(append(c, 3, 11), CHANNEL_APPENDED);
    ck_assert_int_eq(append(c, 3, 12), CHANNEL_APPENDED);
    ck_assert_int_eq(append(c, 3, 12), CHANNEL_REPEATED);
    ck_assert_int_eq(append(c, 3, 5), CHANNEL_REPEATED);
    ck_assert_int_eq(append(c, 2, 13), CHANNEL_REPEATED);
    ck_assert_uint_eq(c->head, 12);
    ck_assert_uint_eq(channel_base(c), 10);
    ck_assert_ptr_null(channel_frame(c, 10));
    ck_assert_uint_eq(channel_frame(c, 11)->seq, 11);
    ck_assert_ptr_null(channel_frame(c, 13));
    end();
}
END_TEST

START_TEST(a_hole_or_a_newer_epoch_starts_the_ring_anew)
{
    start(3, 10);
    append(c, 3, 11);
    ck_assert_int_eq(append(c, 3, 15), CHANNEL_JUMPED);
    ck_assert_uint_eq(channel_base(c), 14);
    ck_assert_ptr_null(channel_frame(c, 11));
    ck_assert_int_eq(append(c, 4, 2), CHANNEL_ROSE);
    ck_assert_uint_eq(c->epoch, 4);
    ck_assert_uint_eq(c->head, 2);
    ck_assert_uint_eq(channel_base(c), 1);
    end();
}
END_TEST

START_TEST(the_ring_is_bounded_by_messages)
{
    start(1, 0);
    rings.messages_max = 100;
    for (uint64_t seq = 1; seq <= 1000; seq++) {
        append(c, 1, seq);
        ck_assert_uint_le(c->count, 100);
    }
    ck_assert_uint_eq(channel_base(c), 900);
    for (uint64_t seq = 901; seq <= 1000; seq++)
        ck_assert_uint_eq(channel_frame(c, seq)->seq, seq);
    end();
}
END_TEST

START_TEST(the_ring_is_bounded_by_bytes_but_holds_the_newest)
{
    start(1, 0);
    rings.channel_bytes = 1000;
    for (uint64_t seq = 1; seq <= 100; seq++) {
        append(c, 1, seq);
        ck_assert_uint_le(c->bytes, 1000);
    }
    rings.channel_bytes = 1;
    append(c, 1, 101);
    ck_assert_uint_eq(c->count, 1);
    ck_assert_ptr_nonnull(channel_frame(c, 101));
    end();
}
END_TEST

START_TEST(all_rings_together_give_up_their_oldest)
{
    start(1, 0);
    struct channel *other = channel_new(NULL, BYTES("default/other"));
    channel_stand(&rings, other, 1, 0);
    for (uint64_t seq = 1; seq <= 10; seq++)
        append(c, 1, seq);
    rings.bytes_max = rings.bytes;
    for (uint64_t seq = 1; seq <= 4; seq++)
        append(other, 1, seq);
    ck_assert_uint_eq(other->count, 4);
    ck_assert_uint_eq(channel_base(c), 4);
    ck_assert_uint_le(rings.bytes, rings.bytes_max);
    channel_free(&rings, other);
    end();
}
END_TEST

START_TEST(a_page_that_ends_at_the_base_goes_below_the_ring)
{
    start(1, 20);
    append(c, 1, 21);
    struct frame *frames[10];
    for (uint64_t seq = 11; seq <= 20; seq++)
        frames[seq - 11] = frame_new(c, &(struct publication){.epoch = 1, .seq = seq, .data = BYTES("1")}, &scratch);
    ck_assert(channel_prepend(&rings, c, frames, 10));
    ck_assert_uint_eq(channel_base(c), 10);
    for (uint64_t seq = 11; seq <= 21; seq++)
        ck_assert_uint_eq(channel_frame(c, seq)->seq, seq);
    rings.messages_max = 11;
    struct frame *more[1] = {frame_new(c, &(struct publication){.epoch = 1, .seq = 10, .data = BYTES("1")}, &scratch)};
    ck_assert(!channel_prepend(&rings, c, more, 1));
    rings.messages_max = 100;
    rings.channel_bytes = c->bytes;
    ck_assert(!channel_prepend(&rings, c, more, 1));
    rings.channel_bytes = SIZE_MAX;
    rings.bytes_max = rings.bytes;
    ck_assert(!channel_prepend(&rings, c, more, 1));
    rings.bytes_max = SIZE_MAX;
    rings.messages_max = 11;
    free(more[0]);
    append(c, 1, 22);
    ck_assert_uint_eq(channel_base(c), 11);
    end();
}
END_TEST

START_TEST(the_first_publication_of_an_epoch_carries_it)
{
    start(7, 0);
    append(c, 7, 1);
    append(c, 7, 2);
    const struct frame *first = channel_frame(c, 1), *second = channel_frame(c, 2);
    ck_assert_ptr_nonnull(memmem(first->json, first->n, "\"epoch\":\"7\"", 11));
    ck_assert_ptr_null(memmem(second->json, second->n, "epoch", 5));
    check_push(c, false, "{\"push\":{\"channel\":\"news\",");
    check_push(c, true, "{\"push\":{\"channel\":\"default/news\",");
    end();
}
END_TEST

START_TEST(a_name_that_is_not_its_own_json_is_pushed_escaped_in_either_spelling)
{
    start(1, 0);
    struct channel *odd = channel_new(NULL, BYTES("default/a\"b\\c"));
    check_push(odd, false, "{\"push\":{\"channel\":\"a\\\"b\\\\c\",");
    check_push(odd, true, "{\"push\":{\"channel\":\"default/a\\\"b\\\\c\",");
    ck_assert_bytes(channel_full(odd), "default/a\"b\\c");
    ck_assert_bytes(channel_tenant(odd), "default");
    channel_free(&rings, odd);
    end();
}
END_TEST

START_TEST(what_a_channel_rarely_has_is_made_when_needed_and_gone_when_idle)
{
    start(1, 0);
    ck_assert_ptr_null(c->extras);
    ck_assert_ptr_eq(channel_extras(c), channel_extras(c));
    c->extras->holds_off_until_ns = 1;
    channel_tidy(c);
    ck_assert_ptr_nonnull(c->extras);
    c->extras->holds_off_until_ns = 0;
    channel_tidy(c);
    ck_assert_ptr_null(c->extras);
    ck_assert_uint_le(offsetof(struct channel, text), 178);
    ck_assert_uint_le(sizeof(struct sub), 40);
    end();
}
END_TEST

START_TEST(the_only_subscription_stands_in_the_channel_itself)
{
    start(1, 0);
    struct sub subs[3] = {0};
    channel_add(c, &subs[0]);
    ck_assert_ptr_eq(c->subs, &c->only);
    channel_remove(c, &subs[0]);
    for (int i = 0; i < 3; i++)
        channel_add(c, &subs[i]);
    ck_assert_ptr_ne(c->subs, &c->only);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_ptr_eq(c->subs[i], &subs[i]);
    for (int i = 0; i < 3; i++)
        channel_remove(c, &subs[i]);
    end();
}
END_TEST

START_TEST(a_removal_during_a_walk_passes_nobody_over)
{
    start(1, 0);
    struct sub subs[40] = {0};
    for (int i = 0; i < 40; i++)
        channel_add(c, &subs[i]);
    c->flush_at = 10;
    channel_remove(c, &subs[20]); /* behind the walk: the last one is still to come */
    ck_assert(!c->flush_again);
    channel_remove(c, &subs[3]); /* the last one takes a place that has been walked */
    ck_assert(c->flush_again);
    for (uint32_t i = 0; i < c->n_subs; i++)
        ck_assert_uint_eq(c->subs[i]->at, i);
    while (c->n_subs)
        channel_remove(c, c->subs[0]);
    ck_assert_uint_eq(c->flush_at, 0);
    end();
}
END_TEST

UNIT_MAIN("channel", appends_what_comes_next_and_drops_what_came_before, a_hole_or_a_newer_epoch_starts_the_ring_anew,
          the_ring_is_bounded_by_messages, the_ring_is_bounded_by_bytes_but_holds_the_newest,
          all_rings_together_give_up_their_oldest, a_page_that_ends_at_the_base_goes_below_the_ring,
          the_first_publication_of_an_epoch_carries_it,
          a_name_that_is_not_its_own_json_is_pushed_escaped_in_either_spelling,
          what_a_channel_rarely_has_is_made_when_needed_and_gone_when_idle, the_only_subscription_stands_in_the_channel_itself, a_removal_during_a_walk_passes_nobody_over)
