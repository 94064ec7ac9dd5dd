#include "presence.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#define S 1000000000LL
#define LONG_AGO ((struct presence_since){0, 1})
#define NOW (1000 * S)

static struct presence p;
static struct buf told; /* "+info ", "-info " and "=clients/users ", as they come */
static uint32_t linger_ms, pushes;

static void on_told(void *owner, struct bytes channel, struct bytes info, bool joined)
{
    buf_printf(&told, "%c%.*s ", joined ? '+' : '-', BYTES_FMT(info));
}

static void on_counts(void *owner, struct bytes channel, uint32_t clients, uint32_t users)
{
    buf_printf(&told, "=%u/%u ", clients, users);
}

static void on_abroad(void *owner, struct bytes channel, const struct presence_news *m)
{
}

static const struct presence_ports ports = {.told = on_told, .counts = on_counts, .abroad = on_abroad};

static void begin_with(uint32_t linger_ms_, uint32_t pushes_)
{
    buf_fini(&told);
    presence_init(&p, &ports, NULL, 5 * S, 64 << 20);
    p.now_ns = NOW;
    linger_ms = linger_ms_;
    pushes = pushes_;
}

static void begin(void)
{
    begin_with(0, 0);
}

static void end(void)
{
    presence_fini(&p);
    ck_assert_uint_eq(p.entries, 0);
    ck_assert_uint_eq(p.bytes, 0);
    buf_fini(&told);
}

static void tick(int64_t now_ns)
{
    p.now_ns = now_ns;
    presence_tick(&p);
}

static void ck_told(const char *what)
{
    ck_assert_bytes(buf_bytes(&told), what);
    buf_clear(&told);
}

static struct fan_presence_set someone(const char *channel, const char *client, const char *user)
{
    return (struct fan_presence_set){.channel = bytes_str(channel),
                                     .client = bytes_str(client),
                                     .user = bytes_str(user),
                                     .info = bytes_str(client),
                                     .tells = 1,
                                     .linger_ms = linger_ms,
                                     .pushes = pushes};
}

static int set(struct lease *l, const char *channel, const char *client, const char *user)
{
    struct fan_presence_set what = someone(channel, client, user);
    return presence_set(&p, l, &what);
}

static void set_again(struct lease *l, const char *channel, const char *client, const char *user)
{
    struct fan_presence_set what = someone(channel, client, user);
    what.silent = 1;
    presence_set(&p, l, &what);
}

/* where joins and leaves are off */
static void set_quiet(struct lease *l, const char *channel, const char *client, const char *user)
{
    struct fan_presence_set what = someone(channel, client, user);
    what.tells = 0;
    presence_set(&p, l, &what);
}

static void unsubscribe(struct lease *l, const char *channel, const char *client)
{
    presence_clear(&p, l,
                   &(struct fan_presence_clear){.channel = bytes_str(channel),
                                                .client = bytes_str(client),
                                                .left = 1});
}

static void clear(struct lease *l, const char *channel, const char *client)
{
    presence_clear(&p, l,
                   &(struct fan_presence_clear){.channel = bytes_str(channel),
                                                .client = bytes_str(client)});
}

static struct fan_presence counts_since(const char *channel, struct presence_since since)
{
    struct fan_presence answer = {0};
    struct buf b = {0};
    presence_answer(&p, &(struct fan_ask_presence){.channel = bytes_str(channel)}, since, &b,
                    &answer);
    ck_assert_uint_eq(b.n, 0);
    return answer;
}

static struct fan_presence counts(const char *channel)
{
    return counts_since(channel, LONG_AGO);
}

static uint32_t page_bytes = UINT32_MAX;

/* "client=info " of a page of t/x. -> what the next one begins behind */
static uint64_t page(uint64_t after, uint32_t limit, struct buf *ret_list)
{
    struct fan_presence answer = {0};
    struct presence_entry e;
    struct buf b = {0};
    presence_answer(
        &p, &(struct fan_ask_presence){.channel = BYTES("t/x"), .after = after, .limit = limit, .bytes = page_bytes},
        LONG_AGO, &b, &answer);
    while (wire_next_presence_entry(&answer.entries, &e) > 0)
        buf_printf(ret_list, "%.*s=%.*s ", BYTES_FMT(e.client), BYTES_FMT(e.info));
    buf_fini(&b);
    return answer.next;
}

static void ck_page(uint64_t after, uint32_t limit, const char *list, uint64_t next)
{
    struct buf b = {0};
    ck_assert_uint_eq(page(after, limit, &b), next);
    ck_assert_bytes(buf_bytes(&b), list);
    buf_fini(&b);
}

START_TEST(clients_are_counted_and_users_only_once)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1),
                 *b = presence_hello(&p, BYTES("a-2"), 2);
    set(a, "t/x", "c1", "ann");
    set(a, "t/x", "c2", "bob");
    set(b, "t/x", "c3", "ann");
    set(b, "t/y", "c3", "ann");
    ck_assert_uint_eq(counts("t/x").clients, 3);
    ck_assert_uint_eq(counts("t/x").users, 2);
    clear(a, "t/x", "c1");
    ck_assert_uint_eq(counts("t/x").users, 2);
    clear(b, "t/x", "c3");
    ck_assert_uint_eq(counts("t/x").users, 1);
    ck_assert_uint_eq(counts("t/nobody").clients, 0);
    ck_told("+c1 +c2 +c3 +c3 -c1 -c3 ");
    end();
}
END_TEST

static struct fan_presence ask_users(uint32_t most, uint64_t seed, struct buf *b)
{
    struct fan_presence answer = {0};
    buf_clear(b);
    presence_answer(&p,
                    &(struct fan_ask_presence){.channel = BYTES("t/x"),
                                               .limit = 1,
                                               .bytes = UINT32_MAX,
                                               .users = most,
                                               .seed = seed},
                    LONG_AGO, b, &answer);
    return answer;
}

START_TEST(who_asks_for_them_gets_the_users_hashes_unless_they_are_too_many)
{
    struct buf b = {0};
    uint64_t first, second, ann = hash_seeded(BYTES("ann"), 7), bob = hash_seeded(BYTES("bob"), 7);
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann");
    set(a, "t/x", "c2", "bob");
    set(a, "t/x", "c3", "ann");
    struct fan_presence answer = ask_users(2, 7, &b);
    ck_assert(wire_get_u64(&answer.hashes, &first) && wire_get_u64(&answer.hashes, &second));
    ck_assert((first == ann && second == bob) || (first == bob && second == ann));
    ck_assert_uint_eq(answer.hashes.n, 0);
    ck_assert_uint_gt(answer.entries.n, 0);
    ck_assert_uint_eq(ask_users(1, 7, &b).hashes.n, 0);
    ck_assert_uint_eq(ask_users(1, 7, &b).users, 2);
    ck_assert_uint_eq(ask_users(0, 7, &b).hashes.n, 0);
    buf_fini(&b);
    end();
}
END_TEST

START_TEST(a_page_is_no_larger_than_was_asked_for)
{
    struct buf b = {0};
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann");
    set(a, "t/x", "c2", "bob");
    set(a, "t/x", "c3", "cid");
    page_bytes = 27;
    ck_page(0, 10, "c1=c1 c2=c2 ", 2);
    page_bytes = 0;
    ck_page(2, 10, "c3=c3 ", 0);
    page_bytes = UINT32_MAX;
    buf_fini(&b);
    end();
}
END_TEST

START_TEST(where_joins_and_leaves_are_off_nobody_is_told)
{
    begin_with(15000, 0);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set_quiet(a, "t/x", "c1", "ann");
    ck_assert_uint_eq(counts("t/x").clients, 1);
    clear(a, "t/x", "c1");
    ck_assert_uint_eq(counts("t/x").clients, 0);
    ck_told("");
    end();
}
END_TEST

START_TEST(a_join_is_told_once)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann");
    set(a, "t/x", "c1", "ann");
    set(a, "t/x", "c1", "another");
    ck_told("+c1 ");
    ck_assert_uint_eq(counts("t/x").clients, 1);
    ck_assert_uint_eq(counts("t/x").users, 1);
    end();
}
END_TEST

/* ---- pages */

START_TEST(pages_show_everybody_once_in_the_order_of_coming)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann");
    set(a, "t/x", "c2", "bob");
    set(a, "t/x", "c3", "eve");
    ck_page(0, 2, "c1=c1 c2=c2 ", 2);
    clear(a, "t/x", "c1");
    set(a, "t/x", "c4", "fay");
    ck_page(2, 2, "c3=c3 c4=c4 ", 0);
    ck_page(0, 3, "c2=c2 c3=c3 c4=c4 ", 0);
    ck_page(99, 3, "", 0);
    end();
}
END_TEST

START_TEST(a_page_is_bounded_by_bytes_too)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    static char info[400 << 10];
    char client[16];
    memset(info, 'i', sizeof info);
    for (int i = 0; i < 6; i++) {
        snprintf(client, sizeof client, "c%d", i);
        struct fan_presence_set what = someone("t/x", client, "ann");
        what.info = bytes_of(info, sizeof info);
        presence_set(&p, a, &what);
    }
    struct buf b = {0};
    uint64_t after = 0;
    int pages = 0;
    page_bytes = 1 << 20;
    do {
        buf_clear(&b);
        after = page(after, 1000, &b);
        ck_assert_uint_le(b.n, 1 << 20);
        pages++;
    } while (after);
    page_bytes = UINT32_MAX;
    ck_assert_int_eq(pages, 3);
    for (int i = 6; i < 10; i++) {
        snprintf(client, sizeof client, "c%d", i);
        struct fan_presence_set what = someone("t/x", client, "ann");
        what.info = bytes_of(info, sizeof info);
        presence_set(&p, a, &what);
    }
    buf_clear(&b);
    ck_assert_uint_ne(page(0, 1000, &b), 0); /* 4 MB, whatever is asked for */
    ck_assert_uint_le(b.n, PRESENCE_ANSWER_MAX);
    buf_fini(&b);
    end();
}
END_TEST

START_TEST(a_hundred_thousand_members_are_counted_without_looking_at_them)
{
    begin_with(15000, 20000);
    p.bytes_max = 1 << 30;
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    char client[16], user[16];
    for (int i = 0; i < 100000; i++) {
        snprintf(client, sizeof client, "c%d", i);
        snprintf(user, sizeof user, "u%d", i / 2);
        set(a, "t/x", client, user);
    }
    ck_assert_uint_eq(counts("t/x").clients, 100000);
    ck_assert_uint_eq(counts("t/x").users, 50000);
    struct buf b = {0};
    ck_assert_uint_eq(page(50000, 3, &b), 50003);
    ck_assert_bytes(buf_bytes(&b), "c50000=c50000 c50001=c50001 c50002=c50002 ");
    buf_fini(&b);
    end();
}
END_TEST

/* ---- lingering */

START_TEST(a_leave_is_told_when_the_client_has_not_come_back)
{
    begin_with(15000, 0);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann");
    clear(a, "t/x", "c1");
    tick(NOW + 14 * S);
    ck_assert_uint_eq(counts("t/x").clients, 1);
    ck_page(0, 9, "c1=c1 ", 0);
    ck_told("+c1 ");
    tick(NOW + 15 * S);
    ck_assert_uint_eq(counts("t/x").clients, 0);
    ck_told("-c1 ");
    end();
}
END_TEST

START_TEST(who_unsubscribes_leaves_at_once)
{
    begin_with(15000, 0);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann");
    set(a, "t/x", "c2", "bob");
    unsubscribe(a, "t/x", "c1");
    ck_told("+c1 +c2 -c1 ");
    ck_assert_uint_eq(counts("t/x").clients, 1);
    set(a, "t/x", "c3", "ann");
    ck_told("+c3 ");
    end();
}
END_TEST

START_TEST(who_comes_back_in_time_has_neither_left_nor_joined)
{
    begin_with(15000, 0);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1),
                 *b = presence_hello(&p, BYTES("a-2"), 2);
    set(a, "t/x", "c1", "ann");
    set(a, "t/x", "c2", "bob");
    clear(a, "t/x", "c1");
    tick(NOW + 14 * S);
    set(b, "t/x", "c3", "ann");
    tick(NOW + 60 * S);
    ck_assert_uint_eq(counts("t/x").clients, 2);
    ck_page(0, 9, "c1=c3 c2=c2 ", 0); /* under the name that was told, as who he is now */
    ck_told("+c1 +c2 ");
    clear(b, "t/x", "c3");
    tick(NOW + 70 * S);
    set(a, "t/x", "c4", "ann");
    clear(a, "t/x", "c4");
    tick(NOW + 90 * S);
    ck_told("-c1 "); /* what joined leaves */
    ck_assert_uint_eq(p.followed, 2);
    end();
}
END_TEST

START_TEST(the_same_client_may_come_back_too)
{
    begin_with(15000, 0);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann");
    clear(a, "t/x", "c1");
    set(a, "t/x", "c1", "ann");
    tick(NOW + 60 * S);
    ck_assert_uint_eq(counts("t/x").clients, 1);
    ck_told("+c1 ");
    end();
}
END_TEST

START_TEST(nobody_takes_the_place_of_another_user_or_of_one_who_is_there)
{
    begin_with(15000, 0);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann");
    set(a, "t/x", "c2", "ann"); /* his other window */
    clear(a, "t/x", "c2");
    set(a, "t/x", "c3", "bob");
    tick(NOW + 15 * S);
    ck_told("+c1 +c2 +c3 -c2 ");
    end();
}
END_TEST

START_TEST(without_a_user_nobody_is_known_to_be_the_same)
{
    begin_with(15000, 0);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "");
    clear(a, "t/x", "c1");
    set(a, "t/x", "c2", "");
    tick(NOW + 15 * S);
    ck_told("+c1 +c2 -c1 ");
    end();
}
END_TEST

START_TEST(who_comes_back_looking_otherwise_joins)
{
    begin_with(15000, 0);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    struct fan_presence_set what = someone("t/x", "c1", "ann");
    what.info = BYTES("{c1 Ann}");
    presence_set(&p, a, &what);
    clear(a, "t/x", "c1");
    what.client = BYTES("c2");
    what.info = BYTES("{c2 Anne}");
    presence_set(&p, a, &what);
    tick(NOW + 15 * S);
    ck_told("+{c1 Ann} +{c2 Anne} -{c1 Ann} ");
    end();
}
END_TEST

START_TEST(users_with_many_windows_cost_no_search)
{
    begin_with(15000, 0);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    char client[16];
    for (int i = 0; i < 20000; i++) {
        snprintf(client, sizeof client, "c%05d", i);
        set(a, "t/x", client, "bot");
    }
    clear(a, "t/x", "c19999");
    buf_clear(&told);
    set(a, "t/x", "c20000", "bot");
    ck_told("");
    end();
}
END_TEST

/* ---- too many */

START_TEST(what_is_too_much_is_not_told_and_counts_are)
{
    begin_with(0, 20);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    char client[16];
    for (int i = 0; i < 10; i++) {
        snprintf(client, sizeof client, "c%d", i);
        set(a, "t/x", client, "ann");
    }
    tick(NOW);
    ck_told("+c0 +c1 +c2 +c3 +c4 =10/1 "); /* 1 + 2 + 3 + 4 + 5 */
    clear(a, "t/x", "c9"); /* nobody was told that it had come */
    tick(NOW + 2 * S);
    ck_told("");
    clear(a, "t/x", "c0");
    tick(NOW + 3 * S);
    ck_told("-c0 ");
    ck_assert_uint_eq(p.missed, 5);
    end();
}
END_TEST

/* ---- leases */

START_TEST(a_gateway_that_goes_keeps_its_entries_for_the_grace)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann");
    set_quiet(a, "t/x", "c2", "bob");
    presence_lost(&p, a);
    tick(NOW + 4 * S);
    ck_assert_uint_eq(counts("t/x").clients, 2);
    tick(NOW + 5 * S);
    ck_assert_uint_eq(counts("t/x").clients, 0);
    ck_told("+c1 -c1 "); /* c2's join was not told, nor is its leave */
    end();
}
END_TEST

START_TEST(clients_of_a_killed_gateway_who_return_elsewhere_make_no_flood)
{
    begin_with(15000, 0);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1),
                 *b = presence_hello(&p, BYTES("a-2"), 2);
    char client[16], user[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(client, sizeof client, "a%05d", i);
        snprintf(user, sizeof user, "u%d", i);
        set(a, "t/x", client, user);
    }
    buf_clear(&told);
    presence_lost(&p, a);
    for (int i = 0; i < 5000; i++) {
        if (i == 2500) /* some before, some after the lease has ended */
            for (int ticks = 0; ticks < 10; ticks++)
                tick(NOW + 6 * S);
        if (i == 77)
            continue; /* who does not */
        snprintf(client, sizeof client, "b%05d", i);
        snprintf(user, sizeof user, "u%d", i);
        set(b, "t/x", client, user);
    }
    ck_assert_uint_eq(counts("t/x").clients, 5000);
    ck_told("");
    tick(NOW + 15 * S);
    ck_told("-a00077 ");
    ck_assert_uint_eq(counts("t/x").clients, 4999);
    end();
}
END_TEST

START_TEST(a_gateways_thousands_go_in_slices)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    char client[16];
    for (int i = 0; i < 3 * PRESENCE_SLICE; i++) {
        snprintf(client, sizeof client, "c%d", i);
        set(a, "t/x", client, "ann");
    }
    presence_lost(&p, a);
    for (uint32_t left = 3; left > 0; left--) {
        ck_assert_uint_eq(counts("t/x").clients, left * PRESENCE_SLICE);
        tick(NOW + 5 * S);
    }
    ck_assert_uint_eq(counts("t/x").clients, 0);
    ck_assert(list_is_empty(&p.leases));
    end();
}
END_TEST

START_TEST(so_do_lingerers_of_many_rooms)
{
    begin_with(1000, 0);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    char channel[16];
    for (int i = 0; i < 2 * PRESENCE_SLICE; i++) {
        snprintf(channel, sizeof channel, "t/x%d", i);
        set(a, channel, "c1", "ann");
        clear(a, channel, "c1");
    }
    tick(NOW);
    ck_assert_uint_eq(p.entries, 2 * PRESENCE_SLICE);
    size_t before;
    do {
        before = p.entries;
        tick(NOW + S);
        ck_assert_uint_le(before - p.entries, PRESENCE_SLICE);
        ck_assert_uint_lt(p.entries, before);
    } while (p.entries);
    ck_assert_uint_eq(p.rooms.count, 0);
    end();
}
END_TEST

START_TEST(a_gateway_that_comes_back_replaces_what_it_held)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann");
    set(a, "t/x", "c2", "bob");
    presence_synced(&p, a, 1);
    presence_lost(&p, a);
    ck_assert_ptr_eq(presence_hello(&p, BYTES("a-1"), 1), a);
    tick(NOW + 60 * S);
    set_again(a, "t/x", "c1", "ann");
    set_again(a, "t/x", "c3", "bob");
    ck_assert_uint_eq(counts("t/x").clients, 3);
    ck_assert(counts("t/x").complete);
    presence_synced(&p, a, 1);
    tick(NOW + 60 * S);
    ck_assert_uint_eq(counts("t/x").clients, 2);
    ck_told("+c1 +c2 -c2 ");
    end();
}
END_TEST

START_TEST(a_gateway_that_comes_back_when_its_grace_is_over_finds_nothing)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    char client[16];
    for (int i = 0; i < 3 * PRESENCE_SLICE; i++) {
        snprintf(client, sizeof client, "c%d", i);
        set(a, "t/x", client, "ann");
    }
    presence_lost(&p, a);
    tick(NOW + 5 * S);
    ck_assert_uint_eq(counts("t/x").clients, 2 * PRESENCE_SLICE);
    ck_assert_ptr_eq(presence_hello(&p, BYTES("a-1"), 1), a);
    set_again(a, "t/x", "c9999", "ann");
    for (int ticks = 0; ticks < 3; ticks++)
        tick(NOW + 6 * S);
    ck_assert_uint_eq(counts("t/x").clients, 1);
    end();
}
END_TEST

START_TEST(what_a_new_worker_is_told_again_leaves_audibly)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set_again(a, "t/x", "c1", "ann");
    clear(a, "t/x", "c1");
    ck_told("-c1 ");
    end();
}
END_TEST

START_TEST(another_process_of_the_same_name_drops_the_old_ones)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann");
    presence_synced(&p, a, 1);
    presence_lost(&p, a);
    presence_hello(&p, BYTES("a-1"), 2);
    ck_assert(!counts("t/x").complete);
    tick(NOW);
    ck_assert_uint_eq(counts("t/x").clients, 0);
    ck_told("+c1 -c1 ");
    end();
}
END_TEST

START_TEST(two_processes_of_one_name_live_side_by_side_while_both_are_linked)
{
    begin();
    struct lease *old = presence_hello(&p, BYTES("a-1"), 1);
    set(old, "t/x", "c1", "ann");
    struct lease *fresh = presence_hello(&p, BYTES("a-1"), 2);
    ck_assert_ptr_ne(fresh, old);
    set(fresh, "t/x", "c2", "bob");
    ck_assert_uint_eq(counts("t/x").clients, 2);
    presence_lost(&p, old);
    tick(NOW + 10 * S);
    ck_assert_uint_eq(counts("t/x").clients, 1);
    ck_assert_ptr_eq(presence_hello(&p, BYTES("a-1"), 2), fresh);
    ck_told("+c1 +c2 -c1 ");
    end();
}
END_TEST

START_TEST(a_left_over_of_another_gateway_gives_way)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1),
                 *b = presence_hello(&p, BYTES("a-2"), 2);
    set(a, "t/x", "c1", "ann");
    set(b, "t/x", "c1", "ann");
    clear(a, "t/x", "c1");
    ck_assert_uint_eq(counts("t/x").clients, 1);
    clear(b, "t/x", "c1");
    ck_assert_uint_eq(counts("t/x").clients, 0);
    ck_told("+c1 -c1 ");
    end();
}
END_TEST

START_TEST(it_is_complete_when_every_gateway_has_synced_since_the_partition_was_taken)
{
    begin();
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    ck_assert(!counts("t/x").complete);
    presence_synced(&p, a, 1);
    ck_assert(counts("t/x").complete);
    presence_hello(&p, BYTES("a-2"), 2);
    ck_assert(!counts("t/x").complete);
    presence_synced(&p, presence_hello(&p, BYTES("a-2"), 2), 1);
    ck_assert(counts("t/x").complete);
    p.now_ns = NOW + 10 * S;
    ck_assert(!counts_since("t/x", (struct presence_since){NOW + S, 2}).complete);
    /* they knew of the map before we did */
    ck_assert(counts_since("t/x", (struct presence_since){NOW + S, 1}).complete);
    p.now_ns = NOW + 2 * S;
    ck_assert(!counts_since("t/x", (struct presence_since){NOW, 2}).complete);
    p.now_ns = NOW + 3 * S;
    ck_assert(counts_since("t/x", (struct presence_since){NOW, 2}).complete);
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
        refused += set(a, "t/x", client, "ann") == -ENOBUFS;
    }
    ck_assert_int_gt(refused, 90);
    ck_assert_uint_le(p.bytes, 1000);
    ck_assert_int_eq(set(a, "t/x", "client-0", "ann"), 0);
    ck_assert_uint_eq(counts("t/x").clients, (uint32_t)(100 - refused));
    end();
}
END_TEST

static bool only_x(void *ctx, struct bytes channel)
{
    return bytes_is(channel, "t/x");
}

START_TEST(rooms_of_other_workers_go_silently)
{
    begin_with(15000, 0);
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1);
    set(a, "t/x", "c1", "ann");
    set(a, "t/y", "c1", "ann");
    set(a, "t/y", "c2", "ann");
    clear(a, "t/y", "c2");
    buf_clear(&told);
    presence_keep(&p, only_x, NULL);
    ck_assert_uint_eq(counts("t/x").clients, 1);
    ck_assert_uint_eq(counts("t/y").clients, 0);
    ck_assert_uint_eq(p.entries, 1);
    tick(NOW + 60 * S);
    ck_told("");
    end();
}
END_TEST

UNIT_MAIN("fanout-worker/presence", clients_are_counted_and_users_only_once,
          who_asks_for_them_gets_the_users_hashes_unless_they_are_too_many,
          a_page_is_no_larger_than_was_asked_for,
          where_joins_and_leaves_are_off_nobody_is_told,
          a_join_is_told_once,
          pages_show_everybody_once_in_the_order_of_coming,
          a_page_is_bounded_by_bytes_too,
          a_hundred_thousand_members_are_counted_without_looking_at_them,
          a_leave_is_told_when_the_client_has_not_come_back,
          who_unsubscribes_leaves_at_once, who_comes_back_in_time_has_neither_left_nor_joined,
          the_same_client_may_come_back_too,
          nobody_takes_the_place_of_another_user_or_of_one_who_is_there,
          without_a_user_nobody_is_known_to_be_the_same,
          who_comes_back_looking_otherwise_joins,
          users_with_many_windows_cost_no_search,
          what_is_too_much_is_not_told_and_counts_are,
          a_gateway_that_goes_keeps_its_entries_for_the_grace,
          clients_of_a_killed_gateway_who_return_elsewhere_make_no_flood,
          a_gateways_thousands_go_in_slices,
          so_do_lingerers_of_many_rooms,
          a_gateway_that_comes_back_replaces_what_it_held,
          a_gateway_that_comes_back_when_its_grace_is_over_finds_nothing,
          what_a_new_worker_is_told_again_leaves_audibly,
          another_process_of_the_same_name_drops_the_old_ones,
          two_processes_of_one_name_live_side_by_side_while_both_are_linked,
          a_left_over_of_another_gateway_gives_way,
          it_is_complete_when_every_gateway_has_synced_since_the_partition_was_taken,
          too_much_is_refused,
          rooms_of_other_workers_go_silently)
