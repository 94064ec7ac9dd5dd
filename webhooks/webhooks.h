/* cellcast-webhooks: carries events from PostgreSQL to the tenants' endpoints. This struct owns everything; flow.c tells how an
 * event goes. Nothing here outlives the process: what was not taken is a row. */
#ifndef WEBHOOKS_WEBHOOKS_H
#define WEBHOOKS_WEBHOOKS_H

#include "endpoint.h"
#include "metrics.h"
#include "options.h"
#include "pg/pg.h"
#include "run/admin.h"
#include "run/http_client.h"
#include "run/process.h"

struct webhooks {
    struct webhooks_options options;
    struct webhooks_metrics metrics;
    struct process process;
    struct pg *pg;
    struct http_client *http;
    struct admin *admin;
    struct endpoints endpoints;
    int64_t holder;          /* drawn at this process's start: whose the lease is */
    int64_t leased_until_ns; /* loop clock; above now: it sends */
    int64_t lease_asked_ns;  /* when the lease under way was asked for */
    bool leasing, looking;   /* such a question is under way */
    bool stopping;
    int64_t stop_ns;         /* loop clock: it ends, whatever is under way */
    ev_timer look, lease;
};

/* options are filled. -> 0, or -errno with the reason in ret_error; webhooks_fini in both cases */
int webhooks_init(struct webhooks *w, struct buf *ret_error);
void webhooks_run(struct webhooks *w); /* until told to stop */
void webhooks_fini(struct webhooks *w);
void webhooks_stop(void *owner); /* a struct process's stop */
bool webhooks_sends(const struct webhooks *w, int64_t now_ns);

#endif
