#include "gate.h"

#include <assert.h>
#include <ctype.h>
#include <strings.h>

void gate_init(struct gate *g)
{
    *g = (struct gate){.standbys = 0};
    for (unsigned i = 0; i < SHARDS; i++)
        list_init(&g->waiting[i]);
}

void gate_reset(struct gate *g)
{
    assert(g->count == 0);
    gate_init(g);
}

void gate_add(struct gate *g, struct message *m)
{
    assert(m->row.shard < SHARDS && !list_is_linked(&m->gate_link));
    list_append(&g->waiting[m->row.shard], &m->gate_link);
    g->occupied |= 1ull << m->row.shard;
    g->count++;
}

void gate_heard(struct gate *g, unsigned shard, uint64_t last_id)
{
    if (shard < SHARDS && last_id > g->last_id[shard])
        g->last_id[shard] = last_id;
}

void gate_heard_standbys(struct gate *g, uint64_t standbys)
{
    g->standbys = standbys;
}

/* The server's own disk has it in any case: only flushed WAL is decoded, and a commit is
 * flushed before it is visible. */
static bool may_go(const struct gate *g, const struct message *m)
{
    if (m->row.id > g->last_id[m->row.shard])
        return false;
    return g->standbys == LSN_EVERYWHERE || (m->lsn != 0 && m->lsn <= g->standbys);
}

static struct message *take(struct gate *g, struct message *m)
{
    unsigned shard = m->row.shard;
    list_remove(&m->gate_link);
    if (list_is_empty(&g->waiting[shard]))
        g->occupied &= ~(1ull << shard);
    g->count--;
    return m;
}

struct message *gate_take(struct gate *g)
{
    for (uint64_t left = g->occupied & ~g->shut; left; left &= left - 1) {
        struct list *waiting = &g->waiting[__builtin_ctzll(left)];
        struct message *m = list_first(waiting, struct message, gate_link);
        if (may_go(g, m))
            return take(g, m);
    }
    return NULL;
}

struct message *gate_drop(struct gate *g)
{
    if (!g->occupied)
        return NULL;
    return take(
        g, list_first(&g->waiting[__builtin_ctzll(g->occupied)], struct message, gate_link));
}

int64_t gate_oldest_ns(const struct gate *g)
{
    int64_t oldest = INT64_MAX;
    for (uint64_t left = g->occupied; left; left &= left - 1) {
        const struct list *waiting = &g->waiting[__builtin_ctzll(left)];
        const struct message *m = list_first(waiting, struct message, gate_link);
        if (m->decoded_ns < oldest)
            oldest = m->decoded_ns;
    }
    return oldest;
}

/* How many standbys the setting waits for (PostgreSQL 15, 20.6.2): `FIRST n (…)`, `ANY n (…)`,
 * `n (…)`, or a bare list, which means FIRST 1. A quoted name may look like anything, but then
 * no number and bracket follow. */
static unsigned standbys_asked(struct bytes names)
{
    size_t at = 0;
    while (at < names.n && isspace((unsigned char)names.p[at]))
        at++;
    if (at == names.n)
        return 0;
    if (names.n - at > 6 && strncasecmp(names.p + at, "first ", 6) == 0)
        at += 6;
    else if (names.n - at > 4 && strncasecmp(names.p + at, "any ", 4) == 0)
        at += 4;
    while (at < names.n && isspace((unsigned char)names.p[at]))
        at++;
    unsigned n = 0;
    size_t digits = at;
    while (at < names.n && isdigit((unsigned char)names.p[at]) && n < 100000)
        n = n * 10 + (unsigned)(names.p[at++] - '0');
    bool number = at > digits;
    while (at < names.n && isspace((unsigned char)names.p[at]))
        at++;
    return number && at < names.n && names.p[at] == '(' && n > 0 ? n : 1;
}

uint64_t gate_standbys(struct bytes names, struct bytes lsns)
{
    unsigned asked = standbys_asked(names);
    if (asked == 0)
        return LSN_EVERYWHERE;
    /* The asked-for'th of the descending list: with FIRST the standbys named sync are as many
     * as asked for, so it is the slowest of them; with ANY it is the position that enough of
     * them have passed. */
    while (lsns.n) {
        const char *space = memchr(lsns.p, ' ', lsns.n);
        struct bytes one = bytes_of(lsns.p, space ? (size_t)(space - lsns.p) : lsns.n);
        uint64_t lsn;
        if (!bytes_u64(one, &lsn))
            return 0;
        if (--asked == 0)
            return lsn;
        size_t used = one.n + (space ? 1 : 0);
        lsns = bytes_of(lsns.p + used, lsns.n - used);
    }
    return 0;
}
