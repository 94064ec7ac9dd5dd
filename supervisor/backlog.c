#include "backlog.h"

#include "run/log.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

struct backlog backlog_of(int listening)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    if (getsockopt(listening, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
        return (struct backlog){0};
    return (struct backlog){.waiting = info.tcpi_unacked, .max = info.tcpi_sacked}; /* what they mean of a listener */
}

/* -> -1 when it can't be read */
static long long sysctl_of(const char *path)
{
    long long value = -1;
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%lld", &value) != 1)
        value = -1;
    if (f)
        fclose(f);
    return value;
}

void backlog_warn(int64_t asked)
{
    long long somaxconn = sysctl_of("/proc/sys/net/core/somaxconn");
    long long syn = sysctl_of("/proc/sys/net/ipv4/tcp_max_syn_backlog");
    long long cookies = sysctl_of("/proc/sys/net/ipv4/tcp_syncookies");
    if (somaxconn >= 0 && somaxconn < asked)
        log_warn("backlog_cut", "asked=%lld somaxconn=%lld more connections at once than that are dropped by the kernel and "
                                "come again after 1, 3, 7 s: sysctl net.core.somaxconn=%lld",
                 (long long)asked, somaxconn, (long long)asked);
    if (cookies == 0 && syn >= 0 && syn < asked) /* with cookies the queue of half-open ones has no end */
        log_warn("syn_backlog_short", "tcp_max_syn_backlog=%lld tcp_syncookies=0 half-open connections beyond that keep others out: "
                                      "sysctl net.ipv4.tcp_syncookies=1, or net.ipv4.tcp_max_syn_backlog=%lld",
                 syn, (long long)asked);
}
