#include "roster.h"

#include "connection.h"
#include "first.h"
#include "sub.h"

struct call_who roster_who(const struct connection *c)
{
    return (struct call_who){.tenant = connection_tenant(c),
                             .user = connection_user(c),
                             .client = connection_client(c),
                             .session = connection_session(c)};
}

static int order(const void *a, const void *b)
{
    return bytes_order(connection_client(a), connection_client(b));
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
    struct first first;
    first_init(&first, q->limit + 1, order);
    list_for_each(c, &g->connections, all)
    {
        struct call_who who = roster_who(c);
        if (connection_is_open(c) && call_lists(q, &who) && bytes_order(who.client, q->cursor) > 0)
            first_offer(&first, c);
    }
    first_sort(&first);
    call_page_begin(&page, q, into);
    for (uint32_t i = 0; i < first.n && put_connection(&page, first.items[i]); i++)
        ;
    call_page_end(&page);
    first_fini(&first);
}
