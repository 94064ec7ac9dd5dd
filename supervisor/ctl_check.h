/* What the files of the check share; ctl_schema.h is its face. */
#ifndef SUPERVISOR_CTL_CHECK_H
#define SUPERVISOR_CTL_CHECK_H

#include "core/buf.h"

#include <jansson.h>

#define PATH_MAX_BYTES 200

/* One check of one file. A place is a path like `tenants[0].namespaces[1].options.presence`. */
struct check {
    json_t *root;
    struct buf *faults;
    unsigned n;
};

/* One more fault, told with its place. */
void check_fault(struct check *c, const char *place, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* -> ret, which has PATH_MAX_BYTES */
const char *check_path(char *ret, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A duration among the options of what stands at `place`, in ms; most_text: as the fault says it. */
void check_at_most(struct check *c, const char *place, const json_t *owner, const char *option, int64_t most_ms, const char *most_text);

/* ctl_schema_tenants.c, ctl_schema_namespaces.c, ctl_schema_proxies.c: what their types do not say yet. Gateways make the
 * best of most of it; where they would refuse the configuration (wire/option_bounds.h), it has to be refused here. */
void check_tenant_options(struct check *c, const char *place, json_t *tenant);
void check_namespace_options(struct check *c, const char *place, json_t *ns);
void check_proxies(struct check *c, const char *place, json_t *tenant);
void check_namespace_proxies(struct check *c, const char *place, json_t *ns, json_t *tenant);

#endif
