/* The link with the supervisor, over the socket that it left open as CTL_FD: hello, status,
 * metrics to it; map, drain from it. Its end is the end of this process. */
#ifndef FANOUT_CONTROL_H
#define FANOUT_CONTROL_H

#include <stdbool.h>

struct link;
struct worker;

struct control {
    struct worker *worker;
    struct link *link; /* NULL: standalone */
};

bool control_is_there(void); /* asked before anything else opens a descriptor */
void control_open(struct control *c, struct worker *w);
void control_close(struct control *c);
void control_status(struct control *c);
void control_metrics(struct control *c);

#endif
