/* How many joins and leaves of a channel are pushed (decision 0018): each goes to all its
 * members, so `per_s` bounds events × members in a second. What is above it is not pushed;
 * then members are told the counts, once a second, or as rarely as they may be told anything. */
#ifndef FANOUT_PUSHES_H
#define FANOUT_PUSHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pushes {
    uint32_t per_s;    /* from the namespace's join_leave_pushes; 0: no bound */
    int64_t paid_ns;   /* until then what was pushed has used the rate up */
    bool missed;       /* something was not pushed since the last counts */
    int64_t counts_ns; /* no counts before */
};

/* One join or leave for that many members. -> whether it is pushed */
bool pushes_take(struct pushes *p, size_t members, int64_t now_ns);
void pushes_miss(struct pushes *p); /* one that was too many elsewhere */

enum pushes_counts {
    PUSHES_LATER,    /* the last counts were just now */
    PUSHES_COUNTS,   /* to be told now */
    PUSHES_ALL_TOLD, /* nothing was missed since the last ones */
};
enum pushes_counts pushes_counts(struct pushes *p, size_t members, int64_t now_ns);

#endif
