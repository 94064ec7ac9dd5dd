/* What the admin port answers: /metrics, /health (the loop turns), /ready (messages come in,
 * and Kafka takes them). */
#ifndef RELAY_PAGE_H
#define RELAY_PAGE_H

#include "core/buf.h"

/* An admin_handler; owner: struct relay. */
int page_answer(void *relay, const char *method, const char *path, struct bytes query,
                struct bytes request, struct buf *body, const char **content_type);

#endif
