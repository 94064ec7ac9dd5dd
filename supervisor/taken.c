#include "taken.h"

#include "core/clock.h"

static bool refuses(const struct child *c, uint64_t version)
{
    return c->config.refused && c->config.refused == version;
}

static bool goes_by(const struct child *c, uint64_t version)
{
    return !c->config.says || (c->config.version == version && !refuses(c, version));
}

bool taken_by_all(const struct cell *cell, uint64_t version)
{
    const struct child *c;
    for cell_each_gateway (c, cell)
        if (cell_counts(cell, c) && !goes_by(c, version))
            return false;
    return true;
}

bool taken_not(const struct child *c, uint64_t version, int64_t now_ns, struct buf *ret_text)
{
    const struct child_config *config = &c->config;
    bool refused = refuses(c, version);
    int64_t ms = (now_ns - config->told_ns) / NS_PER_MS;
    if (goes_by(c, version) || (!refused && (config->told != version || ms < TAKEN_PATIENCE_MS)))
        return false;
    if (refused)
        buf_printf(ret_text, "%s refuses configuration %llu", c->name, (unsigned long long)version);
    else
        buf_printf(ret_text, "%s has not taken configuration %llu for %lld s", c->name, (unsigned long long)version,
                   (long long)ms / 1000);
    if (config->version)
        buf_printf(ret_text, " and goes on by %llu", (unsigned long long)config->version);
    else
        buf_append_str(ret_text, " and has none");
    if (refused)
        buf_printf(ret_text, ": %.*s", BYTES_FMT(buf_bytes(&config->why)));
    return true;
}

unsigned taken_count_not(const struct cell *cell, uint64_t version, int64_t now_ns)
{
    const struct child *c;
    struct buf unused = {0};
    unsigned n = 0;
    for cell_each_gateway (c, cell)
        n += cell_counts(cell, c) && taken_not(c, version, now_ns, &unused);
    buf_fini(&unused);
    return n;
}
