/* Places in channels that are free in other cells for a moment: their clients are gone there and may come back here, as the
 * same user who looks the same (decisions 0018, 0032). Nobody of them is listed or counted here. Pure.
 *
 *     gone there ──▶ vacancies_add ──▶ vacancies_take: he is back, here
 *                                  ──▶ vacancies_forget: he is back there, or has left
 *                                  ──▶ vacancies_expire: nobody said so
 *                                  ──▶ vacancies_drop: memory is short */
#ifndef FANOUT_VACANCY_H
#define FANOUT_VACANCY_H

#include "core/list.h"
#include "core/map.h"
#include "wire/messages.h"

struct vacancy {
    struct map_node by_look;   /* struct vacancies::by_look */
    struct map_node by_client; /* struct vacancies::by_client */
    struct list link;          /* struct vacancies::all */
    int64_t until_ns;          /* loop clock */
    size_t bytes;              /* of memory */
    struct bytes look;         /* channel, user and ClientInfo without the client in it */
    struct bytes key;          /* channel and client */
    struct bytes client;       /* that was there last */
    struct bytes place, announced; /* as in presence_news */
};

struct vacancies {
    struct map by_look, by_client;
    struct list all; /* struct vacancy::link; those that were looked at last last */
    size_t bytes;
    struct buf scratch;
};

void vacancies_init(struct vacancies *v);
void vacancies_fini(struct vacancies *v);
size_t vacancy_bytes(struct bytes channel, const struct presence_news *m);
/* Who has no user, or an info that does not name his client, is nobody's predecessor: nothing is added. */
void vacancies_add(struct vacancies *v, struct bytes channel, const struct presence_news *m, int64_t until_ns);
/* The place that such a client takes. The caller frees it. -> NULL: there is none */
struct vacancy *vacancies_take(struct vacancies *v, const struct fan_presence_set *who, int64_t now_ns);
void vacancy_free(struct vacancy *one); /* NULL is fine */
void vacancies_forget(struct vacancies *v, struct bytes channel, struct bytes client); /* unknown is fine */
/* Looks at that many at most, of all in turn: they last for as long as their namespaces say. */
void vacancies_expire(struct vacancies *v, int64_t now_ns, size_t most);
void vacancies_drop(struct vacancies *v, size_t bytes); /* some, of so much memory together, or all */

#endif
