#include "gathering.h"

#include "fake_edges.h"
#include "unit.h"

#include "core/hash.h"

#define CELL(name) "{\"name\":\"" name "\",\"topic\":\"" name "\",\"partitions\":4}"
#define IN(cells)                                                                              \
    "{\"version\":2,\"cells\":[" CELL("a") "," CELL("b") "," CELL(                             \
        "c") "],\"api_keys\":[],\"namespaces\":[],\"tenants\":["                               \
             "{\"name\":\"default\",\"cells\":[" cells "],\"options\":{}}]}"
#define ALL IN("\"a\",\"b\",\"c\"")

static struct gateway_options options;
static struct gateway g;
static int answers;
static struct ops_presence last;
static struct buf clients; /* of last, one behind the other */
static struct buf missing; /* the same */

static void on_presence(void *ctx, const struct ops_presence *a)
{
    struct bytes entries = a->entries;
    struct presence_entry e;
    answers++;
    last = *a;
    buf_clear(&clients);
    while (wire_next_presence_entry(&entries, &e) > 0)
        buf_append_bytes(&clients, e.client);
    struct bytes cells = a->missing;
    struct cell_name cell;
    buf_clear(&missing);
    while (wire_next_cell_name(&cells, &cell) > 0)
        buf_append_bytes(&missing, cell.name);
}

static void start(const char *json)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    edges_configure_text(&g, json);
    edges.supervisor = true;
    answers = 0;
}

static void stop(void)
{
    edges_stop(&g);
    buf_fini(&clients);
    buf_fini(&missing);
}

static void put_entries(struct buf *into, const char *names)
{
    for (; *names; names++)
        wire_put_presence_entry(into, &(struct presence_entry){.client = bytes_of(names, 1), .info = BYTES("{}")});
}

static void own_worker_says(const char *names, uint64_t next)
{
    struct buf entries = {0};
    put_entries(&entries, names);
    ops_presence_came(&g, &(struct fan_presence){.request = edges.request,
                                                 .clients = (uint32_t)strlen(names),
                                                 .users = 1,
                                                 .entries = buf_bytes(&entries),
                                                 .next = next});
    buf_fini(&entries);
}

static void add_cell(struct buf *list, uint32_t place, const char *names, uint64_t next)
{
    struct buf entries = {0}, body = {0};
    put_entries(&entries, names);
    wire_put_call_presence(&body, &(struct call_presence){.cell = place,
                                                          .clients = (uint32_t)strlen(names),
                                                          .users = 1,
                                                          .entries = buf_bytes(&entries),
                                                          .next = next});
    wire_put_ctl_answer(list, &(struct ctl_answer){.body = buf_bytes(&body)});
    buf_fini(&entries);
    buf_fini(&body);
}

static void cells_say(uint32_t asked, struct buf *list)
{
    ops_result_came(&g, &(struct ctl_result){.request = edges.call.request, .asked = asked, .answers = buf_bytes(list)});
    buf_fini(list);
}

static void asked_cells(const char *want)
{
    struct bytes cells = buf_bytes(&edges.call.cells);
    struct cell_name one;
    struct buf names = {0};
    while (wire_next_cell_name(&cells, &one) > 0)
        buf_append_bytes(&names, one.name);
    ck_assert_bytes(buf_bytes(&names), want);
    buf_fini(&names);
}

static void ask(uint64_t after, uint32_t limit)
{
    ops_presence(&g, BYTES("default/x"), after, limit, on_presence, NULL);
}

START_TEST(one_cell_is_asked_as_ever)
{
    start(IN("\"a\""));
    ask(0, 10);
    ck_assert_uint_eq(edges.call.request, 0);
    own_worker_says("pq", 0);
    ck_assert_int_eq(answers, 1);
    ck_assert_bytes(buf_bytes(&clients), "pq");
    stop();
}
END_TEST

START_TEST(all_cells_are_asked_at_once_and_their_answers_put_together)
{
    struct buf list = {0};
    start(ALL);
    ask(0, 10);
    ck_assert_uint_eq(edges.call.one, 1);
    asked_cells("bc");
    add_cell(&list, 2, "t", 0);
    add_cell(&list, 1, "rs", 0);
    cells_say(2, &list);
    ck_assert_int_eq(answers, 0);
    own_worker_says("pq", 0);
    ck_assert_int_eq(answers, 1);
    ck_assert_uint_eq(last.code, 0);
    ck_assert_uint_eq(last.clients, 5);
    ck_assert_uint_eq(last.users, 3);
    ck_assert_uint_eq(last.next, 0);
    ck_assert_bytes(buf_bytes(&clients), "pqrst");
    stop();
}
END_TEST

static void put_hashes(struct buf *into, const char *users)
{
    for (; *users; users++)
        wire_put_u64(into, hash_seeded(bytes_of(users, 1), edges.presence_seed));
}

/* users: one letter each; NULL: more than were asked for, nine */
static void own_worker_counts(const char *users)
{
    struct buf hashes = {0};
    put_hashes(&hashes, users ? users : "");
    ops_presence_came(&g, &(struct fan_presence){.request = edges.request,
                                                 .clients = 9,
                                                 .users = users ? (uint32_t)strlen(users) : 9,
                                                 .hashes = buf_bytes(&hashes)});
    buf_fini(&hashes);
}

static void add_count(struct buf *list, uint32_t place, const char *users)
{
    struct buf hashes = {0}, body = {0};
    put_hashes(&hashes, users ? users : "");
    wire_put_call_presence(&body, &(struct call_presence){.cell = place,
                                                          .clients = 9,
                                                          .users = users ? (uint32_t)strlen(users) : 9,
                                                          .hashes = buf_bytes(&hashes)});
    wire_put_ctl_answer(list, &(struct ctl_answer){.body = buf_bytes(&body)});
    buf_fini(&hashes);
    buf_fini(&body);
}

static void ck_users(const char *here, const char *b, const char *c, uint32_t users, bool added)
{
    struct buf list = {0};
    ask(0, 0);
    own_worker_counts(here);
    add_count(&list, 1, b);
    add_count(&list, 2, c);
    cells_say(2, &list);
    ck_assert_uint_eq(last.clients, 27);
    ck_assert_uint_eq(last.users, users);
    ck_assert_int_eq(last.users_added, added);
}

START_TEST(a_user_in_two_cells_is_one)
{
    start(ALL);
    ck_users("uvw", "vx", "", 4, false);
    ck_users("u", "u", "u", 1, false);
    ck_users("", "", "", 0, false);
    stop();
}
END_TEST

START_TEST(where_users_are_too_many_they_are_added_and_the_answer_says_so)
{
    start(ALL);
    ck_users(NULL, "vx", "v", 12, true);
    ck_users("", NULL, "", 9, false); /* all in one cell: nobody is counted twice */
    stop();
}
END_TEST

START_TEST(cells_share_what_is_asked_for_at_most)
{
    struct call_ask_presence m;
    start(ALL);
    ask(0, 10);
    ck_assert_int_eq(wire_get_call_ask_presence(buf_bytes(&edges.call.body), &m), 0);
    ck_assert_uint_eq(m.users, options.presence_users_max / 3);
    ck_assert_uint_eq(m.bytes, options.presence_answer_max / 3);
    ck_assert_uint_eq(edges.presence_users, m.users);
    ck_assert_uint_eq(edges.presence_bytes, m.bytes);
    ck_assert_uint_eq(edges.presence_seed, m.seed);
    stop();
    start(IN("\"a\""));
    ask(0, 10);
    ck_assert_uint_eq(edges.presence_users, 0); /* one cell knows how many they are */
    stop();
}
END_TEST

START_TEST(a_cell_that_does_not_answer_makes_it_100)
{
    struct buf list = {0};
    start(ALL);
    ask(0, 10);
    own_worker_says("pq", 0);
    add_cell(&list, 1, "rs", 0);
    cells_say(2, &list);
    ck_assert_int_eq(answers, 1);
    ck_assert_uint_eq(last.code, 100);
    stop();
}
END_TEST

static void cells_say_but(uint32_t asked, struct buf *list, const char *silent)
{
    struct buf cells = {0};
    for (; *silent; silent++)
        wire_put_cell_name(&cells, &(struct cell_name){.name = bytes_of(silent, 1)});
    ops_result_came(&g, &(struct ctl_result){.request = edges.call.request,
                                             .asked = asked,
                                             .answers = buf_bytes(list),
                                             .missing = buf_bytes(&cells)});
    buf_fini(&cells);
    buf_fini(list);
}

START_TEST(the_cell_that_has_not_answered_is_named)
{
    struct buf list = {0};
    start(ALL);
    ask(0, 10);
    own_worker_says("pq", 0);
    add_cell(&list, 1, "rs", 0);
    cells_say_but(2, &list, "c");
    ck_assert_uint_eq(last.code, 100);
    ck_assert_bytes(buf_bytes(&missing), "c");
    stop();
}
END_TEST

START_TEST(a_cell_that_has_never_run_was_not_asked_and_has_nobody)
{
    struct buf list = {0};
    start(ALL);
    ask(0, 10);
    own_worker_says("pq", 0);
    add_cell(&list, 1, "rs", 0);
    cells_say(1, &list);
    ck_assert_uint_eq(last.code, 0);
    ck_assert_uint_eq(last.clients, 4);
    stop();
}
END_TEST

START_TEST(what_is_no_answer_is_not_taken_for_nobody)
{
    struct buf list = {0};
    start(ALL);
    ask(0, 10);
    own_worker_says("pq", 0);
    wire_put_ctl_answer(&list, &(struct ctl_answer){.body = BYTES(CTL_ANSWER_FULL)});
    add_cell(&list, 1, "rs", 0);
    cells_say(2, &list);
    ck_assert_uint_eq(last.code, 100);
    stop();
}
END_TEST

/* Its configuration is another one, for a moment. */
START_TEST(what_a_cell_says_in_the_own_ones_place_is_not_taken_for_it)
{
    struct buf list = {0};
    start(IN("\"a\",\"b\""));
    ask(0, 10);
    add_cell(&list, 0, "1", 0);
    cells_say(1, &list);
    own_worker_says("23", 0);
    ck_assert_int_eq(answers, 1);
    ck_assert_uint_eq(last.code, 100);
    stop();
}
END_TEST

START_TEST(pages_go_from_cell_to_cell)
{
    struct buf list = {0};
    start(ALL);
    ask(0, 3);
    own_worker_says("pq", 0);
    add_cell(&list, 1, "rs", 0); /* do not fit */
    add_cell(&list, 2, "t", 0);
    cells_say(2, &list);
    ck_assert_bytes(buf_bytes(&clients), "pq");
    ck_assert_uint_ne(last.next, 0);
    ck_assert_uint_eq(last.clients, 5);

    ask(last.next, 3);
    ck_assert_uint_eq(edges.presence_limit, 0); /* the own cell only counts */
    own_worker_says("", 0);
    add_cell(&list, 1, "rs", 7);
    add_cell(&list, 2, "t", 0);
    cells_say(2, &list);
    ck_assert_bytes(buf_bytes(&clients), "rs");

    ask(last.next, 3);
    struct call_ask_presence m;
    ck_assert_int_eq(wire_get_call_ask_presence(buf_bytes(&edges.call.body), &m), 0);
    ck_assert_uint_eq(m.cell, 1);
    ck_assert_uint_eq(m.after, 7);
    own_worker_says("", 0);
    add_cell(&list, 1, "u", 0);
    add_cell(&list, 2, "t", 0);
    cells_say(2, &list);
    ck_assert_bytes(buf_bytes(&clients), "ut");
    ck_assert_uint_eq(last.next, 0);
    stop();
}
END_TEST

START_TEST(a_tenant_of_other_cells_alone_is_not_looked_for_here)
{
    struct buf list = {0};
    start(IN("\"b\""));
    ask(0, 10);
    ck_assert_uint_eq(edges.request, 0);
    add_cell(&list, 0, "rs", 0);
    cells_say(1, &list);
    ck_assert_int_eq(answers, 1);
    ck_assert_bytes(buf_bytes(&clients), "rs");
    stop();
}
END_TEST

START_TEST(who_no_longer_wants_to_know_is_not_told)
{
    start(ALL);
    uint64_t ticket = ops_presence(&g, BYTES("default/x"), 0, 10, on_presence, NULL);
    ops_cancel(&g, ticket);
    own_worker_says("pq", 0);
    cells_say(2, &(struct buf){0});
    ck_assert_int_eq(answers, 0);
    ask(0, 10); /* and one that is never answered */
    stop();
}
END_TEST

START_TEST(without_a_supervisor_it_is_100)
{
    start(ALL);
    edges.supervisor = false;
    ask(0, 10);
    own_worker_says("pq", 0);
    edges_pass(&g, 0);
    ck_assert_int_eq(answers, 1);
    ck_assert_uint_eq(last.code, 100);
    stop();
}
END_TEST

static void summon(const char *channel, uint32_t from, uint64_t after)
{
    struct buf body = {0};
    wire_put_call_ask_presence(
        &body, &(struct call_ask_presence){.channel = bytes_str(channel), .cell = from, .after = after, .limit = 10});
    gathering_summoned(&g, &(struct ctl_call){.request = 9, .tenant = BYTES("default"), .body = buf_bytes(&body)});
    buf_fini(&body);
}

START_TEST(another_cell_is_told_what_the_own_worker_knows)
{
    struct call_presence m;
    start(IN("\"a\",\"b\""));
    summon("default/x", 0, 7);
    ck_assert_uint_eq(edges.presence_after, 7);
    ck_assert_uint_eq(edges.answer.n, 0);
    own_worker_says("pq", 3);
    ck_assert_int_eq(wire_get_call_presence(buf_bytes(&edges.answer), &m), 0);
    ck_assert_uint_eq(m.cell, 0);
    ck_assert_uint_eq(m.status, 0);
    ck_assert_uint_eq(m.clients, 2);
    ck_assert_uint_eq(m.next, 3);
    summon("default/x", 1, 7); /* its page begins behind us */
    ck_assert_uint_eq(edges.presence_limit, 0);
    summon("default/x", 0, 0); /* and one that is never answered */
    stop();
}
END_TEST

START_TEST(a_question_about_somebody_elses_tenant_is_refused)
{
    struct call_presence m;
    start(IN("\"b\""));
    summon("default/x", 0, 0);
    ck_assert_int_eq(wire_get_call_presence(buf_bytes(&edges.answer), &m), 0);
    ck_assert_uint_eq(m.status, 100);
    summon("nobody/x", 0, 0);
    ck_assert_int_eq(wire_get_call_presence(buf_bytes(&edges.answer), &m), 0);
    ck_assert_uint_eq(m.status, 100);
    gathering_summoned(&g, &(struct ctl_call){.request = 9, .tenant = BYTES("default"), .body = BYTES("x")});
    ck_assert_int_eq(wire_get_call_presence(buf_bytes(&edges.answer), &m), 0);
    ck_assert_uint_eq(m.status, 100);
    stop();
}
END_TEST

UNIT_MAIN("gathering", one_cell_is_asked_as_ever, all_cells_are_asked_at_once_and_their_answers_put_together,
          a_user_in_two_cells_is_one, where_users_are_too_many_they_are_added_and_the_answer_says_so,
          cells_share_what_is_asked_for_at_most, a_cell_that_does_not_answer_makes_it_100, the_cell_that_has_not_answered_is_named,
          a_cell_that_has_never_run_was_not_asked_and_has_nobody, what_is_no_answer_is_not_taken_for_nobody,
          what_a_cell_says_in_the_own_ones_place_is_not_taken_for_it, pages_go_from_cell_to_cell,
          a_tenant_of_other_cells_alone_is_not_looked_for_here, who_no_longer_wants_to_know_is_not_told,
          without_a_supervisor_it_is_100, another_cell_is_told_what_the_own_worker_knows,
          a_question_about_somebody_elses_tenant_is_refused)
