/* Who may connect now: a rate of connects per second; the others wait their turn rather than be refused, since being
 * refused costs an SDK seconds of backoff. Nobody is admitted before there is a configuration. A connect that waited
 * for --connect-wait is answered with error 111 by its connection. */
#ifndef GATEWAY_ADMISSION_H
#define GATEWAY_ADMISSION_H

#include "core/list.h"

#include <stdint.h>

struct connection;
struct gateway;

struct admission {
    struct list waiting; /* struct connection_extras::waiting, longest first */
    int64_t rate;        /* connects per second; 0: any number */
    int64_t free_at_ns;  /* when the next one may go; the past: a burst of up to 100 ms' worth may */
};

void admission_init(struct admission *a, int64_t rate, int64_t now_ns);
/* -> true: go on now; false: wait (admission_wait) */
bool admission_ask(struct admission *a, const struct gateway *g);
void admission_wait(struct admission *a, struct connection *c);
void admission_leave(struct connection *c); /* one that does not wait is fine */
/* Admits those whose turn it is (verb_connect_admitted). -> whether the loop has to come back at once for more */
bool admission_turn(struct admission *a, struct gateway *g);

#endif
