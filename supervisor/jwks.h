/* JWK sets of tenants (option token_jwks_public_endpoint), fetched once for the whole cell and handed to the gateways:
 *
 *     configuration ─▶ URLs ─▶ GET, each --jwks-interval, and when a gateway misses a key ─▶ ctl_jwks ─▶ every gateway
 *
 * No URL is asked more often than once in JWKS_PAUSE_NS. While one does not answer, or with what is no set, the old set
 * stays; also after a restart: RUNDIR/jwks.json has the last ones. */
#ifndef SUPERVISOR_JWKS_H
#define SUPERVISOR_JWKS_H

#include "core/buf.h"
#include "core/clock.h"
#include "core/list.h"
#include "metrics.h"
#include "options.h"

#include <ev.h>

#define JWKS_PAUSE_NS (5 * NS_PER_S)
#define JWKS_SETS_MAX (6 << 20)       /* bytes of all: the copy is read up to CONFIG_MAX. One that is too much fails */

struct http_client;

struct jwks {
    struct ev_loop *loop;
    const struct supervisor_options *options;
    struct supervisor_metrics *metrics;
    struct http_client *http; /* NULL until there is something to ask */
    struct list sources;      /* struct jwks_source::all */
    unsigned n_sources;
    unsigned n_left_out;      /* by --jwks-urls-max */
    char *path;               /* of the copy */
    /* A set is there, or another one: body is that of a ctl_jwks. */
    void (*changed)(void *owner, struct bytes body);
    void *owner;
};

void jwks_init(struct jwks *j, struct ev_loop *loop, const struct supervisor_options *options, struct supervisor_metrics *metrics,
               void (*changed)(void *owner, struct bytes body), void *owner);
void jwks_fini(struct jwks *j);
void jwks_configured(struct jwks *j, struct bytes config); /* it has been checked: config_read */
void jwks_tick(struct jwks *j, int64_t now_ns);            /* each second: asks whoever is due */
int jwks_asked(struct jwks *j, struct bytes body, int64_t now_ns); /* a ctl_jwks_ask. -> 0, -EBADMSG */
/* Each set that is there, for a gateway that has greeted. */
void jwks_each(const struct jwks *j, void (*each)(void *ctx, struct bytes body), void *ctx);

#endif
