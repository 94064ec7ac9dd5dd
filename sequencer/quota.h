/* How much may be published: quotas of tenants, and of the channels of a namespace, as the configuration has them (options
 * publish_rate and publish_bytes; none or 0: no limit). Here is the limit that holds whatever gateway, cell or way a
 * publish comes by; gateways refuse early by what they see alone.
 *
 *     from a gateway:  within both ─▶ charged, in      above ─▶ error 131 (tenant), 132 (channel), certain
 *     from the outbox: its transaction has committed, so it is never refused: it waits in front of its channel until the
 *                      quota is there. Its channel's and, where the tenant's is used up, its tenant's publishes of
 *                      gateways are refused meanwhile: rows go first, else a flood by API would keep them out for good.
 *
 * Heads and tenants keep their own allowance (heads.h), which lasts while they are in memory; forgotten, it is full again.
 * Decision 0019. */
#ifndef SEQUENCER_QUOTA_H
#define SEQUENCER_QUOTA_H

#include "allowance.h"
#include "core/list.h"
#include "core/map.h"

#define QUOTA_LATE_MS 10     /* between two looks at the channels whose rows wait */
#define QUOTA_LATE_LOOKS 256 /* channels at a look */

struct head;
struct message;
struct tenant;

struct quota {
    struct map_node by_name; /* struct quotas::all */
    double publish_rate, publish_bytes; /* a second; 0: no limit */
    struct bytes name; /* tenant, or tenant/namespace */
    char text[];
};

struct quotas {
    struct map all;      /* struct quota::by_name */
    uint32_t generation; /* grows with every change: what refers to a quota looks for it anew */
    int64_t now_ns;      /* CLOCK_MONOTONIC, of about now */
    struct list late;    /* struct head::late: channels whose first row waits for its quota, longest first */
    uint64_t late_total; /* times that a channel came onto that list */
};

void quotas_init(struct quotas *q);
void quotas_fini(struct quotas *q);
void quotas_clear(struct quotas *q);
/* One that is new. name: tenant, or tenant/namespace. */
void quotas_add(struct quotas *q, struct bytes name, double publish_rate, double publish_bytes);

/* Whether a gateway's publish is within them. tenant, head: NULL when not in memory.
 * -> 0, or an error code, of which ret_which says the quota that is used up */
uint32_t quotas_refusal(struct quotas *q, struct tenant *tenant, struct head *head, const char **ret_which);
void quotas_charge(struct quotas *q, struct head *head, size_t bytes);
/* A message may leave its channel's waiting ones; a row is charged now, or its head is late. */
bool quotas_let_pass(struct quotas *q, struct message *m);

#endif
