/* CPU of one delivery to the doorway of the socket, for bench_hold.py: connections between pretended edges, each
 * subscribed to a question's and an answer's channel and to some more; the socket only copies.
 *
 *     hold_cost plain|answers|waits|gathered CONNECTIONS OTHER-CHANNELS ROUNDS
 *
 * A round is a question and an answer to everybody: plain, the answer names nothing; answers, it names the question,
 * which everybody has; waits, it comes first, stops every cursor, and goes with the question in one write. Gathered, it is
 * 16 questions in one write. */
#include "fake_edges.h"
#include "flow.h"

#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>

static struct gateway_options options;
static struct gateway g;

static void subscribe(struct ws_socket *s, int id, const char *channel)
{
    char text[200];
    snprintf(text, sizeof text, "{\"id\":%d,\"subscribe\":{\"channel\":\"%s\"}}", id, channel);
    edges_say(s, text);
    snprintf(text, sizeof text, "default/%s", channel);
    edges_subscribed(&g, text, 1, 0);
}

static struct ws_socket *reader(int others)
{
    char name[20];
    struct ws_socket *s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    for (int i = 0; i < others; i++) {
        snprintf(name, sizeof name, "o%d", i);
        subscribe(s, i + 4, name);
        if (i == others / 2)
            subscribe(s, 2, "q");
    }
    if (others == 0)
        subscribe(s, 2, "q");
    subscribe(s, 3, "a");
    return s;
}

#define GATHERED 16 /* publications in a write */
#define TEXT "{\"text\":\"0123456789012345678901234567890123456789\"}"

static void question(uint64_t seq)
{
    edges_publish(&g, "default/q", 1, seq, TEXT);
}

static void come(uint64_t seq) /* in a turn that goes on */
{
    struct buf b = {0};
    wire_put_publication(&b, &(struct publication){.epoch = 1, .seq = seq, .data = BYTES(TEXT)});
    flow_publication(&g, &(struct fan_publication){.channel = BYTES("default/q"), .publication = buf_bytes(&b)});
    buf_fini(&b);
}

static void questions(uint64_t last)
{
    for (uint64_t seq = last - GATHERED + 1; seq < last; seq++)
        come(seq);
    question(last);
}

static void answer(uint64_t seq, bool names)
{
    char after[40];
    snprintf(after, sizeof after, "default/q@%llu", (unsigned long long)seq);
    edges_answer(&g, "default/a", 1, seq, names ? after : NULL);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    char mode = argv[1][0];
    int n = atoi(argv[2]), others = atoi(argv[3]), rounds = atoi(argv[4]);
    gateway_options_default(&options);
    options.flush_slice_us = 100000;
    options.channel_linger = 600000;
    edges_start(&g, &options);
    struct ws_socket **readers = calloc((size_t)n, sizeof *readers);
    for (int i = 0; i < n; i++)
        readers[i] = reader(others);
    uint64_t before = g.metrics.deliveries_total;
    int64_t start = clock_mono_ns();
    for (int seq = 1; seq <= rounds; seq++) {
        if (mode == 'w')
            answer((uint64_t)seq, true);
        if (mode == 'g')
            questions((uint64_t)seq * GATHERED);
        else
            question((uint64_t)seq);
        if (mode == 'p' || mode == 'a')
            answer((uint64_t)seq, mode == 'a');
        for (int i = 0; i < n; i++)
            buf_clear(&readers[i]->written);
    }
    int64_t took = clock_mono_ns() - start;
    uint64_t deliveries = g.metrics.deliveries_total - before;
    printf("{\"deliveries\":%llu,\"ns\":%lld,\"held\":%llu,\"late\":%llu}\n", (unsigned long long)deliveries, (long long)took,
           (unsigned long long)g.metrics.holds_total, (unsigned long long)g.metrics.late_deliveries_total);
    for (int i = 0; i < n; i++)
        edges_leave(readers[i]);
    free(readers);
    gateway_fini(&g);
    return deliveries == (mode == 'g' ? GATHERED : 2ULL) * (uint64_t)n * (uint64_t)rounds ? 0 : 1;
}
