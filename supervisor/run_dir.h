/* RUNDIR: made when missing, held by one supervisor at a time. */
#ifndef SUPERVISOR_RUN_DIR_H
#define SUPERVISOR_RUN_DIR_H

#include "core/buf.h"

/* -> descriptor of its lock, which its close or our death gives back; -EBUSY, -errno with the reason in ret_error */
int run_dir_take(const char *path, struct buf *ret_error);

#endif
