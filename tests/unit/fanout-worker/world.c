#include "world.h"

#include "read.h"

#include "core/clock.h"
#include "wire/channel.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct world *world_of(void *owner)
{
    return owner;
}

static int channel_number(struct world *w, struct bytes name)
{
    for (int i = 0; i < WORLD_CHANNELS; i++)
        if (bytes_is(name, w->channels[i].name))
            return i;
    ck_abort_msg("unknown channel");
    return -1;
}

static struct world_taker *taker_of(const struct taker *t)
{
    return container_of(t, struct world_taker, taker);
}

struct world_log *world_log(struct world *w, int channel)
{
    return &w->channels[channel].logs[w->channels[channel].n_logs - 1];
}

static const struct world_log *log_of(const struct world_channel *ch, uint64_t epoch)
{
    for (int i = 0; i < ch->n_logs; i++)
        if (ch->logs[i].epoch == epoch)
            return &ch->logs[i];
    ck_abort_msg("unknown generation");
    return NULL;
}

/* ---- what the routes ask for */

static bool on_full(void *owner, const struct taker *t)
{
    const struct world_taker *taker = taker_of(t);
    return taker->pending > taker->pending_max;
}

static bool on_crowded(void *owner, const struct taker *t)
{
    const struct world_taker *taker = taker_of(t);
    return taker->pending > taker->pending_max / 4;
}

static void on_subscribed(void *owner, struct taker *t, struct bytes channel, uint32_t status,
                          uint64_t epoch, uint64_t seq)
{
    struct world *w = world_of(owner);
    int n = channel_number(w, channel);
    struct world_view *v = &taker_of(t)->views[n];
    ck_assert(v->wanted);
    if (v->passing) {
        ck_assert(status == 0 && !v->answered);
        v->answered = true;
        return;
    }
    const struct world_log *log = log_of(&w->channels[n], epoch);
    ck_assert_uint_le(seq, log->head);
    ck_assert(status == 0 || status == STATUS_UNRECOVERABLE);
    ck_assert_msg(status == 0 || w->may_lose || v->may_112, "112 without need");
    ck_assert_msg(status != 0 || !v->answered, "answered twice");
    if (status == 0 && v->seq != UINT64_MAX && !w->may_lose)
        ck_assert_uint_eq(seq, v->seq);
    v->answered = true;
    v->may_112 = false;
    v->epoch = epoch;
    v->seq = seq;
    v->lost += status != 0;
}

static void on_publication(void *owner, struct taker *t, const struct pub *p, bool live)
{
    struct world *w = world_of(owner);
    struct world_taker *taker = taker_of(t);
    struct fan_publication body;
    struct publication pub;
    ck_assert(!on_full(owner, t));
    ck_assert_int_eq(wire_get_fan_publication(pub_body(p), &body), 0);
    ck_assert_int_eq(wire_get_publication(body.publication, &pub), 0);
    int n = channel_number(w, body.channel);
    struct world_view *v = &taker->views[n];
    if (v->passing) {
        ck_assert(v->answered && pub.seq == 0 && !on_crowded(owner, t));
        v->got++;
        taker->pending += p->n;
        return;
    }
    char want[64];
    snprintf(want, sizeof want, "%d %llu %llu", n, (unsigned long long)pub.epoch,
             (unsigned long long)pub.seq);
    ck_assert(bytes_is(pub.data, want));
    ck_assert(v->wanted && v->answered);
    ck_assert_uint_eq(pub.epoch, v->epoch);
    ck_assert_uint_eq(pub.seq, v->seq + 1);
    ck_assert_uint_le(pub.seq, log_of(&w->channels[n], pub.epoch)->head);
    v->seq++;
    v->got++;
    v->live += live;
    taker->pending += p->n;
}

static void on_not_mine(void *owner, struct taker *t, struct bytes channel)
{
    struct world *w = world_of(owner);
    taker_of(t)->views[channel_number(w, channel)].wanted = false;
    w->wanted[channel_number(w, channel)] = false;
}

static void ask(struct world *w, struct world_question q)
{
    ck_assert_uint_lt(w->n_questions, sizeof w->questions / sizeof *w->questions);
    w->questions[w->n_questions++] = q;
}

static void on_ask_head(void *owner, struct bytes channel)
{
    struct world *w = world_of(owner);
    ask(w, (struct world_question){.head = true, .channel = channel_number(w, channel)});
}

static void on_forget_head(void *owner, struct bytes channel)
{
    struct world *w = world_of(owner);
    int n = channel_number(w, channel);
    size_t i = 0;
    while (i < w->n_questions && !(w->questions[i].head && w->questions[i].channel == n))
        i++;
    if (i < w->n_questions)
        w->questions[i] = w->questions[--w->n_questions];
}

static void on_ask_page(void *owner, struct bytes channel, enum page_purpose purpose,
                        uint64_t epoch, uint64_t since, uint64_t until)
{
    struct world *w = world_of(owner);
    ck_assert_uint_lt(since, until);
    ask(w, (struct world_question){.channel = channel_number(w, channel),
                                   .purpose = purpose,
                                   .epoch = epoch,
                                   .since = since,
                                   .until = until});
}

/* Wanted and not take turns, and say what the routes know. */
static void on_wanted(void *owner, struct bytes channel, bool wanted)
{
    struct world *w = world_of(owner);
    ck_assert_int_ne(w->wanted[channel_number(w, channel)], wanted);
    w->wanted[channel_number(w, channel)] = wanted;
}

static const struct routes_ports ports = {
    .full = on_full,
    .crowded = on_crowded,
    .subscribed = on_subscribed,
    .publication = on_publication,
    .not_mine = on_not_mine,
    .wanted = on_wanted,
    .ask_head = on_ask_head,
    .forget_head = on_forget_head,
    .ask_page = on_ask_page,
};

/* ---- the world */

void world_init(struct world *w, uint64_t seed, const struct routes_limits *limits)
{
    memset(w, 0, sizeof *w);
    w->random = seed;
    routes_init(&w->routes, &ports, w, limits, &w->metrics);
    w->routes.now_ns = 1000 * NS_PER_S;
    for (int i = 0; i < WORLD_CHANNELS; i++) {
        snprintf(w->channels[i].name, sizeof w->channels[i].name, "default/room-%d", i);
        w->channels[i].logs[0].epoch = 7;
        w->channels[i].n_logs = 1;
    }
    for (int i = 0; i < WORLD_TAKERS; i++) {
        taker_init(&w->takers[i].taker);
        w->takers[i].pending_max = 1000;
    }
}

void world_fini(struct world *w)
{
    routes_fini(&w->routes);
    for (int i = 0; i < WORLD_TAKERS; i++)
        taker_fini(&w->takers[i].taker);
}

uint32_t world_dice(struct world *w, uint32_t sides)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((w->random >> 33) % sides);
}

void world_own(struct world *w, bool all)
{
    bool owned[WORLD_PARTITIONS];
    memset(owned, all, sizeof owned);
    routes_map(&w->routes, 1, owned, WORLD_PARTITIONS, NULL);
    for (uint32_t i = 0; all && i < WORLD_PARTITIONS; i++)
        routes_caught_up(&w->routes, i);
}

uint64_t world_commit(struct world *w, int channel)
{
    struct world_log *log = world_log(w, channel);
    ck_assert_uint_lt(log->head, WORLD_ROWS);
    log->at_ns[log->head++] = w->routes.now_ns;
    return log->head;
}

uint64_t world_remove(struct world *w, int channel)
{
    uint64_t seq = world_commit(w, channel);
    world_log(w, channel)->removes[seq - 1] = true;
    return seq;
}

void world_warm(struct world *w, int channel)
{
    const struct channel *ch = routes_channel(&w->routes, bytes_str(w->channels[channel].name));
    struct fan_read what = {.reverse = 1, .limit = w->routes.limits.ring.messages};
    if (!ch || w->n_questions > 32)
        return;
    uint64_t since = read_warms_since(&ch->ring, w->routes.limits.ring.messages, &what);
    if (since < ch->ring.first - 1)
        ask(w, (struct world_question){.warm = true, .channel = channel, .epoch = ch->epoch, .since = since, .until = ch->ring.first - 1});
}

void world_produce(struct world *w, int channel, uint64_t epoch, uint64_t seq)
{
    struct world_channel *ch = &w->channels[channel];
    ck_assert_uint_lt(ch->produced, sizeof ch->topic / sizeof *ch->topic);
    ch->topic[ch->produced].epoch = epoch;
    ch->topic[ch->produced++].seq = seq;
}

static bool removes(const struct world_channel *ch, uint64_t epoch, uint64_t seq)
{
    for (int i = 0; i < ch->n_logs; i++)
        if (ch->logs[i].epoch == epoch)
            return seq <= WORLD_ROWS && ch->logs[i].removes[seq - 1];
    return false;
}

static struct pub *pub_of(struct world *w, int channel, uint64_t epoch, uint64_t seq)
{
    char data[64];
    int n = snprintf(data, sizeof data, "%d %llu %llu", channel, (unsigned long long)epoch,
                     (unsigned long long)seq);
    return pub_new(
        bytes_str(w->channels[channel].name),
        &(struct publication){.epoch = epoch,
                              .seq = seq,
                              .format = removes(&w->channels[channel], epoch, seq) ? FORMAT_REMOVAL : 0,
                              .data = bytes_of(data, (size_t)n)});
}

int world_record(struct world *w, int channel, uint64_t epoch, uint64_t seq, bool stub)
{
    struct pub *p = pub_of(w, channel, epoch, seq);
    p->taken_ns = w->routes.now_ns;
    int answer = routes_record(&w->routes, bytes_str(w->channels[channel].name), p, stub);
    pub_unref(p);
    return answer;
}

bool world_consume(struct world *w, int channel)
{
    struct world_channel *ch = &w->channels[channel];
    if (ch->consumed == ch->produced)
        return false;
    world_record(w, channel, ch->topic[ch->consumed].epoch, ch->topic[ch->consumed].seq,
                 world_dice(w, 30) == 0);
    ch->consumed++;
    return true;
}

void world_epoch(struct world *w, int channel)
{
    struct world_channel *ch = &w->channels[channel];
    if (ch->n_logs == WORLD_EPOCHS)
        return;
    ch->logs[ch->n_logs] = (struct world_log){.epoch = ch->logs[ch->n_logs - 1].epoch + 1};
    ch->n_logs++;
}

void world_subscribe(struct world *w, int taker, int channel, bool from_head, uint64_t epoch,
                     uint64_t since)
{
    struct world_view *v = &w->takers[taker].views[channel];
    *v = (struct world_view){
        .wanted = true, .seq = from_head ? UINT64_MAX : since, .lost = v->lost, .got = v->got, .live = v->live};
    const struct world_log *log = world_log(w, channel);
    v->may_112 = !from_head && (epoch != log->epoch || since > log->head || since < log->gone);
    struct fan_subscribe what = {.channel = bytes_str(w->channels[channel].name),
                                 .from_head = from_head,
                                 .epoch = epoch,
                                 .since = since};
    if (routes_subscribe(&w->routes, &w->takers[taker].taker, &what) == ROUTES_NOT_MINE)
        v->wanted = false;
}

void world_subscribe_passing(struct world *w, int taker, int channel)
{
    struct world_view *v = &w->takers[taker].views[channel];
    *v = (struct world_view){.wanted = true, .passing = true, .got = v->got};
    struct fan_subscribe what = {.channel = bytes_str(w->channels[channel].name),
                                 .from_head = 1,
                                 .ephemeral = 1};
    if (routes_subscribe(&w->routes, &w->takers[taker].taker, &what) == ROUTES_NOT_MINE)
        v->wanted = false;
}

void world_unsubscribe(struct world *w, int taker, int channel)
{
    w->takers[taker].views[channel].wanted = false;
    routes_unsubscribe(&w->routes, &w->takers[taker].taker,
                       bytes_str(w->channels[channel].name));
}

/* A snapshot some time ago; a generation's rows and head are of the same one. */
static uint64_t seen_head(const struct world_log *log, int64_t at_ns)
{
    uint64_t head = log->head;
    while (head && log->at_ns[head - 1] > at_ns)
        head--;
    return head;
}

/* The first row above `since` that is still there. */
static uint64_t first_left(const struct world_log *log, uint64_t since, uint64_t head)
{
    uint64_t first = (since > log->gone ? since : log->gone) + 1;
    for (uint64_t floor = head; floor > first; floor--)
        if (log->removes[floor - 1])
            return floor;
    return first;
}

static struct page empty_page(struct world *w, const struct world_question *q, struct pub **rows, int64_t at_ns)
{
    const struct world_log *now = world_log(w, q->channel);
    return (struct page){.channel = bytes_str(w->channels[q->channel].name),
                         .epoch = q->epoch,
                         .since = q->since,
                         .until = q->until,
                         .log_epoch = now->epoch,
                         .head = seen_head(now, at_ns),
                         .rows = rows};
}

/* The newest first, as history reads ask for them; no more than a ring holds. */
static void answer_warm(struct world *w, const struct world_question *q, int64_t at_ns)
{
    struct world_channel *ch = &w->channels[q->channel];
    const struct world_log *log = log_of(ch, q->epoch);
    struct pub *rows[WORLD_ROWS];
    struct page page = empty_page(w, q, rows, at_ns);
    page.reverse = true;
    uint64_t head = seen_head(log, at_ns), lowest = first_left(log, q->since, head);
    for (uint64_t seq = q->until < head ? q->until : head; seq >= lowest; seq--)
        rows[page.n++] = pub_of(w, q->channel, q->epoch, seq);
    routes_warm(&w->routes, &page);
    for (size_t i = 0; i < page.n; i++)
        pub_unref(rows[i]);
}

static void answer_page(struct world *w, const struct world_question *q, int64_t at_ns)
{
    struct world_channel *ch = &w->channels[q->channel];
    const struct world_log *log = log_of(ch, q->epoch);
    struct pub *rows[WORLD_PAGE_ROWS];
    struct page page = empty_page(w, q, rows, at_ns);
    uint64_t head = seen_head(log, at_ns), seq = first_left(log, q->since, head);
    for (; seq <= head && seq <= q->until && page.n < WORLD_PAGE_ROWS; seq++)
        rows[page.n++] = pub_of(w, q->channel, q->epoch, seq);
    page.cut = seq <= head && seq <= q->until;
    routes_page(&w->routes, q->purpose, &page);
    for (size_t i = 0; i < page.n; i++)
        pub_unref(rows[i]);
}

bool world_answer(struct world *w, size_t question)
{
    if (question >= w->n_questions)
        return false;
    struct world_question q = w->questions[question];
    w->questions[question] = w->questions[--w->n_questions];
    int64_t at_ns = w->routes.now_ns - (w->lag_ns ? world_dice(w, (uint32_t)w->lag_ns) : 0);
    struct world_channel *ch = &w->channels[q.channel];
    const struct world_log *now = world_log(w, q.channel);
    if (q.head)
        routes_head(&w->routes, bytes_str(ch->name), now->epoch, seen_head(now, at_ns));
    else if (q.warm)
        answer_warm(w, &q, at_ns);
    else
        answer_page(w, &q, at_ns);
    return true;
}

void world_pass(struct world *w, int64_t ms)
{
    w->routes.now_ns += ms * NS_PER_MS;
    routes_tick(&w->routes);
    routes_turn(&w->routes);
}

void world_drain(struct world *w, int taker)
{
    w->takers[taker].pending = 0;
    routes_taker_drained(&w->routes, &w->takers[taker].taker);
}

void world_settle(struct world *w)
{
    int64_t until_ns = w->routes.now_ns + 25 * NS_PER_S;
    while (w->routes.now_ns < until_ns) {
        while (world_answer(w, 0))
            ;
        for (int i = 0; i < WORLD_TAKERS; i++)
            world_drain(w, i);
        world_pass(w, 20);
    }
}

void world_check_complete(struct world *w)
{
    for (int t = 0; t < WORLD_TAKERS; t++) {
        for (int n = 0; n < WORLD_CHANNELS; n++) {
            const struct world_view *v = &w->takers[t].views[n];
            if (!v->wanted)
                continue;
            ck_assert(v->answered);
            if (v->passing)
                continue;
            ck_assert_uint_eq(v->epoch, world_log(w, n)->epoch);
            ck_assert_uint_eq(v->seq, world_log(w, n)->head);
        }
    }
}
