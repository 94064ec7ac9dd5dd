#include "vacancy.h"

#include <assert.h>
#include <stdlib.h>

void vacancies_init(struct vacancies *v)
{
    *v = (struct vacancies){0};
    map_init(&v->by_look);
    map_init(&v->by_client);
    list_init(&v->all);
}

void vacancy_free(struct vacancy *one)
{
    free(one);
}

static void take_out(struct vacancies *v, struct vacancy *one)
{
    map_remove(&v->by_look, &one->by_look);
    map_remove(&v->by_client, &one->by_client);
    list_remove(&one->link);
    v->bytes -= one->bytes;
}

static void drop(struct vacancies *v, struct vacancy *one)
{
    take_out(v, one);
    vacancy_free(one);
}

void vacancies_fini(struct vacancies *v)
{
    struct vacancy *one;
    while ((one = list_first(&v->all, struct vacancy, link)))
        drop(v, one);
    map_fini(&v->by_look);
    map_fini(&v->by_client);
    buf_fini(&v->scratch);
}

/* ---- keys */

/* Parted by NUL, which is in no channel and in no JSON. -> false: he does not look like anybody */
static bool put_look(struct buf *into, struct bytes channel, struct bytes user, struct bytes info, struct bytes client)
{
    const char *at = client.n && info.n ? memmem(info.p, info.n, client.p, client.n) : NULL;
    buf_clear(into);
    if (!at || user.n == 0)
        return false;
    buf_append_bytes(into, channel);
    buf_append_char(into, 0);
    buf_append_bytes(into, bytes_of(info.p, (size_t)(at - info.p)));
    buf_append_char(into, 0);
    buf_append_bytes(into, bytes_of(at + client.n, (size_t)(info.p + info.n - at) - client.n));
    buf_append_char(into, 0);
    buf_append_bytes(into, user);
    return true;
}

static struct bytes client_key(struct buf *into, struct bytes channel, struct bytes client)
{
    buf_clear(into);
    buf_append_bytes(into, channel);
    buf_append_char(into, 0);
    buf_append_bytes(into, client);
    return buf_bytes(into);
}

/* ---- coming and going */

size_t vacancy_bytes(struct bytes channel, const struct presence_news *m)
{
    return sizeof(struct vacancy) + 2 * channel.n + m->info.n + m->user.n + 2 * m->client.n + m->place.n + m->announced.n + 4;
}

static char *put(char *at, struct bytes from, struct bytes *ret)
{
    if (from.n)
        memcpy(at, from.p, from.n);
    *ret = bytes_of(at, from.n);
    return at + from.n;
}

static struct vacancy *vacancy_new(const struct vacancies *v, struct bytes channel, const struct presence_news *m)
{
    size_t bytes = vacancy_bytes(channel, m);
    struct vacancy *one = calloc(1, bytes);
    struct bytes nul = BYTES("\0"), head;
    assert(one);
    char *at = put((char *)(one + 1), buf_bytes(&v->scratch), &one->look);
    char *key = at;
    at = put(put(put(at, channel, &head), nul, &head), m->client, &one->client);
    one->key = bytes_of(key, (size_t)(at - key));
    put(put(at, m->place, &one->place), m->announced, &one->announced);
    one->bytes = bytes;
    return one;
}

void vacancies_add(struct vacancies *v, struct bytes channel, const struct presence_news *m, int64_t until_ns)
{
    vacancies_forget(v, channel, m->client);
    if (!put_look(&v->scratch, channel, m->user, m->info, m->client))
        return;
    struct vacancy *one = vacancy_new(v, channel, m);
    one->until_ns = until_ns;
    map_insert(&v->by_look, &one->by_look, hash_bytes(one->look));
    map_insert(&v->by_client, &one->by_client, hash_bytes(one->key));
    list_append(&v->all, &one->link);
    v->bytes += one->bytes;
}

struct vacancy *vacancies_take(struct vacancies *v, const struct fan_presence_set *who, int64_t now_ns)
{
    if (v->by_look.count == 0 || !put_look(&v->scratch, who->channel, who->user, who->info, who->client))
        return NULL;
    struct vacancy *one = map_find_bytes(&v->by_look, buf_bytes(&v->scratch), struct vacancy, by_look, look);
    if (!one)
        return NULL;
    if (one->until_ns <= now_ns) {
        drop(v, one);
        return NULL;
    }
    take_out(v, one);
    return one;
}

void vacancies_forget(struct vacancies *v, struct bytes channel, struct bytes client)
{
    if (v->by_client.count == 0)
        return;
    struct vacancy *one =
        map_find_bytes(&v->by_client, client_key(&v->scratch, channel, client), struct vacancy, by_client, key);
    if (one)
        drop(v, one);
}

void vacancies_expire(struct vacancies *v, int64_t now_ns, size_t most)
{
    size_t n = v->by_client.count < most ? v->by_client.count : most;
    while (n--) {
        struct vacancy *one = list_first(&v->all, struct vacancy, link);
        list_remove(&one->link);
        list_append(&v->all, &one->link);
        if (one->until_ns <= now_ns)
            drop(v, one);
    }
}

void vacancies_drop(struct vacancies *v, size_t bytes)
{
    struct vacancy *one;
    size_t keep = v->bytes > bytes ? v->bytes - bytes : 0;
    while (v->bytes > keep && (one = list_first(&v->all, struct vacancy, link)))
        drop(v, one);
}
