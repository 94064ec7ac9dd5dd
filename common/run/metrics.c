#include "run/metrics.h"

#include "core/clock.h"
#include "core/list.h"
#include "core/map.h"
#include "run/process.h"
#include "wire/messages.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* 64, 92, 128, 184, 256, … : the steps of struct histogram that are next to half powers of two
 */
#define BUCKET_FIRST_US 64
#define BUCKET_LAST_US (64ULL << 19) /* 33.6 s */

/* ---- snapshot of this process */

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static void put_cells(const struct histogram *h, struct buf *into)
{
    for (uint32_t i = 0; i < HISTOGRAM_CELLS; i++) {
        struct metric_cell cell = {.cell = i, .count = h->cells[i]};
        if (cell.count)
            wire_put_metric_cell(into, &cell);
    }
}

/* component: "" for metrics that are the same in every process */
static void put_metric(const char *component, const struct metric_spec *spec,
                       const void *metrics, struct buf *into)
{
    const void *field = (const char *)metrics + spec->offset;
    struct metric m = {.kind = (uint8_t)spec->kind, .help = bytes_str(spec->help)};
    char name[128];
    struct buf cells;
    buf_init(&cells);
    int n =
        snprintf(name, sizeof name, "%s%s%s", component, component[0] ? "_" : "", spec->name);
    assert(n > 0 && (size_t)n < sizeof name);
    for (char *c = name; *c; c++)
        if (*c == '-')
            *c = '_';
    m.name = bytes_str(name);
    if (spec->kind == METRIC_HISTOGRAM) {
        const struct histogram *h = field;
        put_cells(h, &cells);
        m.value = h->count;
        m.sum_us = h->sum_us;
        m.cells = buf_bytes(&cells);
    } else {
        memcpy(&m.value, field, sizeof m.value);
    }
    wire_put_metric(into, &m);
    buf_fini(&cells);
}

struct process_metrics {
    int64_t resident_bytes, open_fds, max_fds, start_time_us;
    uint64_t cpu_us;
};

static const struct metric_spec process_specs[] = {
    {METRIC_GAUGE, "process_resident_memory_bytes",
     offsetof(struct process_metrics, resident_bytes), "memory of the process that is in RAM"},
    {METRIC_GAUGE, "process_open_fds", offsetof(struct process_metrics, open_fds),
     "open descriptors"},
    {METRIC_GAUGE, "process_max_fds", offsetof(struct process_metrics, max_fds),
     "most descriptors it may open"},
    {METRIC_GAUGE_US, "process_start_time_seconds",
     offsetof(struct process_metrics, start_time_us), "when the process began, since 1970"},
    {METRIC_COUNTER_US, "process_cpu_seconds_total", offsetof(struct process_metrics, cpu_us),
     "CPU time, user and system"},
};

#define FDS "/proc/self/fd"

static int64_t walk_fds(void)
{
    DIR *dir = opendir(FDS);
    int64_t n = 0;
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the directory's own */
}

/* Since Linux 6.2 the directory's size is their number. To walk it makes the kernel keep a
 * dentry and an inode, 2 KB, for each of them. */
static int64_t count_fds(void)
{
    struct stat s;
    return stat(FDS, &s) == 0 && s.st_size > 0 ? s.st_size : walk_fds();
}

static int64_t resident_bytes(void)
{
    long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%*s %lld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

/* Field 22 of /proc/self/stat is in clock ticks since boot. */
static int64_t start_time_us(void)
{
    char line[1024];
    unsigned long long ticks = 0;
    FILE *f = fopen("/proc/self/stat", "re");
    size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
    line[n] = 0;
    if (f)
        fclose(f);
    const char *at = strrchr(line, ')'); /* the name before it may hold spaces */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at || sscanf(at, "%llu", &ticks) != 1)
        return 0;
    int64_t since_boot_us =
        (int64_t)(ticks * 1000000ULL / (unsigned long long)sysconf(_SC_CLK_TCK));
    return (clock_real_ns() - clock_ns(CLOCK_BOOTTIME)) / NS_PER_US + since_boot_us;
}

static uint64_t timeval_us(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec;
}

static void put_process(struct buf *into)
{
    static int64_t began_us;
    struct rusage used;
    if (!began_us)
        began_us = start_time_us();
    getrusage(RUSAGE_SELF, &used);
    struct process_metrics m = {
        .resident_bytes = resident_bytes(),
        .open_fds = count_fds(),
        .max_fds = process_nofile(),
        .start_time_us = began_us,
        .cpu_us = timeval_us(used.ru_utime) + timeval_us(used.ru_stime),
    };
    for (size_t i = 0; i < sizeof process_specs / sizeof *process_specs; i++)
        put_metric("", &process_specs[i], &m, into);
}

void metrics_snapshot(const char *component, const struct metric_spec *specs, size_t n_specs,
                      const void *metrics, struct buf *into)
{
    for (size_t i = 0; i < n_specs; i++) {
        const struct metric_spec *s = &specs[i];
        bool counter = s->kind == METRIC_COUNTER || s->kind == METRIC_COUNTER_US;
        bool seconds = s->kind == METRIC_HISTOGRAM || s->kind == METRIC_GAUGE_US;
        assert(ends_with(s->name, "_total") == counter &&
               "a counter ends in _total, nothing else does");
        assert((!seconds || ends_with(s->name, "_seconds")) && "a duration ends in _seconds");
        assert(s->help[0]);
        put_metric(component, s, metrics, into);
    }
    put_process(into);
}

/* ---- page of many processes */

struct family {
    struct map_node by_name; /* struct metrics_page::families */
    struct list in_order;    /* struct metrics_page::order */
    struct bytes name;       /* owned */
    enum metric_kind kind;
    struct buf help, samples;
};

struct metrics_page {
    struct map families; /* struct family::by_name */
    struct list order;   /* struct family::in_order, as first seen */
};

struct metrics_page *metrics_page_new(void)
{
    struct metrics_page *p = calloc(1, sizeof *p);
    assert(p);
    map_init(&p->families);
    list_init(&p->order);
    return p;
}

void metrics_page_free(struct metrics_page *p)
{
    struct family *f, *spare;
    if (!p)
        return;
    list_for_each_safe (f, spare, &p->order, in_order) {
        buf_fini(&f->help);
        buf_fini(&f->samples);
        free((char *)f->name.p);
        free(f);
    }
    map_fini(&p->families);
    free(p);
}

static struct family *family_of(struct metrics_page *p, const struct metric *m)
{
    struct family *f = map_find_bytes(&p->families, m->name, struct family, by_name, name);
    if (f)
        return f;
    f = calloc(1, sizeof *f);
    char *name = strndup(m->name.p, m->name.n);
    assert(f && name);
    f->name = bytes_of(name, m->name.n);
    f->kind = (enum metric_kind)m->kind;
    for (size_t i = 0; i < m->help.n; i++) {
        char c = m->help.p[i];
        buf_append_str(&f->help, c == '\\' ? "\\\\" : c == '\n' ? "\\n" : (char[]){c, 0});
    }
    map_insert(&p->families, &f->by_name, hash_bytes(f->name));
    list_append(&p->order, &f->in_order);
    return f;
}

/* -> bytes of the name that stands first */
static size_t name_length(struct bytes s)
{
    size_t i = 0;
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
              (c >= '0' && c <= '9' && i > 0)))
            break;
    }
    return i;
}

/* -> bytes of the quoted text that stands first, its quotes included; 0 when it is none */
static size_t quoted_length(struct bytes s)
{
    if (s.n == 0 || s.p[0] != '"')
        return 0;
    for (size_t i = 1; i < s.n && (unsigned char)s.p[i] >= ' '; i++) {
        if (s.p[i] == '"')
            return i + 1;
        if (s.p[i] == '\\' && (++i == s.n || !strchr("\\\"n", s.p[i]) || !s.p[i]))
            return 0;
    }
    return 0;
}

static struct bytes behind(struct bytes s, size_t n)
{
    return bytes_of(s.p + n, s.n - n);
}

/* name="text", parted by commas */
static bool labels_valid(struct bytes labels)
{
    while (labels.n) {
        size_t n = name_length(labels);
        if (n == 0 || n == labels.n || labels.p[n] != '=')
            return false;
        labels = behind(labels, n + 1);
        n = quoted_length(labels);
        if (n == 0 || (n < labels.n && (labels.p[n] != ',' || n + 1 == labels.n)))
            return false;
        labels = behind(labels, n < labels.n ? n + 1 : n);
    }
    return true;
}

static bool cells_valid(struct bytes cells)
{
    struct metric_cell cell;
    int more;
    while ((more = wire_next_metric_cell(&cells, &cell)) > 0)
        if (cell.cell >= HISTOGRAM_CELLS)
            return false;
    return more == 0;
}

static bool metric_valid(const struct metric *m)
{
    return m->name.n > 0 && name_length(m->name) == m->name.n && m->kind >= METRIC_COUNTER &&
           m->kind <= METRIC_GAUGE_US && labels_valid(m->labels) && cells_valid(m->cells);
}

static bool snapshot_valid(struct metrics_page *p, struct bytes snapshot)
{
    struct metric m;
    int more;
    while ((more = wire_next_metric(&snapshot, &m)) > 0) {
        if (!metric_valid(&m))
            return false;
        const struct family *f =
            map_find_bytes(&p->families, m.name, struct family, by_name, name);
        if (f && f->kind != m.kind)
            return false;
    }
    return more == 0;
}

/* cellcast_NAME[SUFFIX]{own labels,labels of the process[,le="…"]} and a space */
static void put_sample_head(struct family *f, const char *suffix, const struct metric *m,
                            const char *labels, const char *le)
{
    const char *comma = "";
    struct buf *into = &f->samples;
    buf_printf(into, "cellcast_%.*s%s", BYTES_FMT(f->name), suffix);
    if (m->labels.n || labels[0] || le) {
        buf_append_char(into, '{');
        if (labels[0]) {
            buf_append_str(into, labels);
            comma = ",";
        }
        if (m->labels.n) {
            buf_append_str(into, comma);
            buf_append_bytes(into, m->labels);
            comma = ",";
        }
        if (le)
            buf_printf(into, "%sle=\"%s\"", comma, le);
        buf_append_char(into, '}');
    }
    buf_append_char(into, ' ');
}

static void put_histogram(struct family *f, const struct metric *m, const char *labels)
{
    struct histogram h = {0};
    struct bytes cells = m->cells;
    struct metric_cell cell;
    char le[32];
    while (wire_next_metric_cell(&cells, &cell) > 0) {
        h.cells[cell.cell] += cell.count;
        h.count += cell.count;
    }
    for (uint64_t octave = BUCKET_FIRST_US; octave <= BUCKET_LAST_US; octave *= 2) {
        for (int half = 0; half < 2 && (half == 0 || octave < BUCKET_LAST_US); half++) {
            uint64_t edge = half ? octave / 16 * 23 : octave;
            snprintf(le, sizeof le, "%.9g", (double)edge / 1e6);
            put_sample_head(f, "_bucket", m, labels, le);
            /* A value of 63 stands for what took less than 64 µs. */
            buf_printf(&f->samples, "%" PRIu64 "\n", histogram_at_most(&h, edge - 1));
        }
    }
    put_sample_head(f, "_bucket", m, labels, "+Inf");
    buf_printf(&f->samples, "%" PRIu64 "\n", h.count);
    put_sample_head(f, "_sum", m, labels, NULL);
    buf_printf(&f->samples, "%.6f\n", (double)m->sum_us / 1e6);
    put_sample_head(f, "_count", m, labels, NULL);
    buf_printf(&f->samples, "%" PRIu64 "\n", h.count);
}

static void put_number(struct family *f, const struct metric *m, const char *labels)
{
    put_sample_head(f, "", m, labels, NULL);
    switch (f->kind) {
    case METRIC_GAUGE:
        buf_printf(&f->samples, "%" PRId64 "\n", (int64_t)m->value);
        break;
    case METRIC_GAUGE_US:
        buf_printf(&f->samples, "%.6f\n", (double)(int64_t)m->value / 1e6);
        break;
    case METRIC_COUNTER_US:
        buf_printf(&f->samples, "%.6f\n", (double)m->value / 1e6);
        break;
    default:
        buf_printf(&f->samples, "%" PRIu64 "\n", m->value);
    }
}

int metrics_page_add(struct metrics_page *p, const char *labels, struct bytes snapshot)
{
    struct metric m;
    if (!snapshot_valid(p, snapshot))
        return -EBADMSG;
    while (wire_next_metric(&snapshot, &m) > 0) {
        struct family *f = family_of(p, &m);
        if (f->kind != m.kind)
            continue; /* the same name twice in one snapshot, as two kinds */
        if (f->kind == METRIC_HISTOGRAM)
            put_histogram(f, &m, labels);
        else
            put_number(f, &m, labels);
    }
    return 0;
}

void metrics_page_render(struct metrics_page *p, struct buf *into)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter",     [METRIC_GAUGE] = "gauge",
        [METRIC_HISTOGRAM] = "histogram", [METRIC_COUNTER_US] = "counter",
        [METRIC_GAUGE_US] = "gauge",
    };
    struct family *f;
    list_for_each (f, &p->order, in_order) {
        buf_printf(into, "# HELP cellcast_%.*s %.*s\n# TYPE cellcast_%.*s %s\n",
                   BYTES_FMT(f->name), BYTES_FMT(buf_bytes(&f->help)), BYTES_FMT(f->name),
                   types[f->kind]);
        buf_append_bytes(into, buf_bytes(&f->samples));
    }
}
