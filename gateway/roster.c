#include "roster.h"

#include "connection.h"
#include "sub.h"

#include <assert.h>
#include <stdlib.h>

struct call_who roster_who(const struct connection *c)
{
    return (struct call_who){.tenant = connection_tenant(c),
                             .user = connection_user(c),
                             .client = connection_client(c),
                             .session = connection_session(c)};
}

/* Those that come first in the order of client ids; once there are `most` of them a heap, with the last one on top. */
struct page {
    const struct connection **heap;
    uint32_t n, most;
};

static int order(const struct connection *a, const struct connection *b)
{
    return memcmp(connection_client(a).p, connection_client(b).p, CLIENT_BYTES);
}

static void sift_down(struct page *p, uint32_t at)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < p->n && order(p->heap[child + 1], p->heap[child]) > 0)
            child++;
        if (child >= p->n || order(p->heap[child], p->heap[at]) <= 0)
            return;
        const struct connection *up = p->heap[child];
        p->heap[child] = p->heap[at];
        p->heap[at] = up;
        at = child;
    }
}

static void make_heap(struct page *p)
{
    for (uint32_t i = p->n / 2; i-- > 0;)
        sift_down(p, i);
}

static void offer(struct page *p, const struct connection *c)
{
    if (p->n < p->most) {
        p->heap[p->n++] = c;
        if (p->n == p->most)
            make_heap(p);
    } else if (order(c, p->heap[0]) < 0) {
        p->heap[0] = c;
        sift_down(p, 0);
    }
}

static bool is_behind(struct bytes client, struct bytes cursor)
{
    int order = memcmp(client.p, cursor.n ? cursor.p : "", cursor.n < client.n ? cursor.n : client.n);
    return order > 0 || (order == 0 && client.n > cursor.n);
}

static int compare(const void *a, const void *b)
{
    return order(*(const struct connection *const *)a, *(const struct connection *const *)b);
}

static bool put_connection(struct call_page *page, const struct connection *c)
{
    struct call_connection one = {.who = roster_who(c),
                                  .app_name = connection_name(c),
                                  .app_version = connection_version(c),
                                  .transport = bytes_str(connection_transport(c)->name),
                                  .protocol = connection_protocol(c)};
    if (!call_page_add(page, &one))
        return false;
    for (uint32_t i = 0; i < c->n_subs; i++)
        call_page_channel(page, channel_full(c->subs[i]->channel));
    call_page_close(page);
    return true;
}

/* One more than the page takes, so that it knows whether there are more. */
void roster_answer(struct gateway *g, const struct call_question *q, struct buf *into)
{
    struct call_page page;
    struct connection *c;
    struct page p = {.most = q->limit + 1};
    p.heap = malloc(p.most * sizeof *p.heap);
    assert(p.heap);
    list_for_each(c, &g->connections, all)
    {
        struct call_who who = roster_who(c);
        if (connection_is_open(c) && call_lists(q, &who) && is_behind(who.client, q->cursor))
            offer(&p, c);
    }
    qsort(p.heap, p.n, sizeof *p.heap, compare);
    call_page_begin(&page, q, into);
    for (uint32_t i = 0; i < p.n && put_connection(&page, p.heap[i]); i++)
        ;
    call_page_end(&page);
    free(p.heap);
}
