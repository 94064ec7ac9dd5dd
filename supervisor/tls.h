/* What the cell's gateways need for TLS on the client port: certificate and key from two files, and the keys of session
 * tickets, made here and rotated. Gateways get all of it over their links, so that they agree at every moment, and a
 * gateway that starts while a file is broken gets the last good pair.
 *
 * Both files are looked at each second, and taken when they have changed and then stayed as they are for a second. A
 * pair that does not fit is refused (log, tls_refused_total, the gauge tls_stale): the old one stays. */
#ifndef SUPERVISOR_TLS_H
#define SUPERVISOR_TLS_H

#include "core/buf.h"
#include "metrics.h"
#include "options.h"

#include "wire/messages.h"

struct tls_stamp {
    int64_t mtime_ns, size;
    uint64_t inode; /* of what a symbolic link points to */
};

struct tls {
    const struct supervisor_options *options;
    struct supervisor_metrics *metrics;
    struct buf chain, key; /* PEM; empty: no TLS */
    struct tls_stamp seen[2], taken[2]; /* certificate, key: as last looked at; as last read */
    unsigned char tickets[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_BYTES]; /* the first one encrypts */
    size_t n_tickets;
    int64_t rotated_ns;
};

/* -> 0, or -errno with the reason in ret_error: one option without the other, or files that are no pair */
int tls_init(struct tls *t, const struct supervisor_options *options, struct supervisor_metrics *metrics, int64_t now_ns,
             struct buf *ret_error);
void tls_fini(struct tls *t);
static inline bool tls_is_on(const struct tls *t)
{
    return t->chain.n > 0;
}
bool tls_tick(struct tls *t, int64_t now_ns); /* each second -> whether gateways are to be told anew */
void tls_put(const struct tls *t, struct buf *into); /* the body of a ctl_tls */

#endif
