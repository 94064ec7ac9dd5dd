#include "stranger.h"

#include "gateway.h"

#include "run/log.h"

#define SHARE 4  /* of the places */
#define LEAST 64 /* whatever there is room for */

void strangers_init(struct strangers *all)
{
    *all = (struct strangers){0};
    list_init(&all->all);
}

static int64_t most(const struct gateway *g)
{
    int64_t said = g->options->strangers_max, share = g->capacity / SHARE;
    return said ? said : share > LEAST ? share : LEAST;
}

bool strangers_cut_longest(struct gateway *g)
{
    struct stranger *s = list_first(&g->strangers.all, struct stranger, by_age);
    if (!s)
        return false;
    stranger_leave(g, s);
    s->cut(s);
    g->metrics.strangers_cut_total++;
    if (episode_happens(&g->strangers.cut, g->now_ns))
        log_warn("strangers_cut", "strangers=%lld --strangers-max=%lld sockets that do not say who they are are cut, the oldest first",
                 (long long)g->metrics.strangers, (long long)most(g));
    return true;
}

void stranger_enter(struct gateway *g, struct stranger *s, void (*cut)(struct stranger *s))
{
    if (g->metrics.strangers >= most(g))
        strangers_cut_longest(g);
    s->cut = cut;
    list_append(&g->strangers.all, &s->by_age);
    g->metrics.strangers++;
}

void stranger_leave(struct gateway *g, struct stranger *s)
{
    if (!list_is_linked(&s->by_age))
        return;
    list_remove(&s->by_age);
    g->metrics.strangers--;
}
