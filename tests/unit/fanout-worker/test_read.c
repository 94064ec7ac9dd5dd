/* read.c between routes and a history and a link that are this file's own. */
#include "read.h"
#include "unit.h"
#include "worker.h"

#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>

/* A ring of [40, 60]. */
static struct ring ring;
static struct read_slice slice;

static void begin(void)
{
    struct ring_limits limits = {.messages = 100, .bytes = 1 << 20};
    ring_init(&ring, 40);
    for (uint64_t seq = 40; seq <= 60; seq++) {
        struct pub *p = pub_new(BYTES("t/x"), &(struct publication){.epoch = 1, .seq = seq});
        ring_append(&ring, p, &limits);
        pub_unref(p);
    }
}

static bool forward(uint64_t since, uint64_t until, uint32_t limit, bool partial)
{
    slice = (struct read_slice){0};
    return read_from_ring(&ring,
                          &(struct fan_read){.since = since, .until = until, .limit = limit},
                          partial, &slice);
}

static bool reverse(uint64_t since, uint32_t limit, bool partial)
{
    slice = (struct read_slice){0};
    return read_from_ring(&ring,
                          &(struct fan_read){.since = since, .limit = limit, .reverse = 1},
                          partial, &slice);
}

#define ck_slice(first_, last_, more_)                                                         \
    do {                                                                                       \
        ck_assert_uint_eq(slice.first, first_);                                                \
        ck_assert_uint_eq(slice.last, last_);                                                  \
        ck_assert_uint_eq(slice.n, (first_ > last_ ? first_ - last_ : last_ - first_) + 1);    \
        ck_assert_int_eq(slice.more, more_);                                                   \
    } while (0)

START_TEST(forward_reads_what_the_ring_holds_whole)
{
    begin();
    ck_assert(forward(39, 0, 100, false));
    ck_slice(40, 60, false);
    ck_assert(forward(49, 55, 100, false));
    ck_slice(50, 55, false);
    ck_assert(forward(49, 0, 3, false));
    ck_slice(50, 52, true);
    ck_assert(forward(49, 60, 11, false));
    ck_slice(50, 60, false);
    ring_fini(&ring);
}
END_TEST

START_TEST(forward_below_the_ring_takes_postgresql)
{
    begin();
    ck_assert(!forward(38, 0, 100, false));
    ck_assert(!forward(0, 0, 100, true));
    ring_fini(&ring);
}
END_TEST

START_TEST(forward_above_the_head_takes_postgresql_unless_it_is_away)
{
    begin();
    ck_assert(forward(60, 0, 100, false));
    ck_assert_uint_eq(slice.n, 0);
    ck_assert(!forward(61, 0, 100, false));
    ck_assert(!forward(50, 70, 100, false));
    ck_assert(forward(50, 70, 100, true));
    ck_slice(51, 60, false);
    ck_assert(forward(65, 0, 100, true));
    ck_assert_uint_eq(slice.n, 0);
    ring_fini(&ring);
}
END_TEST

START_TEST(reverse_reads_downwards)
{
    begin();
    ck_assert(reverse(0, 10, false));
    ck_slice(60, 51, true);
    ck_assert(reverse(51, 11, false));
    ck_slice(50, 40, true);
    ck_assert(!reverse(51, 12, false));
    ck_assert(!reverse(70, 5, false));
    ring_fini(&ring);
}
END_TEST

START_TEST(reverse_gives_the_rings_part_while_postgresql_is_away)
{
    begin();
    ck_assert(reverse(0, 100, true));
    ck_slice(60, 40, true);
    ck_assert(!reverse(30, 10, true));
    ring_fini(&ring);
}
END_TEST

START_TEST(reverse_ends_at_the_first_message)
{
    struct ring_limits limits = {.messages = 100, .bytes = 1 << 20};
    ring_init(&ring, 1);
    ck_assert(reverse(0, 10, false));
    ck_assert_uint_eq(slice.n, 0);
    struct pub *p = pub_new(BYTES("t/x"), &(struct publication){.epoch = 1, .seq = 1});
    ring_append(&ring, p, &limits);
    pub_unref(p);
    ck_assert(reverse(0, 10, false));
    ck_slice(1, 1, false);
    ck_assert(reverse(1, 10, false));
    ck_assert_uint_eq(slice.n, 0);
    ring_fini(&ring);
}
END_TEST

START_TEST(below_a_removal_there_is_nothing_to_read)
{
    struct ring_limits limits = {.messages = 100, .bytes = 1 << 20};
    struct pub *p = pub_new(BYTES("t/x"), &(struct publication){.epoch = 1, .seq = 61, .format = FORMAT_REMOVAL});
    begin();
    ring_append(&ring, p, &limits);
    pub_unref(p);
    ck_assert(forward(3, 0, 10, false));
    ck_slice(61, 61, false);
    ck_assert(forward(3, 50, 10, false));
    ck_assert_uint_eq(slice.n, 0);
    ck_assert(reverse(0, 10, false));
    ck_slice(61, 61, false);
    ck_assert(reverse(61, 10, false));
    ck_assert_uint_eq(slice.n, 0);
    ring_fini(&ring);
}
END_TEST

START_TEST(limit_0_asks_for_the_position_alone)
{
    begin();
    ck_assert(forward(3, 0, 0, false));
    ck_assert_uint_eq(slice.n, 0);
    ring_fini(&ring);
}
END_TEST

static uint64_t warms(uint64_t since, uint32_t limit, bool reverse, uint32_t messages_max)
{
    return read_warms_since(
        &ring, messages_max, &(struct fan_read){.since = since, .limit = limit, .reverse = reverse});
}

START_TEST(a_ring_is_filled_downwards_in_steps_that_readers_share)
{
    begin();
    ring_fini(&ring);
    ring_init(&ring, 301); /* empty, its head is 300 */
    ck_assert_uint_eq(warms(290, 32, false, 256), 300 - 64);
    ck_assert_uint_eq(warms(240, 32, false, 256), 300 - 64);
    ck_assert_uint_eq(warms(230, 32, false, 256), 300 - 128);
    ck_assert_uint_eq(warms(0, 10, true, 256), 300 - 64);
    ck_assert_uint_eq(warms(0, 100, true, 256), 300 - 128);
    ck_assert_uint_eq(warms(250, 20, true, 256), 300 - 128);
    ck_assert_uint_eq(warms(290, 32, false, 50), 300 - 50);
    ring_fini(&ring);
    ring_init(&ring, 41);
    ck_assert_uint_eq(warms(2, 32, false, 256), 0);
    ring_fini(&ring);
}
END_TEST

START_TEST(what_a_ring_has_no_room_for_does_not_fill_it)
{
    begin(); /* [40, 60] */
    ck_assert_uint_eq(warms(10, 32, false, 100), 0);
    ck_assert_uint_eq(warms(10, 32, false, 49), 39);
    ck_assert_uint_eq(warms(60, 32, false, 100), 39); /* nothing is lacking */
    ring_fini(&ring);
}
END_TEST

/* ---- waiting */

struct history_wait {
    struct history_ask ask;
    history_done *done;
    void *ctx;
    bool forgotten;
};

static struct worker w;
static struct gateway_link g;
static struct history_wait asked[16];
static size_t n_asked;
static bool up;
static struct buf sent; /* "REQUEST:first-last " or "REQUEST!status " */

bool history_is_up(const struct history *h)
{
    return up;
}

struct history_wait *history_page(struct history *h, const struct history_ask *ask, bool patient,
                                  history_done *done, void *ctx)
{
    asked[n_asked] = (struct history_wait){.ask = *ask, .done = done, .ctx = ctx};
    return &asked[n_asked++];
}

void history_forget(struct history_wait *wait)
{
    wait->forgotten = true;
}

void gateway_send_range(struct gateway_link *link, const struct fan_range *m)
{
    struct bytes list = m->publications;
    struct publication p;
    uint64_t first = 0, last = 0;
    while (wire_next_publication(&list, &p) > 0) {
        first = first ? first : p.seq;
        last = p.seq;
    }
    if (m->status)
        buf_printf(&sent, "%d!%u ", (int)m->request, m->status);
    else
        buf_printf(&sent, "%d:%d-%d ", (int)m->request, (int)first, (int)last);
}

void gateway_send_head(struct gateway_link *link, const struct fan_head *m)
{
    buf_printf(&sent, "%d=%d ", (int)m->request, (int)m->head);
}

void gateway_send_not_mine(struct gateway_link *link, struct bytes channel)
{
}

static bool full;

bool gateway_full(const struct gateway_link *link)
{
    return full;
}

void gateway_breathe(struct gateway_link *link)
{
    reads_begin(link);
}

static void on_subscribed(void *owner, struct taker *t, struct bytes channel, uint32_t status,
                          uint64_t epoch, uint64_t seq)
{
}

static void on_ask_head(void *owner, struct bytes channel)
{
}

static void on_wanted(void *owner, struct bytes channel, bool wanted)
{
}

static const struct routes_ports ports = {.subscribed = on_subscribed, .ask_head = on_ask_head, .forget_head = on_ask_head, .wanted = on_wanted};

/* t/x stands at 100 of epoch 7, and nothing of it is in memory. */
static void begin_cold(void)
{
    w = (struct worker){.options = {.ring_bytes = 1 << 20, .read_bytes = 1 << 20, .read_timeout = 4000, .reads_max = 8, .reads_waiting_max = 8}};
    g = (struct gateway_link){.worker = &w};
    n_asked = 0;
    up = true;
    full = false;
    buf_fini(&sent);
    list_init(&g.reads);
    fair_queue_init(&g.waiting);
    taker_init(&g.taker);
    routes_init(&w.routes, &ports, NULL,
                &(struct routes_limits){.ring = {256, 1 << 20}, .cache_bytes = 1 << 20}, &w.metrics);
    routes_map(&w.routes, 1, (bool[]){true}, 1, NULL);
    routes_caught_up(&w.routes, 0);
    routes_subscribe(&w.routes, &g.taker, &(struct fan_subscribe){.channel = BYTES("t/x"), .from_head = 1});
    routes_head(&w.routes, BYTES("t/x"), 7, 100);
}

static void end_cold(void)
{
    read_forget_all(&g);
    ck_assert_uint_eq(g.n_reads, 0);
    ck_assert_uint_eq(g.waiting.n, 0);
    ck_assert_int_eq(w.metrics.reads_waiting, 0);
    fair_queue_fini(&g.waiting);
    routes_taker_gone(&w.routes, &g.taker);
    taker_fini(&g.taker);
    routes_fini(&w.routes);
    buf_fini(&sent);
    buf_fini(&w.scratch);
}

static void ask(uint64_t request, uint64_t since, uint32_t limit)
{
    read_range(&w, &g,
               &(struct fan_read){.request = request,
                                  .channel = BYTES("t/x"),
                                  .epoch = 7,
                                  .since = since,
                                  .limit = limit});
}

/* PostgreSQL's answer: rows high … low, or low … high when it was asked so. */
static void answer(size_t at, uint64_t low, uint64_t high)
{
    struct history_wait *wait = &asked[at];
    struct pub *rows[256];
    struct page page = {.channel = BYTES("t/x"),
                        .epoch = 7,
                        .since = wait->ask.since,
                        .until = wait->ask.until,
                        .log_epoch = 7,
                        .head = 100,
                        .reverse = wait->ask.reverse,
                        .n = high - low + 1,
                        .rows = rows};
    for (uint64_t i = 0; i < page.n; i++)
        rows[i] = pub_new(page.channel,
                          &(struct publication){.epoch = 7, .seq = page.reverse ? high - i : low + i});
    wait->done(wait->ctx, &page);
    for (uint64_t i = 0; i < page.n; i++)
        pub_unref(rows[i]);
}

static void ck_sent(const char *what)
{
    ck_assert_bytes(buf_bytes(&sent), what);
    buf_clear(&sent);
}

START_TEST(who_lacks_about_the_same_waits_for_one_query_that_fills_the_ring)
{
    begin_cold();
    ask(1, 90, 32);
    ask(2, 50, 32);
    ck_assert_uint_eq(n_asked, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert(asked[i].ask.settled && asked[i].ask.reverse);
        ck_assert_uint_eq(asked[i].ask.since, 36);
        ck_assert_uint_eq(asked[i].ask.until, 100);
    }
    answer(0, 37, 100);
    answer(1, 37, 100);
    ck_sent("1:91-100 2:51-82 ");
    ask(3, 40, 100);
    ck_sent("3:41-100 ");
    ck_assert_uint_eq(n_asked, 2);
    ck_assert_uint_eq(w.metrics.reads_warmed_total, 2);
    end_cold();
}
END_TEST

START_TEST(what_the_filled_ring_lacks_is_asked_for_exactly)
{
    begin_cold();
    ask(1, 50, 10);
    answer(0, 80, 100); /* cut: many bytes */
    ck_sent("");
    ck_assert_uint_eq(n_asked, 2);
    ck_assert(!asked[1].ask.settled && !asked[1].ask.reverse);
    ck_assert_uint_eq(asked[1].ask.since, 50);
    ck_assert_uint_eq(asked[1].ask.rows, 10);
    answer(1, 51, 60);
    ck_sent("1:51-60 ");
    end_cold();
}
END_TEST

START_TEST(what_goes_far_below_the_ring_does_not_fill_it)
{
    begin_cold();
    w.routes.limits.ring.messages = 16;
    ask(1, 10, 10);
    ck_assert(!asked[0].ask.settled);
    ask(2, 90, 10);
    ck_assert(asked[1].ask.settled);
    ck_assert_uint_eq(asked[1].ask.since, 84);
    end_cold();
}
END_TEST

START_TEST(a_read_that_waits_too_long_is_given_up)
{
    begin_cold();
    ask(1, 90, 32);
    read_head(&w, &g, &(struct fan_ask_head){.request = 2, .channel = BYTES("t/x"), .at_least = 200});
    read_tick(&g, clock_mono_ns() + 3 * NS_PER_S);
    ck_sent("");
    read_tick(&g, clock_mono_ns() + 5 * NS_PER_S);
    ck_sent("1!100 2=0 ");
    ck_assert(asked[0].forgotten && asked[1].forgotten);
    ck_assert_uint_eq(g.n_reads, 0);
    end_cold();
}
END_TEST

START_TEST(who_waits_while_postgresql_goes_is_told_so)
{
    begin_cold();
    ask(1, 90, 32);
    asked[0].done(asked[0].ctx, NULL);
    ck_sent("1!100 ");
    ck_assert_uint_eq(g.n_reads, 0);
    end_cold();
}
END_TEST

/* ---- waiting in turn */

static void ask_of(uint64_t request, struct bytes channel)
{
    read_range(&w, &g, &(struct fan_read){.request = request, .channel = channel, .since = 5, .limit = 10});
}

static void ck_asked(size_t at, const char *channel)
{
    ck_assert_uint_gt(n_asked, at);
    ck_assert_bytes(asked[at].ask.channel, channel);
}

static void end_one(size_t at)
{
    asked[at].done(asked[at].ctx, NULL);
}

START_TEST(reads_above_the_bound_wait_and_tenants_take_turns)
{
    begin_cold();
    w.options.reads_max = 1;
    ask_of(1, BYTES("whale/a"));
    ask_of(2, BYTES("whale/b"));
    ask_of(3, BYTES("whale/c"));
    ask_of(4, BYTES("quiet/x"));
    read_head(&w, &g, &(struct fan_ask_head){.request = 5, .channel = BYTES("quiet/y"), .at_least = 7});
    ck_assert_uint_eq(n_asked, 1);
    const char *order[] = {"whale/a", "whale/b", "quiet/x", "whale/c", "quiet/y"};
    for (size_t i = 0; i < 5; i++) {
        ck_asked(i, order[i]);
        end_one(i);
    }
    ck_sent("1!100 2!100 4!100 3!100 5=0 ");
    end_cold();
}
END_TEST

START_TEST(while_the_link_is_full_nothing_is_answered_and_nothing_asked)
{
    begin_cold();
    ask(1, 90, 32);
    answer(0, 37, 100); /* the ring has it from here on */
    ck_sent("1:91-100 ");
    full = true;
    ask(2, 95, 32);
    ask_of(3, BYTES("t/cold"));
    ck_sent("");
    ck_assert_uint_eq(n_asked, 1);
    full = false;
    reads_begin(&g);
    ck_sent("2:96-100 ");
    ck_asked(1, "t/cold");
    end_cold();
}
END_TEST

START_TEST(when_too_many_wait_the_tenant_that_has_most_loses_one)
{
    begin_cold();
    w.options.reads_max = 1;
    w.options.reads_waiting_max = 3;
    for (uint64_t i = 1; i <= 4; i++)
        ask_of(i, BYTES("whale/a"));
    ck_sent("");
    ask_of(5, BYTES("whale/a"));
    ck_sent("5!111 ");
    ask_of(6, BYTES("quiet/x"));
    ck_sent("4!111 ");
    ask_of(7, BYTES("quiet/x"));
    ck_sent("7!111 "); /* it has its half */
    ck_assert_uint_eq(g.waiting.n, 3);
    ck_assert_int_eq(w.metrics.reads_refused_total, 3);
    end_cold();
}
END_TEST

START_TEST(a_read_that_nobody_waits_for_is_not_carried_out)
{
    begin_cold();
    w.options.reads_max = 1;
    ask_of(1, BYTES("whale/a"));
    ask_of(2, BYTES("whale/b"));
    ask_of(3, BYTES("whale/c"));
    read_forget(&g, 2);
    read_forget(&g, 77);
    read_forget(&g, 1);
    ck_assert(asked[0].forgotten);
    reads_begin(&g);
    ck_asked(1, "whale/c");
    ck_assert_uint_eq(n_asked, 2);
    ck_sent("");
    end_cold();
}
END_TEST

START_TEST(a_read_whose_turn_does_not_come_is_given_up)
{
    begin_cold();
    w.options.reads_max = 1;
    ask_of(1, BYTES("whale/a"));
    ask_of(2, BYTES("whale/b"));
    read_tick(&g, clock_mono_ns() + 5 * NS_PER_S);
    ck_sent("1!100 2!100 ");
    ck_assert_uint_eq(n_asked, 1);
    end_cold();
}
END_TEST

UNIT_MAIN("fanout-worker/read", reads_above_the_bound_wait_and_tenants_take_turns,
          while_the_link_is_full_nothing_is_answered_and_nothing_asked,
          when_too_many_wait_the_tenant_that_has_most_loses_one, a_read_that_nobody_waits_for_is_not_carried_out,
          a_read_whose_turn_does_not_come_is_given_up, forward_reads_what_the_ring_holds_whole,
          forward_below_the_ring_takes_postgresql,
          forward_above_the_head_takes_postgresql_unless_it_is_away, reverse_reads_downwards,
          reverse_gives_the_rings_part_while_postgresql_is_away,
          reverse_ends_at_the_first_message, below_a_removal_there_is_nothing_to_read, limit_0_asks_for_the_position_alone,
          a_ring_is_filled_downwards_in_steps_that_readers_share,
          what_a_ring_has_no_room_for_does_not_fill_it,
          who_lacks_about_the_same_waits_for_one_query_that_fills_the_ring,
          what_the_filled_ring_lacks_is_asked_for_exactly,
          what_goes_far_below_the_ring_does_not_fill_it, a_read_that_waits_too_long_is_given_up,
          who_waits_while_postgresql_goes_is_told_so)
