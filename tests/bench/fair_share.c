/* What 20 tenants of equal weight and very unequal load get of a gateway that has too much to do, for bench_neighbour.py:
 * connections between pretended edges, sockets that only copy, everything else as it is.
 *
 *     fair_share on|off TURNS        fair queuing
 *
 * What the gateway manages in a turn is measured first; a tenant then offers from a twentieth of its even share of that to eight
 * times as much, in from one to 39 channels, to from 10 to 200 connections that are all in each of them. What each could use is the max-min fair division: who wants less than an even share gets it all, the others
 * share what is left. -> one line of JSON: each one's part of what it could use, and Jain's index of these. */
#include "fake_edges.h"

#include "deliver.h"
#include "flow.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TENANTS 20
#define MEMBERS 10 /* of the least tenant; the next ones have as many more each */
#define LEAST 0.05 /* of an even share that a tenant offers */
#define MOST 8.0
#define DATA 600 /* bytes of a publication: one fills a write */

struct load {
    int number;
    struct ws_socket *members[TENANTS * MEMBERS];
    int n_members, channels, next;
    uint64_t seq[2 * TENANTS];          /* of each channel */
    double offers; /* publications in a turn */
    double due, offered, got, could;
};

static struct gateway_options options;
static struct gateway g;
static struct load loads[TENANTS];
static char data[DATA + 3];

static void name(const struct load *l, int channel, char ret_name[40])
{
    snprintf(ret_name, 40, "t%d/c%d", l->number, channel);
}

static void join(struct load *l)
{
    char tenant[20], channel[40], text[100];
    snprintf(tenant, sizeof tenant, "t%d", l->number);
    for (int i = 0; i < l->n_members; i++) {
        l->members[i] = edges_connect_to(&g, tenant);
        edges_say(l->members[i], "{\"id\":1,\"connect\":{}}");
    }
    for (int k = 0; k < l->channels; k++) {
        name(l, k, channel);
        snprintf(text, sizeof text, "{\"id\":2,\"subscribe\":{\"channel\":\"%s\"}}", channel);
        for (int i = 0; i < l->n_members; i++)
            edges_say(l->members[i], text);
        edges_subscribed(&g, channel, 1, 0);
    }
}

static void publish(struct load *l)
{
    struct buf b = {0};
    char channel[40];
    int k = l->next++ % l->channels;
    struct publication p = {.epoch = 1, .seq = ++l->seq[k], .id = l->seq[k], .data = bytes_of(data, DATA + 2)};
    name(l, k, channel);
    wire_put_publication(&b, &p);
    flow_publication(&g, &(struct fan_publication){.channel = bytes_str(channel), .publication = buf_bytes(&b)});
    buf_fini(&b);
    l->offered += l->n_members;
}

static void forget_what_was_written(void)
{
    for (int i = 0; i < TENANTS; i++)
        for (int k = 0; k < loads[i].n_members; k++) {
            struct ws_socket *s = loads[i].members[k];
            loads[i].got += s->writes;
            s->writes = 0;
            buf_clear(&s->written);
        }
}

static void turn(void)
{
    for (int i = 0; i < TENANTS; i++)
        for (loads[i].due += loads[i].offers; loads[i].due >= 1; loads[i].due--)
            publish(&loads[i]);
    deliver_turn(&g);
    forget_what_was_written();
}

/* -> writes of a turn in which everybody has something to say */
static double capacity(void)
{
    double n = 0;
    for (int i = 0; i < TENANTS; i++)
        loads[i].offers = 5;
    for (int i = 0; i < 100; i++)
        turn();
    for (int i = 0; i < TENANTS; i++) {
        n += loads[i].got / 100;
        loads[i].offers = 0;
    }
    while (deliver_turn(&g)) /* what is left of it */
        forget_what_was_written();
    forget_what_was_written();
    for (int i = 0; i < TENANTS; i++)
        loads[i].got = loads[i].offered = 0;
    return n;
}

static void divide(double all)
{
    double even = 0;
    for (int round = 0; round < TENANTS; round++) { /* who wants less than an even share leaves the rest to the others */
        double left = all;
        int open = 0;
        for (int i = 0; i < TENANTS; i++) {
            left -= loads[i].offered <= even ? loads[i].offered : 0;
            open += loads[i].offered > even;
        }
        even = open ? left / open : even;
    }
    for (int i = 0; i < TENANTS; i++)
        loads[i].could = loads[i].offered < even ? loads[i].offered : even;
}

static void report(const char *fair)
{
    double all = 0, sum = 0, squares = 0;
    for (int i = 0; i < TENANTS; i++)
        all += loads[i].got;
    divide(all);
    printf("{\"fair_queuing\":\"%s\",\"parts\":[", fair);
    for (int i = 0; i < TENANTS; i++) {
        double part = loads[i].got / loads[i].could;
        printf("%s%.3f", i ? "," : "", part);
        sum += part;
        squares += part * part;
    }
    printf("],\"writes\":%.0f,\"jain\":%.4f}\n", all, sum * sum / (TENANTS * squares));
}

static void configure(void)
{
    struct buf text = {0}, why = {0};
    struct config *fresh;
    buf_append_str(&text, "{\"version\":2,\"cells\":[],\"api_keys\":[],\"tenants\":[");
    for (int i = 0; i < TENANTS; i++)
        buf_printf(&text, "%s{\"name\":\"t%d\",\"cells\":[\"a\"],\"options\":{\"allow_anonymous_connect_without_token\":true}}",
                   i ? "," : "", i);
    buf_append_str(&text, "],\"namespaces\":[");
    for (int i = 0; i < TENANTS; i++)
        buf_printf(&text, "%s{\"tenant\":\"t%d\",\"name\":\"\",\"options\":{\"allow_subscribe_for_client\":true,"
                          "\"allow_subscribe_for_anonymous\":true,\"batch_delay\":0}}",
                   i ? "," : "", i);
    buf_append_str(&text, "]}");
    if (config_parse(buf_bytes(&text), BYTES("a"), &fresh, &why) < 0)
        exit(3);
    config_unref(g.config);
    g.config = fresh;
    buf_fini(&text);
    buf_fini(&why);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    gateway_options_default(&options);
    options.fair_queuing = strcmp(argv[1], "on") == 0;
    options.ring_messages = 1 << 20;
    options.ring_bytes = options.rings_bytes = 1 << 30;
    options.write_max_bytes = 1024;
    options.ping_interval = 1 << 30;
    edges_start(&g, &options);
    g.capacity = TENANTS * TENANTS * MEMBERS;
    configure();
    memset(data, 'x', DATA + 2);
    data[0] = data[DATA + 1] = '"';
    for (int i = 0; i < TENANTS; i++) {
        loads[i].number = i;
        loads[i].channels = 2 * i + 1;
        loads[i].n_members = MEMBERS * (i + 1);
        join(&loads[i]);
    }
    forget_what_was_written();
    double even = capacity() / TENANTS;
    for (int i = 0; i < TENANTS; i++)
        loads[i].offers = even / loads[i].n_members * LEAST * pow(MOST / LEAST, (double)i / (TENANTS - 1));
    for (int i = 0; i < atoi(argv[2]); i++)
        turn();
    report(argv[1]);
    edges_stop(&g);
    return 0;
}
