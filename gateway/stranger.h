/* Sockets that have not said who they are: no complete request yet (with libwebsockets' room for its headers, 16 KB), none
 * after the last one's answer, or upgraded and no connect. Each has a deadline of its own; together they may be
 * --strangers-max, beyond which the one that has been a stranger for longest is cut: whoever means to connect is one for
 * some round trips, so that a flood of silent ones cuts itself. One that waits for admission is a stranger no more. */
#ifndef GATEWAY_STRANGER_H
#define GATEWAY_STRANGER_H

#include "core/episode.h"
#include "core/list.h"

#include <stdint.h>

struct gateway;

struct strangers {
    struct list all; /* struct stranger::by_age, longest first */
    struct episode cut; /* told once */
};

struct stranger {
    struct list by_age;
    void (*cut)(struct stranger *s); /* ends its socket; not before the loop's turn is over */
};

void strangers_init(struct strangers *all);
/* s is one from now on; s->cut is set. */
void stranger_enter(struct gateway *g, struct stranger *s, void (*cut)(struct stranger *s));
void stranger_leave(struct gateway *g, struct stranger *s); /* one that is none is fine */
bool strangers_cut_longest(struct gateway *g); /* -> false: there is none */

#endif
