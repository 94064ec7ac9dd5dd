/* Who may connect now: the second stage of the gate, where the tenant is known. A rate of connects that grows while this
 * loop does not lag and is halved when it does (core/aimd.h), so that those already connected keep their latency. The
 * others wait their turn rather than be refused, since being refused costs an SDK seconds of backoff:
 *
 *     rate ─▶ tenants in turn ─┬─ acme   c c c c c c c c …     one of each, then again
 *                              └─ quiet  c                     (a connect costs what another one costs: round robin is
 *                                                               deficit round robin with a quantum of one)
 *
 * so that one tenant's herd does not keep another one's clients out. A tenant may have a rate of its own besides (option
 * connect_rate). Nobody is admitted before there is a configuration. A connect that waited for --connect-wait is answered
 * with error 111 by its connection. When --connect-queue wait, a tenant that has its even share of them gets no more in:
 * 503 before the upgrade, else 111; the others do, so that there may be more by their shares. */
#ifndef GATEWAY_ADMISSION_H
#define GATEWAY_ADMISSION_H

#include "core/aimd.h"
#include "core/bytes.h"
#include "core/episode.h"
#include "core/map.h"

struct connection;
struct gateway;
struct gateway_options;

struct admission {
    struct aimd rate;
    struct map tenants; /* struct queue::by_tenant: where somebody waits, or whose own rate is used up */
    struct list turns;  /* struct queue::in_turn: where somebody waits, next one first */
    uint32_t n_turns;
    struct episode waits; /* told once */
};

void admission_init(struct admission *a, const struct gateway_options *options, int64_t now_ns);
void admission_fini(struct admission *a); /* nobody waits */
/* -> true: go on now; false: wait (admission_wait). tenant: by token, or by path while there is no configuration */
bool admission_ask(struct admission *a, const struct gateway *g, struct bytes tenant);
bool admission_wait(struct admission *a, struct connection *c, struct bytes tenant); /* -> false: there is no room */
void admission_leave(struct connection *c); /* one that does not wait is fine */
bool admission_has_room(const struct admission *a, const struct gateway *g, struct bytes tenant);
/* Admits those whose turn it is (verb_connect_admitted). -> whether the loop has to come back at once for more */
bool admission_turn(struct admission *a, struct gateway *g);

#endif
