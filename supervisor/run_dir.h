/* RUNDIR: made when missing (0750; one that is there keeps its mode), held by one supervisor at a time. Its lock is the
 * supervisor's user's alone: a lock on a file is anybody's who can read it. */
#ifndef SUPERVISOR_RUN_DIR_H
#define SUPERVISOR_RUN_DIR_H

#include "core/buf.h"

/* -> descriptor of its lock, which its close or our death gives back; -EBUSY, -errno with the reason in ret_error */
int run_dir_take(const char *path, struct buf *ret_error);

#endif
