/* Clients of all kinds say anything at any time, come and go, and do not read; the worker publishes, removes and begins
 * epochs; answers of worker, sequencer and application are late or refusals; the configuration changes; time passes. Whatever
 * the order, each command has one reply or its connection is closed, what a client is told of its channels is in order
 * (random_client.h), and when all have answered and read nobody is left waiting or behind.
 *
 * CELLCAST_RUNS: so many orders of each kind; CELLCAST_SEED: the first one's seed. */
#include "random_client.h"
#include "sub.h"
#include "summons.h"
#include "unit.h"

#include "run/log.h"

#include <errno.h>
#include <stdlib.h>

#define RUNS 80
#define STEPS 1000
#define CLIENTS 10
#define REST_TURNS 120 /* of REST_MS: longer than any deadline */
#define REST_MS 150
#define BEHIND_TURNS 4000 /* at most, where deliveries have a budget */
#define ASKED_MAX 16      /* questions to the application under way; above, it takes none */

struct game {
    struct world world;
    struct random_client clients[CLIENTS];
};

/* ---- what happens */

static struct random_client *any_client(struct game *game)
{
    return &game->clients[world_dice(&game->world, CLIENTS)];
}

static int any_channel(struct world *w)
{
    return (int)world_dice(w, WORLD_CHANNELS);
}

static void come(struct game *game, struct random_client *c)
{
    random_client_come(c, &game->world, (int)(c - game->clients));
}

/* One whose socket was closed may take its time to go, and a stranger that was cut may be heard once more. */
static void say(struct game *game)
{
    struct world *w = &game->world;
    struct random_client *c = any_client(game);
    bool is_done = c->socket->close_code || c->last_id > CLIENT_COMMANDS - 8;
    bool waits = c->socket->paused && !transport_emulated(connection_transport(c->socket->connection));
    bool is_over = is_done || c->refused || c->socket->cut;
    if (is_over && world_once_in(w, 2))
        come(game, c);
    else if (!is_done && (!waits || world_once_in(w, 8)))
        random_client_say(c);
}

static void come_anew(struct game *game)
{
    come(game, any_client(game));
}

static void disconnect(struct game *game)
{
    struct random_client *c = any_client(game);
    world_note(&game->world, "%d is disconnected", c->number);
    connection_disconnect(c->socket->connection, DISCONNECT_FORCE_RECONNECT, NULL);
}

static void read_no_more(struct game *game)
{
    struct random_client *c = any_client(game);
    world_note(&game->world, "%d reads no more", c->number);
    c->socket->full = c->socket->waiting = true;
    c->socket->silent_ms = world_once_in(&game->world, 3) ? 60000 : 0;
}

static void read_on(struct world *w, struct random_client *c)
{
    bool was_full = c->socket->full;
    c->socket->full = c->socket->waiting = false;
    c->socket->acked++;
    if (random_client_is_gone(c))
        return;
    if (was_full)
        world_note(w, "%d reads on", c->number);
    connection_writable(c->socket->connection);
    edges_pass(&w->g, 0);
}

static void read_again(struct game *game)
{
    read_on(&game->world, any_client(game));
}

static void publish(struct game *game)
{
    world_publish(&game->world, any_channel(&game->world));
}

static void stand(struct game *game)
{
    world_subscribed(&game->world, any_channel(&game->world));
}

static void serve(struct game *game)
{
    if (edges.n_open)
        world_serve(&game->world, (int)world_dice(&game->world, (uint32_t)edges.n_open));
}

static void answer(struct game *game)
{
    world_answer(&game->world, false);
}

static void talk(struct game *game)
{
    world_talk(&game->world, any_channel(&game->world));
}

static void pass(struct game *game)
{
    struct world *w = &game->world;
    uint32_t ms = world_dice(w, world_once_in(w, 4) ? 3000 : 100);
    world_note(w, "%u ms pass", ms);
    world_pass(w, ms);
}

static void refuse(struct game *game)
{
    if (game->world.faults & REFUSALS)
        world_refuse(&game->world);
}

static void change(struct game *game)
{
    if (game->world.faults & CONFIGURATIONS)
        world_configure(&game->world);
}

/* ---- applications */

static void put_verdict(struct world *w, struct buf *b)
{
    long long expire_at = world_once_in(w, 2) ? 0 : (long long)gateway_unix_s(&w->g) + world_dice(w, 20) - 1;
    uint32_t verdict = w->settles ? 15 : world_dice(w, 16), user = world_dice(w, 3);
    if (verdict < 7)
        buf_printf(b, "{\"result\":{\"user\":\"u%u\",\"expire_at\":%lld,\"data\":{\"a\":1}}}", user, expire_at);
    else if (verdict < 9)
        buf_printf(b, "{\"result\":{\"user\":\"u%u\",\"subs\":{\"x\":{},\"chat:x\":{}},\"expire_at\":%lld}}", user, expire_at);
    else if (verdict < 10)
        buf_printf(b, "{\"error\":{\"code\":10%u,\"message\":\"m\"}}", user);
    else if (verdict < 11)
        buf_printf(b, "{\"disconnect\":{\"code\":450%u,\"reason\":\"r\"}}", user);
    else
        buf_append_str(b, "{\"result\":{}}");
}

static bool decide(struct world *w)
{
    struct buf verdict = {0};
    bool refuses = (w->faults & REFUSALS) && !w->settles;
    if (edges.n_proxied == 0)
        return false;
    put_verdict(w, &verdict);
    world_note(w, "application: %s %s", edges.proxied[0].url, verdict.p);
    int error = refuses && world_once_in(w, 12) ? -ETIMEDOUT : 0, status = refuses && world_once_in(w, 20) ? 500 : 200;
    edges_application(&w->g, error, status, verdict.p);
    buf_fini(&verdict);
    return true;
}

static void apply(struct game *game)
{
    decide(&game->world);
}

static void put_summons(struct world *w, const char *method, struct bytes client, struct buf *b)
{
    buf_printf(b, "{\"client\":\"%.*s\"", BYTES_FMT(client));
    if (strcmp(method, "disconnect") == 0)
        buf_append_str(b, ",\"code\":4000");
    else if (strcmp(method, "refresh") == 0)
        buf_printf(b, ",\"expire_at\":%lld", (long long)gateway_unix_s(&w->g) + world_dice(w, 40));
    else if (strcmp(method, "subscribe") == 0 || !world_once_in(w, 3))
        buf_printf(b, ",\"channel\":\"%s\"", world_full_name(any_channel(w)));
    if (strcmp(method, "subscribe") == 0 && world_once_in(w, 2))
        buf_append_str(b, ",\"recover_since\":{\"offset\":2,\"epoch\":\"1\"}");
    buf_append_char(b, '}');
}

static void summon(struct game *game)
{
    static const char *const methods[] = {"unsubscribe", "subscribe", "refresh", "unsubscribe", "subscribe", "disconnect"};
    struct world *w = &game->world;
    struct buf body = {0}, ret = {0};
    const struct connection *c = any_client(game)->socket->connection;
    const char *method = methods[world_dice(w, world_once_in(w, 3) ? 6 : 5)];
    if (!connection_has_place(c))
        return;
    put_summons(w, method, connection_client(c), &body);
    world_note(w, "summons: %s %s", method, body.p);
    struct ctl_call call = {.method = bytes_str(method), .tenant = BYTES("default"), .body = buf_bytes(&body)};
    summons_answer(&w->g, &call, &ret);
    edges_pass(&w->g, 0);
    buf_fini(&body);
    buf_fini(&ret);
}

/* ---- a game */

static const struct {
    uint32_t weight;
    void (*happens)(struct game *game);
} steps[] = {
    {75, say},  {18, publish},     {22, stand},     {12, serve},    {18, apply}, {14, answer},    {8, summon}, {12, pass},
    {5, read_no_more}, {7, read_again}, {2, come_anew}, {3, talk},  {1, disconnect}, {2, refuse}, {1, change},
};
#define WEIGHTS 200

static void hear_all(struct game *game)
{
    for (int i = 0; i < CLIENTS; i++)
        random_client_hear(&game->clients[i]);
    buf_clear(&edges.asked);
}

static void step(struct game *game)
{
    uint32_t at = world_dice(&game->world, WEIGHTS);
    size_t i = 0;
    for (; at >= steps[i].weight; i++)
        at -= steps[i].weight;
    edges.application_full = edges.n_proxied > ASKED_MAX;
    steps[i].happens(game);
    hear_all(game);
}

static bool anybody_behind(const struct game *game)
{
    for (int i = 0; i < CLIENTS; i++) {
        const struct connection *c = game->clients[i].socket->connection;
        for (uint32_t k = 0; k < c->n_subs; k++)
            if (sub_is_behind(c->subs[k]))
                return true;
    }
    return false;
}

/* All is answered and read, and time passes, until nothing is under way. */
static void settle(struct game *game)
{
    struct world *w = &game->world;
    world_note(w, "rest");
    w->settles = true;
    edges.application_full = false;
    world_refuse(w);
    for (int turn = 0; turn < REST_TURNS || (turn < BEHIND_TURNS && anybody_behind(game)); turn++) {
        for (int i = 0; i < WORLD_CHANNELS; i++)
            world_subscribed(w, i);
        while (world_serve(w, 0) || decide(w))
            ;
        world_answer(w, true);
        for (int i = 0; turn == 0 && i < CLIENTS; i++)
            read_on(w, &game->clients[i]);
        hear_all(game);
        world_pass(w, REST_MS);
    }
    hear_all(game);
}

static void check_nothing_left(const struct gateway *g)
{
    ck_assert_int_eq(g->metrics.connections, 0);
    ck_assert_int_eq(g->metrics.subscriptions, 0);
    ck_assert_int_eq(g->metrics.passive_subscriptions, 0);
    ck_assert_int_eq(g->metrics.strangers, 0);
    ck_assert_uint_eq(g->n_pages, 0);
    ck_assert(list_is_empty(&g->slow) && list_is_empty(&g->joinings) && list_is_empty(&g->resuming));
}

static void play(uint64_t seed, int faults)
{
    struct game *game = calloc(1, sizeof *game);
    struct world *w = &game->world;
    log_init("test", LOG_LEVEL_ERROR + 1); /* whoever is refused here should be */
    world_init(w, seed, faults);
    world_choose_options(w);
    edges_start_gated(&w->g, &w->options);
    world_configure(w);
    for (int i = 0; i < CLIENTS; i++)
        come(game, &game->clients[i]);
    for (int i = 0; i < STEPS; i++)
        step(game);
    settle(game);
    for (int i = 0; i < CLIENTS; i++)
        random_client_check_rest(&game->clients[i]);
    for (int i = 0; i < CLIENTS; i++)
        random_client_go(&game->clients[i]);
    check_nothing_left(&w->g);
    edges_stop(&w->g);
    world_fini(w);
    free(game);
}

static void play_all(int faults)
{
    const char *runs = getenv("CELLCAST_RUNS"), *first = getenv("CELLCAST_SEED");
    uint64_t seed = first ? strtoull(first, NULL, 10) : 1, n = runs ? strtoull(runs, NULL, 10) : RUNS;
    for (; n > 0; n--, seed++)
        play(seed, faults);
}

START_TEST(in_any_order_a_command_has_one_reply_and_a_channel_one_order)
{
    play_all(0);
}
END_TEST

START_TEST(what_is_removed_or_begins_anew_leaves_no_hole_beside_it)
{
    play_all(REMOVALS);
}
END_TEST

START_TEST(who_refuses_or_is_away_leaves_nobody_without_a_reply)
{
    play_all(REFUSALS);
}
END_TEST

START_TEST(a_configuration_that_changes_leaves_nobody_without_a_reply)
{
    play_all(CONFIGURATIONS);
}
END_TEST

START_TEST(all_at_once_leaves_nobody_behind)
{
    play_all(REMOVALS | REFUSALS | CONFIGURATIONS);
}
END_TEST

UNIT_MAIN("gateway/random", in_any_order_a_command_has_one_reply_and_a_channel_one_order,
          what_is_removed_or_begins_anew_leaves_no_hole_beside_it,
          who_refuses_or_is_away_leaves_nobody_without_a_reply, a_configuration_that_changes_leaves_nobody_without_a_reply,
          all_at_once_leaves_nobody_behind)
