/* What readers cost whose clients do not look, for bench_passive.py: one channel between pretended edges, some of its readers out
 * of focus; the socket only copies.
 *
 *     passive_cost READERS OUT-OF-FOCUS PUBLICATIONS-PER-S SECONDS */
#include "fake_edges.h"

#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>

static struct gateway_options options;
static struct gateway g;
static struct ws_socket **readers;
static int n;

/* -> writes since the last time; what was written is forgotten */
static long forget(void)
{
    long writes = 0;
    for (int i = 0; i < n; i++) {
        writes += readers[i]->writes;
        readers[i]->writes = 0;
        buf_clear(&readers[i]->written);
    }
    return writes;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    n = atoi(argv[1]);
    int passive = atoi(argv[2]), rate = atoi(argv[3]), seconds = atoi(argv[4]);
    gateway_options_default(&options);
    options.flush_slice_us = 100000;
    options.ping_interval = 3600000;
    edges_start(&g, &options);
    readers = calloc((size_t)n, sizeof *readers);
    for (int i = 0; i < n; i++) {
        readers[i] = edges_reader(&g, "news");
        if (i < passive)
            edges_say(readers[i], "{\"id\":9,\"rpc\":{\"method\":\"cellcast.focus\",\"data\":{\"focus\":false}}}");
    }
    forget();
    long writes = 0;
    int64_t cpu_ns = 0, longest_ns = 0;
    for (int seq = 1; seq <= rate * seconds; seq++) {
        int64_t start = clock_mono_ns();
        edges_publish(&g, "default/news", 1, (uint64_t)seq, "{\"text\":\"0123456789012345678901234567890123456789\"}");
        edges_pass(&g, 1000 / rate);
        int64_t took = clock_mono_ns() - start;
        cpu_ns += took;
        longest_ns = took > longest_ns ? took : longest_ns;
        writes += forget();
    }
    printf("{\"writes\":%ld,\"deliveries\":%llu,\"heads\":%llu,\"us\":%lld,\"longest_turn_us\":%lld}\n", writes,
           (unsigned long long)g.metrics.deliveries_total, (unsigned long long)g.metrics.heads_told_total,
           (long long)(cpu_ns / NS_PER_US), (long long)(longest_ns / NS_PER_US));
    return 0;
}
