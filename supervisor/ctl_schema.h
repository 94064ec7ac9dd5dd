/* The file of `cellcastctl apply`: checked here, so that whoever wrote it is told everything that is wrong with it at
 * once, each with its place and what would be right, before anything is asked of the database. Pure.
 *
 * What it may hold is the README's; options of namespaces and tenants are wire/namespace.def and wire/tenant.def. */
#ifndef SUPERVISOR_CTL_SCHEMA_H
#define SUPERVISOR_CTL_SCHEMA_H

#include "core/buf.h"

#define FAULTS_MAX 20 /* told at once; the others are counted */

/* text: the file. Appends what cellcast.apply() takes: the same, keys replaced by their SHA-256.
 * -> 0, or -EINVAL with one line per fault in ret_faults */
int ctl_schema_check(struct bytes text, struct buf *into, struct buf *ret_faults);

#endif
