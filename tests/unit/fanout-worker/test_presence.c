#include "presence.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#define S 1000000000LL
#define LONG_AGO ((struct presence_since){0, 1})
#define NOW (1000 * S)

static struct presence p;
static struct buf told; /* "+info " and "-info ", as they come */

static void on_told(void *owner, struct bytes channel, struct bytes info, bool joined)
{
    buf_printf(&told, "%c%.*s ", joined ? '+' : '-', BYTES_FMT(info));
}

static void begin(void)
{
    buf_fini(&told);
    presence_init(&p, 5 * S, 1 << 20, on_told, NULL);
}

static void end(void)
{
    presence_fini(&p);
    ck_assert_uint_eq(p.entries, 0);
    ck_assert_uint_eq(p.bytes, 0);
    buf_fini(&told);
}

static int set(struct lease *l, const char *channel, const char *client, const char *user,
               bool silent)
{
    return presence_set(&p, l,
                        &(struct fan_presence_set){.channel = bytes_str(channel),
                                                   .client = bytes_str(client),
                                                   .user = bytes_str(user),
                                                   .info = bytes_str(client),
                                                   .silent = silent});
}

static void clear(struct lease *l, const char *channel, const char *client, bool silent)
{
    presence_clear(&p, l,
                   &(struct fan_presence_clear){.channel = bytes_str(channel),
                                                .client = bytes_str(client),
                                                .silent = silent});
}

static struct fan_presence counts(const char *channel)
{
    struct fan_presence answer = {0};
    struct buf b = {0};
    presence_answer(&p, bytes_str(channel), true, LONG_AGO, NOW, &b, &answer);
    ck_assert_uint_eq(b.n, 0);
    return answer;
}

START_TEST(clients_are_counted_and_users_only_once)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1),
                 *b = presence_hello(&p, BYTES("a-2"), 2);
    set(a, "t/x", "c1", "ann", false);
    set(a, "t/x", "c2", "bob", false);
    set(b, "t/x", "c3", "ann", false);
    set(b, "t/y", "c3", "ann", false);
    ck_assert_uint_eq(counts("t/x").clients, 3);
    ck_assert_uint_eq(counts("t/x").users, 2);
    clear(a, "t/x", "c1", false);
    ck_assert_uint_eq(counts("t/x").users, 2);
    clear(b, "t/x", "c3", true);
    ck_assert_uint_eq(counts("t/x").users, 1);
    ck_assert_uint_eq(counts("t/nobody").clients, 0);
    ck_assert_bytes(buf_bytes(&told), "+c1 +c2 +c3 +c3 -c1 ");
    end();
}
END_TEST

START_TEST(entries_are_listed_with_their_info)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    struct buf b = {0};
    struct fan_presence answer = {0};
    struct presence_entry e;
    set(a, "t/x", "c1", "ann", false);
    presence_answer(&p, BYTES("t/x"), false, LONG_AGO, NOW, &b, &answer);
    ck_assert_int_eq(wire_next_presence_entry(&answer.entries, &e), 1);
    ck_assert_bytes(e.client, "c1");
    ck_assert_bytes(e.info, "c1");
    ck_assert_int_eq(wire_next_presence_entry(&answer.entries, &e), 0);
    buf_fini(&b);
    end();
}
END_TEST

START_TEST(a_join_is_told_once)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann", false);
    set(a, "t/x", "c1", "ann", false);
    set(a, "t/x", "c1", "another", false);
    ck_assert_bytes(buf_bytes(&told), "+c1 ");
    ck_assert_uint_eq(counts("t/x").clients, 1);
    ck_assert_uint_eq(counts("t/x").users, 1);
    end();
}
END_TEST

START_TEST(a_gateway_that_goes_keeps_its_entries_for_the_grace)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann", false);
    set(a, "t/x", "c2", "bob", true);
    presence_lost(&p, a, NOW);
    presence_tick(&p, NOW + 4 * S);
    ck_assert_uint_eq(counts("t/x").clients, 2);
    presence_tick(&p, NOW + 5 * S);
    ck_assert_uint_eq(counts("t/x").clients, 0);
    ck_assert_bytes(buf_bytes(&told),
                    "+c1 -c1 "); /* c2's join was not told, nor is its leave */
    end();
}
END_TEST

START_TEST(a_gateway_that_comes_back_replaces_what_it_held)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann", false);
    set(a, "t/x", "c2", "bob", false);
    presence_synced(&p, a, 1, NOW);
    presence_lost(&p, a, NOW);
    ck_assert_ptr_eq(presence_hello(&p, BYTES("a-1"), 1), a);
    presence_tick(&p, NOW + 60 * S);
    set(a, "t/x", "c1", "ann", true);
    set(a, "t/x", "c3", "bob", true);
    ck_assert_uint_eq(counts("t/x").clients, 3);
    ck_assert(counts("t/x").complete);
    presence_synced(&p, a, 1, NOW + S);
    ck_assert_uint_eq(counts("t/x").clients, 2);
    ck_assert_bytes(buf_bytes(&told), "+c1 +c2 -c2 ");
    end();
}
END_TEST

START_TEST(another_process_of_the_same_name_drops_the_old_ones_at_once)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann", false);
    presence_synced(&p, a, 1, NOW);
    presence_lost(&p, a, NOW);
    presence_hello(&p, BYTES("a-1"), 2);
    ck_assert_uint_eq(counts("t/x").clients, 0);
    ck_assert(!counts("t/x").complete);
    ck_assert_bytes(buf_bytes(&told), "+c1 -c1 ");
    end();
}
END_TEST

START_TEST(two_processes_of_one_name_live_side_by_side_while_both_are_linked)
{
    begin();
    struct lease *old = presence_hello(&p, BYTES("a-1"), 1);
    set(old, "t/x", "c1", "ann", false);
    struct lease *fresh = presence_hello(&p, BYTES("a-1"), 2);
    ck_assert_ptr_ne(fresh, old);
    set(fresh, "t/x", "c2", "bob", false);
    ck_assert_uint_eq(counts("t/x").clients, 2);
    presence_lost(&p, old, NOW);
    presence_tick(&p, NOW + 10 * S);
    ck_assert_uint_eq(counts("t/x").clients, 1);
    ck_assert_ptr_eq(presence_hello(&p, BYTES("a-1"), 2), fresh);
    ck_assert_bytes(buf_bytes(&told), "+c1 +c2 -c1 ");
    end();
}
END_TEST

START_TEST(a_left_over_of_another_gateway_gives_way)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1),
                 *b = presence_hello(&p, BYTES("a-2"), 2);
    set(a, "t/x", "c1", "ann", false);
    set(b, "t/x", "c1", "ann", false);
    clear(a, "t/x", "c1", false);
    ck_assert_uint_eq(counts("t/x").clients, 1);
    clear(b, "t/x", "c1", false);
    ck_assert_uint_eq(counts("t/x").clients, 0);
    ck_assert_bytes(buf_bytes(&told), "+c1 -c1 ");
    end();
}
END_TEST

START_TEST(it_is_complete_when_every_gateway_has_synced_since_the_partition_was_taken)
{
    begin();
    struct fan_presence answer = {0};
    struct buf b = {0};
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    ck_assert(!counts("t/x").complete);
    presence_synced(&p, a, 1, NOW);
    ck_assert(counts("t/x").complete);
    presence_hello(&p, BYTES("a-2"), 2);
    ck_assert(!counts("t/x").complete);
    presence_synced(&p, presence_hello(&p, BYTES("a-2"), 2), 1, NOW);
    ck_assert(counts("t/x").complete);
    presence_answer(&p, BYTES("t/x"), true, ((struct presence_since){NOW + S, 2}), NOW + 10 * S,
                    &b, &answer);
    ck_assert(!answer.complete);
    presence_answer(&p, BYTES("t/x"), true, ((struct presence_since){NOW + S, 1}), NOW + 10 * S,
                    &b, &answer);
    ck_assert(answer.complete); /* they knew of the map before we did */
    presence_answer(&p, BYTES("t/x"), true, ((struct presence_since){NOW, 2}), NOW + 2 * S, &b,
                    &answer);
    ck_assert(!answer.complete);
    presence_answer(&p, BYTES("t/x"), true, ((struct presence_since){NOW, 2}), NOW + 3 * S, &b,
                    &answer);
    ck_assert(answer.complete);
    end();
}
END_TEST

START_TEST(too_much_is_refused)
{
    begin();
    p.bytes_max = 1000;
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    char client[16];
    int refused = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(client, sizeof client, "client-%d", i);
        refused += set(a, "t/x", client, "ann", false) == -ENOBUFS;
    }
    ck_assert_int_gt(refused, 90);
    ck_assert_uint_le(p.bytes, 1000);
    ck_assert_int_eq(set(a, "t/x", "client-0", "ann", false), 0);
    ck_assert_uint_eq(counts("t/x").clients, (uint32_t)(100 - refused));
    end();
}
END_TEST

START_TEST(an_answer_that_would_be_too_long_is_cut_and_says_so)
{
    begin();
    p.bytes_max = 64 << 20;
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    struct buf b = {0};
    struct fan_presence answer = {0};
    static char info[1 << 20];
    char client[16];
    for (int i = 0; i < 6; i++) {
        snprintf(client, sizeof client, "c%d", i);
        presence_set(&p, a,
                     &(struct fan_presence_set){.channel = BYTES("t/x"),
                                                .client = bytes_str(client),
                                                .info = bytes_of(info, sizeof info)});
    }
    presence_synced(&p, a, 1, NOW);
    presence_answer(&p, BYTES("t/x"), false, LONG_AGO, NOW, &b, &answer);
    ck_assert_uint_le(b.n, PRESENCE_ANSWER_MAX + 100);
    ck_assert(!answer.complete);
    ck_assert_uint_eq(answer.clients, 6);
    buf_fini(&b);
    end();
}
END_TEST

static bool only_x(void *ctx, struct bytes channel)
{
    return bytes_is(channel, "t/x");
}

START_TEST(rooms_of_other_workers_go_silently)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann", true);
    set(a, "t/y", "c1", "ann", true);
    set(a, "t/y", "c2", "ann", true);
    presence_keep(&p, only_x, NULL);
    ck_assert_uint_eq(counts("t/x").clients, 1);
    ck_assert_uint_eq(counts("t/y").clients, 0);
    ck_assert_uint_eq(p.entries, 1);
    ck_assert_uint_eq(told.n, 0);
    end();
}
END_TEST

UNIT_MAIN("fanout-worker/presence", clients_are_counted_and_users_only_once,
          entries_are_listed_with_their_info, a_join_is_told_once,
          a_gateway_that_goes_keeps_its_entries_for_the_grace,
          a_gateway_that_comes_back_replaces_what_it_held,
          another_process_of_the_same_name_drops_the_old_ones_at_once,
          two_processes_of_one_name_live_side_by_side_while_both_are_linked,
          a_left_over_of_another_gateway_gives_way,
          it_is_complete_when_every_gateway_has_synced_since_the_partition_was_taken,
          too_much_is_refused, an_answer_that_would_be_too_long_is_cut_and_says_so,
          rooms_of_other_workers_go_silently)
