/* Lost clients whose time to come back has come: few are opened in a turn of the loop, longest first. They stand for machines of
 * their own, of which none waits with its request until thousands of others have their sockets. */
#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H

#include "core/list.h"

#include <ev.h>

#define TURN_OPENS 16

struct connection;

struct turns {
    struct ev_loop *loop;
    struct list due; /* struct connection::turn */
    void (*open)(struct connection *c);
    ev_prepare serve;
    ev_idle more; /* active while somebody is due: the loop does not wait */
};

void turns_start(struct turns *t, struct ev_loop *loop, void (*open)(struct connection *c));
void turns_stop(struct turns *t);
void turns_add(struct turns *t, struct connection *c); /* c is WAITING, and not there yet */

#endif
