/* The admin port: /metrics, /health (the loop turns), /ready (PostgreSQL is there; the one that stands by is ready, too). */
#ifndef WEBHOOKS_PAGE_H
#define WEBHOOKS_PAGE_H

#include "core/buf.h"

int page_answer(void *webhooks, const char *method, const char *path, struct bytes query, struct bytes request,
                struct buf *body, const char **content_type);

#endif
