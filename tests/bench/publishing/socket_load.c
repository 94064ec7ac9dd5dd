/* Publishes into a sequencer's own socket as a gateway does, for bench_sequencer.py.
 *
 *     socket_load HOST:PORT TENANT COUNT OUTSTANDING CHANNELS BYTES */
#include "load.h"

#include "core/clock.h"
#include "core/random.h"
#include "run/dial.h"
#include "run/log.h"
#include "wire/messages.h"

#include <stdio.h>
#include <stdlib.h>

#define BEAT_MS 500

struct gateway {
    struct load load;
    const char *tenant;
    struct dial *dial;
    ev_prepare turn;
    ev_timer beat;
    bool welcome;
};

/* Once a turn, so that what its answers have made room for goes in one write. */
static void on_turn(struct ev_loop *loop, ev_prepare *w, int events)
{
    struct gateway *g = w->data;
    struct link *l = g->welcome ? dial_link(g->dial) : NULL;
    uint64_t number;
    char name[32], channel[64];
    if (!l)
        return;
    while (load_next(&g->load, &number, name)) {
        snprintf(channel, sizeof channel, "%s/%s", g->tenant, name);
        struct seq_publish p = {
            .counter = number + 1,
            .channel = bytes_str(channel),
            .format = FORMAT_JSON,
            .data = buf_bytes(&g->load.data),
            .received_us = clock_real_us(),
        };
        LINK_SEND(l, SEQ_PUBLISH, seq_publish, &p);
    }
}

static void up(void *owner, struct dial *d, struct link *l)
{
    struct seq_hello hello = {
        .version = WIRE_VERSION, .gateway = BYTES("socket_load"), .origin = random_u64()};
    LINK_SEND(l, SEQ_HELLO, seq_hello, &hello);
}

static void frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct gateway *g = owner;
    struct seq_welcome welcome;
    struct seq_result result;
    if (type == SEQ_RESULT && wire_get_seq_result(body, &result) == 0)
        load_answered(&g->load, result.counter - 1, result.code == 0);
    if (type == SEQ_WELCOME && wire_get_seq_welcome(body, &welcome) == 0)
        g->welcome = welcome.shards == UINT64_MAX;
}

static void down(void *owner, struct dial *d, int error)
{
    fprintf(stderr, "socket_load: the link is down\n");
    exit(1);
}

static void on_beat(struct ev_loop *loop, ev_timer *w, int events)
{
    struct gateway *g = w->data;
    struct seq_beat beat = {.sent_us = clock_real_us()};
    if (dial_link(g->dial))
        LINK_SEND(dial_link(g->dial), SEQ_BEAT, seq_beat, &beat);
}

static const struct dial_handlers handlers = {.up = up, .frame = frame, .down = down};

int main(int argc, char **argv)
{
    static struct gateway g;
    if (argc != 7) {
        fprintf(stderr, "socket_load HOST:PORT TENANT COUNT OUTSTANDING CHANNELS BYTES\n");
        return 2;
    }
    log_init("socket-load", LOG_LEVEL_WARN);
    g.tenant = argv[2];
    load_init(&g.load, argv + 3);
    g.dial = dial_new(g.load.loop, argv[1], 20, 500, BEAT_MS, &handlers, &g);
    ev_timer_init(&g.beat, on_beat, BEAT_MS / 1000., BEAT_MS / 1000.);
    ev_prepare_init(&g.turn, on_turn);
    g.beat.data = g.turn.data = &g;
    ev_prepare_start(g.load.loop, &g.turn);
    ev_timer_start(g.load.loop, &g.beat);
    ev_run(g.load.loop, 0);
    dial_free(g.dial);
    return load_report(&g.load);
}
