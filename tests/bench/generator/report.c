#include "report.h"

#include <stdio.h>

void report_merge(struct report *into, const struct report *from)
{
#define COUNT(group, field, help) into->field += from->field;
#include "counts.def"
#undef COUNT
    into->limits |= from->limits;
    histogram_merge(&into->kernel, &from->kernel);
    histogram_merge(&into->user, &from->user);
    histogram_merge(&into->back, &from->back);
    histogram_merge(&into->losing, &from->losing);
    histogram_merge(&into->trying, &from->trying);
    histogram_merge(&into->storm, &from->storm);
}

static void append_count(struct buf *into, const char **group, const char *of, const char *name,
                         uint64_t value)
{
    if (!*group || strcmp(*group, of) != 0)
        buf_printf(into, "%s\"%s\":{", *group ? "}," : "", of);
    else
        buf_append_char(into, ',');
    *group = of;
    buf_printf(into, "\"%s\":%llu", name, (unsigned long long)value);
}

void report_append_counts(struct buf *into, const struct report *r)
{
    const char *group = NULL;
#define COUNT(group_, field, help) append_count(into, &group, #group_, #field, r->field);
#include "counts.def"
#undef COUNT
    buf_append_char(into, '}');
}

void report_append_histogram(struct buf *into, const struct histogram *h)
{
    static const struct {
        const char *name;
        double quantile;
    } points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}};
    if (h->count == 0) {
        buf_append_str(into, "null");
        return;
    }
    buf_printf(into, "{\"count\":%llu", (unsigned long long)h->count);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        buf_printf(into, ",\"%s\":%llu", points[i].name,
                   (unsigned long long)histogram_quantile(h, points[i].quantile));
    buf_printf(into, ",\"max\":%llu}", (unsigned long long)h->max_us);
}

static void append_steps(struct buf *into, const char *name, const struct histogram *h,
                         uint64_t until_us)
{
    uint64_t step = CURVE_STEP_MS * 1000, end = 0;
    buf_printf(into, ",\"%s\":[", name);
    for (size_t i = 0; i < CURVE_STEPS && end < until_us; i++) {
        end += step;
        uint64_t n = end < h->max_us ? histogram_at_most(h, end) : h->count;
        buf_printf(into, "%s%llu", i ? "," : "", (unsigned long long)n);
    }
    buf_append_char(into, ']');
}

void report_append_curve(struct buf *into, const struct report *r)
{
    buf_printf(into, "{\"step_ms\":%d", CURVE_STEP_MS);
    append_steps(into, "lost", &r->losing, r->storm.max_us);
    append_steps(into, "tries", &r->trying, r->storm.max_us);
    append_steps(into, "back", &r->storm, r->storm.max_us);
    buf_append_char(into, '}');
}
