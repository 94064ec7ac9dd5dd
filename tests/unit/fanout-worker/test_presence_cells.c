/* presence.c and vacancy.c of two cells whose news reach each other, unless Kafka is away. */
#include "presence.h"
#include "unit.h"

#include <stdio.h>

#define S 1000000000LL
#define NOW (1000 * S)
#define LINGER_MS 15000

static struct cell {
    struct presence presence;
    struct lease *lease;
    struct buf told; /* "+info ", "-info " and "=clients/users ", as they come */
} a, b;
static bool kafka_away;
static uint32_t pushes, linger_ms;

static void on_told(void *owner, struct bytes channel, struct bytes info, bool joined)
{
    struct cell *c = owner;
    buf_printf(&c->told, "%c%.*s ", joined ? '+' : '-', BYTES_FMT(info));
}

static void on_counts(void *owner, struct bytes channel, uint32_t clients, uint32_t users)
{
    struct cell *c = owner;
    buf_printf(&c->told, "=%u/%u ", clients, users);
}

static void on_abroad(void *owner, struct bytes channel, const struct presence_news *m)
{
    if (!kafka_away)
        presence_hear(owner == &a ? &b.presence : &a.presence, channel, m);
}

static const struct presence_ports ports = {.told = on_told, .counts = on_counts, .abroad = on_abroad};

static void begin_cell(struct cell *c, const char *gateway)
{
    buf_fini(&c->told);
    presence_init(&c->presence, &ports, c, 5 * S, 64 << 20);
    c->presence.now_ns = NOW;
    c->lease = presence_hello(&c->presence, bytes_str(gateway), 1);
}

static void begin(void)
{
    kafka_away = false;
    pushes = 0;
    linger_ms = LINGER_MS;
    begin_cell(&a, "a-1");
    begin_cell(&b, "b-1");
}

static void end_cell(struct cell *c)
{
    presence_fini(&c->presence);
    ck_assert_uint_eq(c->presence.bytes, 0);
    ck_assert_uint_eq(c->presence.vacancies.bytes, 0);
    buf_fini(&c->told);
}

static void end(void)
{
    end_cell(&a);
    end_cell(&b);
}

static void come(struct cell *c, const char *client, const char *user)
{
    struct fan_presence_set what = {.channel = BYTES("t/x"),
                                    .client = bytes_str(client),
                                    .user = bytes_str(user),
                                    .info = bytes_str(client),
                                    .tells = 1,
                                    .linger_ms = linger_ms,
                                    .pushes = pushes};
    ck_assert_int_eq(presence_set(&c->presence, c->lease, &what), 0);
}

static void go(struct cell *c, const char *client)
{
    presence_clear(&c->presence, c->lease,
                   &(struct fan_presence_clear){.channel = BYTES("t/x"), .client = bytes_str(client)});
}

static void tick(int64_t now_ns)
{
    a.presence.now_ns = b.presence.now_ns = now_ns;
    presence_tick(&a.presence);
    presence_tick(&b.presence);
}

static void ck_told(struct cell *c, const char *what)
{
    ck_assert_bytes(buf_bytes(&c->told), what);
    buf_clear(&c->told);
}

/* The names of places, one behind the other. */
static void ck_listed(struct cell *c, const char *names)
{
    struct fan_presence answer;
    struct presence_entry e;
    struct buf into = {0}, listed = {0};
    presence_answer(&c->presence, &(struct fan_ask_presence){.channel = BYTES("t/x"), .limit = 10, .bytes = UINT32_MAX},
                    (struct presence_since){0, 1}, &into, &answer);
    while (wire_next_presence_entry(&answer.entries, &e) > 0)
        buf_append_bytes(&listed, e.client);
    ck_assert_bytes(buf_bytes(&listed), names);
    buf_fini(&into);
    buf_fini(&listed);
}

START_TEST(joins_and_leaves_are_told_in_both_cells)
{
    begin();
    come(&a, "c1", "ann");
    come(&b, "c2", "bob");
    presence_clear(&a.presence, a.lease,
                   &(struct fan_presence_clear){.channel = BYTES("t/x"), .client = BYTES("c1"), .left = 1});
    ck_told(&a, "+c1 +c2 -c1 ");
    ck_told(&b, "+c1 +c2 -c1 ");
    end();
}
END_TEST

START_TEST(who_comes_back_in_another_cell_has_neither_left_nor_joined)
{
    begin();
    come(&a, "c1", "ann");
    come(&b, "c2", "bob");
    go(&a, "c1");
    ck_listed(&a, "c1");
    ck_listed(&b, "c2"); /* a place is listed in one cell */
    come(&b, "c3", "ann");
    ck_listed(&a, "");
    ck_listed(&b, "c2c1"); /* under the name that was announced */
    tick(NOW + 20 * S);
    ck_told(&a, "+c1 +c2 ");
    ck_told(&b, "+c1 +c2 ");
    ck_assert_uint_eq(b.presence.followed, 1);
    go(&b, "c3"); /* and back */
    come(&a, "c4", "ann");
    ck_listed(&a, "c1");
    tick(NOW + 40 * S);
    go(&a, "c4");
    tick(NOW + 60 * S);
    ck_told(&a, "-c1 ");
    ck_told(&b, "-c1 ");
    end();
}
END_TEST

START_TEST(who_has_gone_for_good_leaves_in_both_cells_once)
{
    begin();
    come(&a, "c1", "ann");
    come(&b, "c2", "bob");
    go(&a, "c1");
    tick(NOW + 16 * S);
    ck_told(&a, "+c1 +c2 -c1 ");
    ck_told(&b, "+c1 +c2 -c1 ");
    come(&b, "c3", "ann");
    ck_told(&b, "+c3 ");
    end();
}
END_TEST

START_TEST(a_place_that_was_taken_at_home_is_free_nowhere)
{
    begin();
    come(&a, "c1", "ann");
    go(&a, "c1");
    come(&a, "c2", "ann");
    come(&b, "c3", "ann"); /* another window */
    ck_told(&a, "+c1 +c3 ");
    ck_listed(&a, "c1");
    ck_listed(&b, "c3");
    end();
}
END_TEST

START_TEST(a_vacancy_is_for_the_same_user_and_for_a_while)
{
    begin();
    come(&a, "c1", "ann");
    come(&a, "c2", "");
    go(&a, "c1");
    go(&a, "c2");
    come(&b, "c3", "bob");
    come(&b, "c4", "");
    ck_told(&b, "+c1 +c2 +c3 +c4 ");
    b.presence.now_ns = NOW + 15 * S; /* a has not said yet that they left */
    come(&b, "c5", "ann");
    ck_told(&b, "+c5 ");
    ck_assert_uint_eq(b.presence.vacancies.by_client.count, 0);
    end();
}
END_TEST

START_TEST(what_is_heard_is_bounded_by_the_channels_own_rate_and_what_is_missed_is_counted)
{
    begin();
    pushes = 2;
    come(&a, "c1", "ann");
    tick(NOW + 2 * S);
    come(&b, "c2", "bob"); /* half a second's worth, in each */
    come(&b, "c3", "cid");
    come(&b, "c4", "dan"); /* too many: neither joins, in no cell */
    ck_told(&b, "+c1 +c2 ");
    ck_told(&a, "+c1 +c2 ");
    tick(NOW + 4 * S);
    ck_told(&b, "=3/3 ");
    tick(NOW + 6 * S);
    ck_told(&a, "=1/1 ");
    tick(NOW + 60 * S);
    tick(NOW + 120 * S);
    ck_told(&a, ""); /* they do not go on telling each other */
    ck_told(&b, "");
    end();
}
END_TEST

START_TEST(what_kafka_does_not_take_is_told_at_home)
{
    begin();
    come(&b, "c2", "bob");
    kafka_away = true;
    come(&a, "c1", "ann");
    go(&a, "c1");
    come(&b, "c3", "ann");
    tick(NOW + 20 * S);
    ck_told(&a, "+c2 +c1 -c1 ");
    ck_told(&b, "+c2 +c3 ");
    end();
}
END_TEST

START_TEST(vacancies_count_as_memory_and_those_beyond_are_not_kept)
{
    begin();
    b.presence.bytes_max = 400;
    for (int i = 0; i < 10; i++) {
        char client[8];
        snprintf(client, sizeof client, "c%d", i);
        come(&a, client, client);
        go(&a, client);
    }
    ck_assert_uint_gt(b.presence.vacancies.by_client.count, 0);
    ck_assert_uint_le(b.presence.vacancies.bytes, 400);
    tick(NOW + 20 * S);
    ck_assert_uint_eq(b.presence.vacancies.by_client.count, 0);
    end();
}
END_TEST

START_TEST(a_vacancy_of_an_hour_keeps_no_others)
{
    begin();
    linger_ms = 3600000;
    come(&a, "c1", "ann");
    go(&a, "c1");
    tick(NOW);
    linger_ms = LINGER_MS; /* as in another namespace */
    come(&a, "c2", "bob");
    go(&a, "c2");
    b.presence.now_ns = NOW + 16 * S;
    presence_tick(&b.presence);
    ck_assert_uint_eq(b.presence.vacancies.by_client.count, 1);
    b.presence.now_ns = NOW + 3600 * S;
    presence_tick(&b.presence);
    ck_assert_uint_eq(b.presence.vacancies.by_client.count, 0);
    end();
}
END_TEST

START_TEST(who_is_here_is_kept_before_who_may_come)
{
    begin();
    b.presence.bytes_max = 2000;
    for (int i = 0; i < 20; i++) {
        char client[8];
        snprintf(client, sizeof client, "c%d", i);
        come(&a, client, client);
        go(&a, client);
    }
    size_t before = b.presence.vacancies.by_client.count;
    come(&b, "d1", "dan");
    come(&b, "d2", "eve");
    ck_listed(&b, "d1d2");
    ck_assert_uint_lt(b.presence.vacancies.by_client.count, before);
    ck_assert_uint_gt(b.presence.vacancies.by_client.count, 0);
    end();
}
END_TEST

START_TEST(what_the_last_ones_missed_is_said_when_nobody_is_left)
{
    begin();
    pushes = 2;
    come(&b, "c9", "bob");
    come(&a, "c1", "ann");
    tick(NOW + 2 * S);
    come(&a, "c2", "cid");
    tick(NOW + 4 * S);
    ck_told(&b, "+c9 +c1 +c2 ");
    presence_clear(&a.presence, a.lease,
                   &(struct fan_presence_clear){.channel = BYTES("t/x"), .client = BYTES("c1"), .left = 1});
    presence_clear(&a.presence, a.lease, /* too many */
                   &(struct fan_presence_clear){.channel = BYTES("t/x"), .client = BYTES("c2"), .left = 1});
    tick(NOW + 6 * S);
    ck_told(&b, "-c1 =1/1 ");
    end();
}
END_TEST

START_TEST(who_may_have_gone_without_a_word_makes_members_look_again)
{
    begin();
    come(&a, "c1", "ann");
    come(&b, "c2", "bob");
    tick(NOW + 2 * S);
    ck_told(&a, "+c1 +c2 ");
    presence_doubt(&a.presence, BYTES("other"));
    tick(NOW + 3 * S);
    ck_told(&a, "");
    presence_doubt(&a.presence, BYTES("t"));
    presence_doubt(&a.presence, BYTES("t"));
    tick(NOW + 4 * S);
    ck_told(&a, "=1/1 ");
    tick(NOW + 60 * S);
    ck_told(&a, "");
    ck_told(&b, "+c1 +c2 "); /* not of this cell's doubt */
    end();
}
END_TEST

UNIT_MAIN("fanout-worker/presence_cells", who_may_have_gone_without_a_word_makes_members_look_again,
          joins_and_leaves_are_told_in_both_cells,
          who_comes_back_in_another_cell_has_neither_left_nor_joined, who_has_gone_for_good_leaves_in_both_cells_once,
          a_place_that_was_taken_at_home_is_free_nowhere, a_vacancy_is_for_the_same_user_and_for_a_while,
          what_is_heard_is_bounded_by_the_channels_own_rate_and_what_is_missed_is_counted,
          what_kafka_does_not_take_is_told_at_home, vacancies_count_as_memory_and_those_beyond_are_not_kept,
          a_vacancy_of_an_hour_keeps_no_others, who_is_here_is_kept_before_who_may_come,
          what_the_last_ones_missed_is_said_when_nobody_is_left)
