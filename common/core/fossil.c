#include "core/fossil.h"

#define KEY 8          /* bytes that a place in the base is found by */
#define WORTH 12       /* a shorter copy saves nothing: two integers, two marks, and the head of the literal behind it */
#define PLACES_BITS 12
#define PLACES (1u << PLACES_BITS)

struct copy {
    size_t from, to, n; /* place in the base, place in the target, bytes */
};

struct encoder {
    struct buf *into;
    struct bytes base, target;
    enum fossil_cut cut;
    size_t told;             /* bytes of the target that stand in the delta */
    size_t next;             /* of the base, behind the last copy: what was replaced by as much goes on there */
    uint32_t places[PLACES]; /* place in the base + 1, by the hash of the KEY bytes there */
};

/* ---- writing */

static void put_integer(struct buf *b, uint32_t v)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
    char text[6];
    size_t at = sizeof text;
    do {
        text[--at] = digits[v & 63];
        v >>= 6;
    } while (v);
    buf_append(b, text + at, sizeof text - at);
}

static void put_literal(struct encoder *e, size_t end)
{
    size_t n = end - e->told;
    if (n == 0)
        return;
    put_integer(e->into, (uint32_t)n);
    buf_append_char(e->into, ':');
    buf_append(e->into, e->target.p + e->told, n);
    e->told = end;
}

static void put_copy(struct encoder *e, const struct copy *c)
{
    put_literal(e, c->to);
    put_integer(e->into, (uint32_t)c->n);
    buf_append_char(e->into, '@');
    put_integer(e->into, (uint32_t)c->from);
    buf_append_char(e->into, ',');
    e->told = c->to + c->n;
    e->next = c->from + c->n;
}

static uint32_t checksum(struct bytes s)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < s.n; i++)
        sum += (uint32_t)(unsigned char)s.p[i] << (24 - 8 * (i & 3));
    return sum;
}

/* ---- what is the same */

static size_t same_ahead(struct bytes a, size_t at, struct bytes b, size_t bt, size_t most)
{
    size_t n = 0;
    while (n < most && a.p[at + n] == b.p[bt + n])
        n++;
    return n;
}

static size_t same_behind(struct bytes a, size_t at, struct bytes b, size_t bt, size_t most)
{
    size_t n = 0;
    while (n < most && a.p[at - n - 1] == b.p[bt - n - 1])
        n++;
    return n;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Bytes 10xxxxxx go on with a code point. */
static bool splits(const struct encoder *e, size_t at)
{
    return e->cut == FOSSIL_POINTS && at < e->target.n && ((unsigned char)e->target.p[at] & 0xc0) == 0x80;
}

/* Cut to whole code points. -> whether it is worth its place */
static bool is_worth(const struct encoder *e, struct copy *c)
{
    while (c->n && splits(e, c->to)) {
        c->from++;
        c->to++;
        c->n--;
    }
    while (c->n && splits(e, c->to + c->n))
        c->n--;
    return c->n >= WORTH;
}

/* ---- what moved */

static uint64_t load_key(const char *p)
{
    uint64_t key;
    memcpy(&key, p, KEY);
    return key;
}

static uint32_t place_of(const char *p)
{
    return (uint32_t)(load_key(p) * 0x9e3779b97f4a7c15ULL >> (64 - PLACES_BITS));
}

/* As many places as the table has, evenly spread; of equal ones the first is kept. */
static void index_base(struct encoder *e)
{
    size_t step = e->base.n / PLACES + 1;
    memset(e->places, 0, sizeof e->places);
    for (size_t i = (e->base.n - KEY) / step + 1; i-- > 0;)
        e->places[place_of(e->base.p + i * step)] = (uint32_t)(i * step + 1);
}

/* The longest piece of the base around `from` that stands in the untold part of the target around `to`. */
static bool grow(const struct encoder *e, size_t from, size_t to, size_t end, struct copy *ret)
{
    if (from + KEY > e->base.n || load_key(e->base.p + from) != load_key(e->target.p + to))
        return false;
    size_t back = same_behind(e->base, from, e->target, to, least(from, to - e->told));
    size_t ahead = same_ahead(e->base, from, e->target, to, least(e->base.n - from, end - to));
    struct copy c = {.from = from - back, .to = to - back, .n = back + ahead};
    if (!is_worth(e, &c))
        return false;
    *ret = c;
    return true;
}

static bool find(const struct encoder *e, size_t to, size_t end, struct copy *ret)
{
    uint32_t place = e->places[place_of(e->target.p + to)];
    return grow(e, e->next + (to - e->told), to, end, ret) || (place && grow(e, place - 1, to, end, ret));
}

static void tell_moved(struct encoder *e, size_t end)
{
    struct copy c;
    if (e->base.n < KEY || end - e->told < WORTH)
        return;
    index_base(e);
    for (size_t to = e->told; to + KEY <= end;) {
        bool found = find(e, to, end, &c);
        if (found)
            put_copy(e, &c);
        to = found ? e->told : to + 1;
    }
}

void fossil_encode(struct buf *into, struct bytes base, struct bytes target, enum fossil_cut cut)
{
    struct encoder e;
    e.into = into;
    e.base = base;
    e.target = target;
    e.cut = cut;
    e.told = e.next = 0;
    size_t both = least(base.n, target.n);
    struct copy head = {.n = same_ahead(base, 0, target, 0, both)};
    size_t tail_n = same_behind(base, base.n, target, target.n, both - head.n);
    struct copy tail = {.from = base.n - tail_n, .to = target.n - tail_n, .n = tail_n};
    bool ends_alike = is_worth(&e, &tail);
    put_integer(into, (uint32_t)target.n);
    buf_append_char(into, '\n');
    if (is_worth(&e, &head))
        put_copy(&e, &head);
    tell_moved(&e, ends_alike ? tail.to : target.n);
    if (ends_alike)
        put_copy(&e, &tail);
    put_literal(&e, target.n);
    put_integer(into, checksum(target));
    buf_append_char(into, ';');
}
