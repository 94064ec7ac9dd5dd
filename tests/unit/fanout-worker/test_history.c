/* history.c against a PostgreSQL that is only a list of questions: pg_* and rows_* are this
 * file's own. */
#include "core/clock.h"
#include "rows.h"
#include "run/log.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

struct question {
    bool heads;
    size_t n; /* channels */
    uint64_t since;
    pg_callback *done;
    void *ctx;
};

static const struct pg_handlers *doors;
static void *doors_owner;
static bool up;
static struct question questions[64];
static size_t n_questions;
static struct history *h;
static struct worker_metrics metrics;
static struct buf said; /* what was answered: "NAME:since " or "NAME:away " */

const char rows_setup[] = "";

struct pg *pg_new(struct ev_loop *loop, const char *conninfo, const char *name,
                  const char *setup, const struct pg_handlers *handlers, void *owner)
{
    doors = handlers;
    doors_owner = owner;
    return NULL;
}
void pg_free(struct pg *p)
{
}
bool pg_is_up(const struct pg *p)
{
    return up;
}
const char *pg_sqlstate(const struct pg_result *r)
{
    return "42P01";
}
const char *pg_message(const struct pg_result *r)
{
    return "no such table";
}
struct pg_params *pg_params_new(void)
{
    return NULL;
}
void pg_params_free(struct pg_params *a)
{
}
void rows_ask_page(struct pg *p, struct pg_params *params, const struct history_ask *ask,
                   pg_callback *done, void *ctx)
{
    questions[n_questions++] = (struct question){.since = ask->since, .done = done, .ctx = ctx};
}
int rows_page(const struct pg_result *r, uint32_t max, struct page *ret_page)
{
    return 0;
}
void rows_page_fini(struct page *page)
{
}
void rows_ask_heads(struct pg *p, struct pg_params *params, const struct bytes *channels,
                    size_t n, pg_callback *done, void *ctx)
{
    questions[n_questions++] =
        (struct question){.heads = true, .n = n, .done = done, .ctx = ctx};
}
bool rows_head(const struct pg_result *r, int row, struct bytes *ret_channel,
               uint64_t *ret_epoch, uint64_t *ret_seq)
{
    *ret_channel = BYTES("t/a");
    return row == 0;
}

static void on_head(void *owner, struct bytes channel, uint64_t epoch, uint64_t seq)
{
    buf_printf(&said, "head:%.*s ", BYTES_FMT(channel));
}
static const struct history_handlers handlers = {.head = on_head};

static void begin(unsigned max)
{
    log_init("test", LOG_LEVEL_ERROR + 1);
    n_questions = 0;
    metrics = (struct worker_metrics){0};
    buf_fini(&said);
    up = true;
    h = history_new(ev_default_loop(0), "", "", max, &handlers, NULL, &metrics);
}

static void end(void)
{
    history_free(h);
    buf_fini(&said);
}

static void on_page(void *ctx, const struct page *page)
{
    if (page)
        buf_printf(&said, "%s:%llu ", (const char *)ctx, (unsigned long long)page->since);
    else
        buf_printf(&said, "%s:away ", (const char *)ctx);
}

static struct history_ask from(uint64_t since)
{
    return (struct history_ask){
        .channel = BYTES("t/a"), .epoch = 1, .since = since, .until = 99, .rows = 10, .bytes = 100};
}

static struct history_wait *ask(const char *who, uint64_t since, bool patient)
{
    struct history_ask what = from(since);
    return history_page(h, &what, patient, on_page, (void *)who);
}

static void ask_settled(const char *who, uint64_t since)
{
    struct history_ask what = from(since);
    what.settled = true;
    history_page(h, &what, false, on_page, (void *)who);
}

static void answer(size_t i, enum pg_status status)
{
    struct question q = questions[i];
    memmove(&questions[i], &questions[i + 1], (--n_questions - i) * sizeof q);
    q.done(q.ctx, status, NULL);
}

static void lose(void)
{
    up = false;
    while (n_questions)
        answer(0, PG_LOST);
    doors->down(doors_owner, NULL, "test");
}

START_TEST(equal_questions_share_one_query)
{
    begin(1);
    ask("x", 1, false);
    ask("a", 5, false);
    ask("b", 5, true);
    ask("c", 5, false);
    answer(0, PG_OK);
    ck_assert_uint_eq(n_questions, 1);
    answer(0, PG_OK);
    ck_assert_bytes(buf_bytes(&said), "x:1 a:5 b:5 c:5 ");
    ck_assert_uint_eq(metrics.queries_joined_total, 2);
    end();
}
END_TEST

START_TEST(one_that_comes_while_its_like_is_in_flight_gets_a_younger_answer)
{
    begin(8);
    ask("a", 5, false);
    ask("b", 5, false);
    ask("c", 5, false);
    ck_assert_uint_eq(n_questions, 1);
    answer(0, PG_OK);
    ck_assert_bytes(buf_bytes(&said), "a:5 ");
    ck_assert_uint_eq(n_questions, 1);
    ask("d", 5, false);
    answer(0, PG_OK);
    ck_assert_bytes(buf_bytes(&said), "a:5 b:5 c:5 ");
    answer(0, PG_OK);
    ck_assert_bytes(buf_bytes(&said), "a:5 b:5 c:5 d:5 ");
    end();
}
END_TEST

START_TEST(what_is_settled_takes_the_answer_that_is_under_way)
{
    begin(8);
    ask_settled("a", 5);
    ask_settled("b", 5);
    ck_assert_uint_eq(n_questions, 1);
    answer(0, PG_OK);
    ck_assert_bytes(buf_bytes(&said), "a:5 b:5 ");
    ck_assert_uint_eq(n_questions, 0);
    end();
}
END_TEST

START_TEST(no_more_are_in_flight_than_allowed_and_the_others_wait_in_order)
{
    begin(2);
    for (uint64_t since = 1; since <= 5; since++)
        ask("a", since, false);
    ck_assert_uint_eq(n_questions, 2);
    ck_assert_int_eq(metrics.queries_waiting, 3);
    answer(1, PG_OK);
    ck_assert_uint_eq(questions[1].since, 3);
    while (n_questions)
        answer(0, PG_OK);
    ck_assert_bytes(buf_bytes(&said), "a:2 a:1 a:3 a:4 a:5 ");
    ck_assert_int_eq(metrics.queries_waiting, 0);
    end();
}
END_TEST

static void ask_again(void *ctx, const struct page *page)
{
    buf_append_str(&said, "again ");
    ask("a", 5, false);
}

START_TEST(who_asks_anew_when_answered_gets_a_query_of_his_own)
{
    begin(8);
    struct history_ask what = {
        .channel = BYTES("t/a"), .epoch = 1, .since = 5, .until = 99, .rows = 10, .bytes = 100};
    history_page(h, &what, true, ask_again, NULL);
    answer(0, PG_OK);
    ck_assert_uint_eq(n_questions, 1);
    answer(0, PG_OK);
    ck_assert_bytes(buf_bytes(&said), "again a:5 ");
    end();
}
END_TEST

START_TEST(heads_of_a_turn_go_together_and_those_that_come_meanwhile_next)
{
    begin(8);
    for (int i = 0; i < 700; i++)
        history_head(h, BYTES("t/a"));
    ck_assert_uint_eq(n_questions, 0);
    history_turn(h);
    ck_assert_uint_eq(n_questions, 1);
    ck_assert_uint_eq(questions[0].n, HISTORY_HEADS);
    history_turn(h);
    ck_assert_uint_eq(n_questions, 1);
    answer(0, PG_OK);
    ck_assert_uint_eq(questions[0].n, 200);
    answer(0, PG_OK);
    ck_assert_bytes(buf_bytes(&said), "head:t/a head:t/a ");
    end();
}
END_TEST

START_TEST(a_head_that_is_forgotten_before_it_was_asked_is_not)
{
    begin(1);
    up = false;
    for (int n = 0; n < 1000; n++) {
        history_head(h, BYTES("t/a"));
        history_head(h, BYTES("t/b"));
        history_forget_head(h, BYTES("t/a"));
        history_forget_head(h, BYTES("t/c"));
        if (n)
            history_forget_head(h, BYTES("t/b"));
    }
    up = true;
    history_turn(h);
    ck_assert_uint_eq(n_questions, 1);
    ck_assert_uint_eq(questions[0].n, 1);
    history_forget_head(h, BYTES("t/b")); /* it is under way */
    answer(0, PG_REFUSED);
    history_forget_head(h, BYTES("t/b"));
    end();
}
END_TEST

START_TEST(while_it_is_away_the_impatient_fail_and_the_patient_wait)
{
    begin(1);
    ask("a", 5, false);
    ask("b", 6, true);
    ask("c", 6, false);
    history_head(h, BYTES("t/a"));
    lose();
    ck_assert_bytes(buf_bytes(&said), "a:away c:away ");
    ck_assert_uint_eq(n_questions, 0);
    up = true;
    doors->up(doors_owner, NULL);
    ck_assert(questions[0].heads);
    answer(0, PG_OK);
    answer(0, PG_OK);
    ck_assert_bytes(buf_bytes(&said), "a:away c:away head:t/a b:6 ");
    end();
}
END_TEST

START_TEST(what_was_in_flight_is_asked_again_for_the_patient)
{
    begin(8);
    ask("a", 5, true);
    ask("b", 5, true); /* behind its like */
    history_head(h, BYTES("t/a"));
    history_turn(h);
    lose();
    up = true;
    doors->up(doors_owner, NULL);
    while (n_questions)
        answer(0, PG_OK);
    ck_assert(strstr(said.p, "a:5") && strstr(said.p, "b:5") && strstr(said.p, "head:t/a"));
    end();
}
END_TEST

START_TEST(what_is_refused_is_asked_again_after_a_second)
{
    begin(8);
    ask("a", 5, false);
    ask("b", 5, true);
    answer(0, PG_REFUSED);
    ck_assert_bytes(buf_bytes(&said), "a:away ");
    ck_assert_uint_eq(n_questions, 0);
    int64_t began_ns = clock_mono_ns();
    while (!n_questions && clock_mono_ns() - began_ns < 5 * NS_PER_S)
        ev_run(ev_default_loop(0), EVRUN_ONCE);
    ck_assert_int_ge(clock_mono_ns() - began_ns, 900 * NS_PER_MS);
    answer(0, PG_OK);
    ck_assert_bytes(buf_bytes(&said), "a:away b:5 ");
    end();
}
END_TEST

START_TEST(who_is_gone_is_not_answered)
{
    begin(1);
    ask("x", 1, false);
    struct history_wait *a = ask("a", 5, false), *b = ask("b", 6, false);
    ask("c", 6, false);
    history_forget(a);
    history_forget(b);
    answer(0, PG_OK);
    ck_assert_uint_eq(n_questions, 1);
    ck_assert_uint_eq(questions[0].since, 6); /* nobody asks for 5 any more */
    answer(0, PG_OK);
    ck_assert_bytes(buf_bytes(&said), "x:1 c:6 ");
    end();
}
END_TEST

START_TEST(it_may_end_with_everything_unanswered)
{
    begin(1);
    ask("a", 5, true);
    ask("b", 5, false);
    ask("c", 6, false);
    history_head(h, BYTES("t/a"));
    end();
    ck_assert_uint_eq(said.n, 0);
    begin(1);
    history_head(h, BYTES("t/a"));
    history_turn(h);
    end();
}
END_TEST

UNIT_MAIN("fanout-worker/history", equal_questions_share_one_query,
          one_that_comes_while_its_like_is_in_flight_gets_a_younger_answer,
          what_is_settled_takes_the_answer_that_is_under_way,
          no_more_are_in_flight_than_allowed_and_the_others_wait_in_order,
          who_asks_anew_when_answered_gets_a_query_of_his_own,
          heads_of_a_turn_go_together_and_those_that_come_meanwhile_next,
          a_head_that_is_forgotten_before_it_was_asked_is_not,
          while_it_is_away_the_impatient_fail_and_the_patient_wait,
          what_was_in_flight_is_asked_again_for_the_patient,
          what_is_refused_is_asked_again_after_a_second, who_is_gone_is_not_answered,
          it_may_end_with_everything_unanswered)
