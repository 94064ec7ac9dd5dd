/* CPU time of processes, from /proc: user and system, to 10 ms. */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include "core/buf.h"

#include <sys/types.h>

#define CPU_GROUPS_MAX 16
#define CPU_PIDS_MAX 256

/* Processes under one name; each stands for itself and all its descendants. */
struct cpu_group {
    char name[32];
    pid_t pids[CPU_PIDS_MAX];
    size_t n;
};

struct cpu_groups {
    struct cpu_group group[CPU_GROUPS_MAX];
    size_t n;
};

/* "gateway=12+13,worker=14"; "" is none. -> 0, or -EINVAL with what would be right in ret_error */
int cpu_groups_parse(const char *text, struct cpu_groups *ret_groups, struct buf *ret_error);
/* -> seconds, 0 for a process that is gone */
double cpu_seconds(pid_t pid);
/* With all its descendants. */
double cpu_tree_seconds(pid_t pid);
double cpu_group_seconds(const struct cpu_group *g);
/* The machine's since its start, over all cores. -> false when /proc does not tell */
bool cpu_machine(double *ret_busy_s, double *ret_idle_s);

#endif
