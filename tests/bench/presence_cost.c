/* CPU of presence in one channel, for bench_presence.py: members come over one gateway, are counted and listed, the gateway
 * is killed, half of them return over another one, the others' leaves are told in the end. And what it costs when they are
 * gone from another cell, and come over into this one.
 *
 *     presence_cost MEMBERS PUSHES-PER-S */
#include "presence.h"

#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define S NS_PER_S
#define LINGER_MS 15000
#define ROUNDS 1000

static struct presence p;
static unsigned long long told, counts, pushed; /* pushed: joins and leaves × members */

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void on_told(void *owner, struct bytes channel, struct bytes info, bool joined)
{
    told++;
    pushed += p.entries;
}

static void on_counts(void *owner, struct bytes channel, uint32_t clients, uint32_t users)
{
    counts++;
}

static void on_abroad(void *owner, struct bytes channel, const struct presence_news *m)
{
}

static const struct presence_ports ports = {.told = on_told, .counts = on_counts, .abroad = on_abroad};

static void come(struct lease *l, const char *gateway, int i, uint32_t pushes)
{
    char client[40], user[16], info[120];
    snprintf(client, sizeof client, "%s-0000-4000-8000-%012d", gateway, i);
    snprintf(user, sizeof user, "user-%d", i);
    snprintf(info, sizeof info, "{\"user\":\"%s\",\"client\":\"%s\"}", user, client);
    presence_set(&p, l,
                 &(struct fan_presence_set){.channel = BYTES("default/news"),
                                            .client = bytes_str(client),
                                            .user = bytes_str(user),
                                            .info = bytes_str(info),
                                            .tells = 1,
                                            .linger_ms = LINGER_MS,
                                            .pushes = pushes});
}

static double ask(uint64_t after, uint32_t limit, uint32_t users)
{
    static struct buf into;
    struct fan_presence answer;
    int64_t start = cpu_ns();
    for (int i = 0; i < ROUNDS; i++) {
        buf_clear(&into);
        presence_answer(&p, &(struct fan_ask_presence){.channel = BYTES("default/news"), .after = after, .limit = limit, .bytes = UINT32_MAX, .users = users},
                        (struct presence_since){0, 1}, &into, &answer);
    }
    return (double)(cpu_ns() - start) / ROUNDS;
}

/* The longest tick until nothing changes any more. */
static double tick_all(int64_t *now_ns)
{
    int64_t worst = 0;
    size_t before;
    do {
        before = p.entries;
        for (int i = 0; i < 200; i++) {
            p.now_ns = *now_ns += 50 * NS_PER_MS;
            int64_t start = cpu_ns();
            presence_tick(&p);
            if (cpu_ns() - start > worst)
                worst = cpu_ns() - start;
        }
    } while (p.entries < before || !list_is_empty(&p.lingering));
    return (double)worst;
}

static void be_gone_elsewhere(int i)
{
    char client[40], user[16], info[120];
    snprintf(client, sizeof client, "cccccccc-0000-4000-8000-%012d", i);
    snprintf(user, sizeof user, "user-%d", i);
    snprintf(info, sizeof info, "{\"user\":\"%s\",\"client\":\"%s\"}", user, client);
    presence_hear(&p, BYTES("default/news"),
                  &(struct presence_news){.what = NEWS_GONE,
                                          .client = bytes_str(client),
                                          .info = bytes_str(info),
                                          .user = bytes_str(user),
                                          .place = bytes_str(client),
                                          .announced = bytes_str(info),
                                          .linger_ms = LINGER_MS});
}

/* From an empty worker on. -> how many of them joined */
static unsigned long long move_over(int members, uint32_t pushes, double *ret_gone_ns, double *ret_over_ns)
{
    presence_init(&p, &ports, NULL, 5 * S, (size_t)1 << 32);
    p.now_ns = 1000 * S;
    struct lease *l = presence_hello(&p, BYTES("b-1"), 1);
    told = 0;
    int64_t start = cpu_ns();
    for (int i = 0; i < members; i++)
        be_gone_elsewhere(i);
    *ret_gone_ns = (double)(cpu_ns() - start) / members;
    start = cpu_ns();
    for (int i = 0; i < members; i++)
        come(l, "dddddddd", i, pushes);
    *ret_over_ns = (double)(cpu_ns() - start) / members;
    presence_fini(&p);
    return told;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int members = atoi(argv[1]);
    uint32_t pushes = (uint32_t)atoi(argv[2]);
    int64_t now_ns = 1000 * S;
    presence_init(&p, &ports, NULL, 5 * S, (size_t)1 << 32);
    p.now_ns = now_ns;
    struct lease *a = presence_hello(&p, BYTES("a-1"), 1), *b = presence_hello(&p, BYTES("a-2"), 2);
    int64_t start = cpu_ns();
    for (int i = 0; i < members; i++)
        come(a, "aaaaaaaa", i, pushes);
    double join_ns = (double)(cpu_ns() - start) / members;
    size_t bytes = p.bytes;
    double count_ns = ask(0, 0, 0), page_ns = ask((uint64_t)members / 2, 1000, 0), users_ns = ask(0, 0, UINT32_MAX);
    unsigned long long joins = told, joins_pushed = pushed;
    told = pushed = 0;
    presence_lost(&p, a);
    start = cpu_ns();
    for (int i = 0; i < members / 2; i++)
        come(b, "bbbbbbbb", i, pushes);
    double return_ns = (double)(cpu_ns() - start) / (members / 2);
    unsigned long long told_on_return = told;
    double tick_ns = tick_all(&now_ns), gone_ns, over_ns;
    unsigned long long leaves = told, leaves_pushed = pushed;
    size_t left = p.entries;
    presence_fini(&p);
    unsigned long long told_on_move = move_over(members, pushes, &gone_ns, &over_ns);
    printf("{\"members\":%d,\"join_ns\":%.0f,\"return_ns\":%.0f,\"count_ns\":%.0f,\"page_us\":%.1f,\"users_us\":%.1f,\"longest_tick_us\":%.0f,"
           "\"bytes\":%zu,\"joins\":%llu,\"joins_pushed\":%llu,\"told_on_return\":%llu,\"leaves\":%llu,\"leaves_pushed\":%llu,"
           "\"left\":%zu,\"gone_elsewhere_ns\":%.0f,\"over_ns\":%.0f,\"told_on_move\":%llu}\n",
           members, join_ns, return_ns, count_ns, page_ns / 1000, users_ns / 1000, tick_ns / 1000, bytes / (size_t)members, joins, joins_pushed,
           told_on_return, leaves, leaves_pushed, left, gone_ns, over_ns, told_on_move);
    return 0;
}
