#include "cpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int refuse(struct buf *ret_error, const char *text)
{
    buf_printf(ret_error,
               "--cpu: \"%s\" will not do; right would be NAME=PID+PID,NAME=PID: at most %d "
               "names of %d processes",
               text, CPU_GROUPS_MAX, CPU_PIDS_MAX);
    return -EINVAL;
}

/* "12+13" up to a comma or the end. -> what follows, NULL when it is not that */
static const char *parse_pids(const char *at, struct cpu_group *g)
{
    for (;;) {
        char *end;
        long pid = strtol(at, &end, 10);
        if (end == at || pid <= 0 || g->n == CPU_PIDS_MAX)
            return NULL;
        g->pids[g->n++] = (pid_t)pid;
        if (*end != '+')
            return *end == ',' || !*end ? end : NULL;
        at = end + 1;
    }
}

int cpu_groups_parse(const char *text, struct cpu_groups *ret_groups, struct buf *ret_error)
{
    struct cpu_groups *all = ret_groups;
    all->n = 0;
    for (const char *at = text; *at;) {
        const char *equals = strchr(at, '=');
        struct cpu_group *g = &all->group[all->n];
        size_t n = equals ? (size_t)(equals - at) : 0;
        if (n == 0 || n >= sizeof g->name || all->n == CPU_GROUPS_MAX)
            return refuse(ret_error, text);
        *g = (struct cpu_group){0};
        memcpy(g->name, at, n);
        at = parse_pids(equals + 1, g);
        if (!at)
            return refuse(ret_error, text);
        all->n++;
        at += *at == ',';
    }
    return 0;
}

double cpu_seconds(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user, system;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    const char *at = strrchr(text, ')'); /* a name may hold anything */
    if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                      &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

double cpu_tree_seconds(pid_t pid)
{
    char path[64];
    int child;
    double sum = cpu_seconds(pid);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fscanf(f, "%d", &child) == 1)
        sum += cpu_tree_seconds(child);
    if (f)
        fclose(f);
    return sum;
}

double cpu_group_seconds(const struct cpu_group *g)
{
    double sum = 0;
    for (size_t i = 0; i < g->n; i++)
        sum += cpu_tree_seconds(g->pids[i]);
    return sum;
}

bool cpu_machine(double *ret_busy_s, double *ret_idle_s)
{
    unsigned long long t[8] = {0};
    FILE *f = fopen("/proc/stat", "re");
    int n = f ? fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2],
                       &t[3], &t[4], &t[5], &t[6], &t[7])
              : 0;
    if (f)
        fclose(f);
    if (n < 5)
        return false;
    double tick = (double)sysconf(_SC_CLK_TCK);
    *ret_idle_s = (double)(t[3] + t[4]) / tick;
    *ret_busy_s = (double)(t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) / tick;
    return true;
}
