/* The admin port's pages: /metrics, /health, /ready. */
#ifndef SEQUENCER_PAGE_H
#define SEQUENCER_PAGE_H

#include "run/admin.h"

int page_serve(void *owner, const char *method, const char *path, struct bytes query,
               struct bytes request, struct buf *body, const char **content_type);

#endif
