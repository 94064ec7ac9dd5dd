#include "api_params.h"
#include "call.h"

#include <assert.h>
#include <stdlib.h>

#define CONNECTIONS_DEFAULT 100 /* of a page whose length is not said */

void api_ask(struct api_op *op, const struct call_question *q, struct bytes tenant, ops_called_fn *arrived)
{
    struct buf body;
    buf_init(&body);
    call_encode(&body, q);
    op->ticket = ops_call(op->call->gateway, bytes_str(call_method(q->kind)), tenant,
                          buf_bytes(&body), arrived, op);
    buf_fini(&body);
}

/* ---- channels, info, connections */

static void channels_arrived(void *ctx, const struct ops_called *answer)
{
    struct api_op *op = ctx;
    uint32_t code = call_merge_channels(op->call->config, op->call->tenant, answer->asked,
                                        answer->answers, &op->result);
    if (code)
        api_op_detail(op, code == 106 ? "too many channels: a narrower pattern helps"
                                      : "not every gateway of every cell answered");
    api_op_finish(op, code);
}

static void info_arrived(void *ctx, const struct ops_called *answer)
{
    struct api_op *op = ctx;
    uint32_t code = call_merge_info(answer->answers, &op->result);
    api_op_finish(op, code);
}

static struct bytes key_tenant(const struct api_op *op)
{
    return op->call->tenant ? op->call->tenant->name : bytes_of(NULL, 0);
}

void api_channels_start(struct api_op *op)
{
    struct call_question q = {.kind = CALL_CHANNELS};
    if (!api_text(op, API_pattern, &q.pattern))
        return;
    if (q.pattern.n <= CONFIG_FULL_MAX)
        return api_ask(op, &q, key_tenant(op), channels_arrived);
    api_op_detail(op, "pattern: at most %d bytes", CONFIG_FULL_MAX);
    api_op_finish(op, 107);
}

void api_info_start(struct api_op *op)
{
    struct call_question q = {.kind = CALL_INFO};
    api_ask(op, &q, key_tenant(op), info_arrived);
}

/* limit is kept in op->work until the answers are there. */
static void connections_arrived(void *ctx, const struct ops_called *answer)
{
    struct api_op *op = ctx;
    uint32_t limit = *(const uint32_t *)op->work;
    uint32_t code = call_merge_connections(answer->asked, answer->answers, limit, &op->result);
    if (code)
        api_op_detail(op, "not every gateway of every cell answered");
    api_op_finish(op, code);
}

void api_connections_start(struct api_op *op)
{
    struct call_question q = {.kind = CALL_CONNECTIONS};
    uint64_t limit = CONNECTIONS_DEFAULT;
    if (!api_text(op, API_user, &q.user) || !api_text(op, API_cursor, &q.cursor) || !api_u64(op, API_limit, &limit))
        return;
    if (limit == 0 || limit > CALL_PAGE_MAX) {
        api_op_detail(op, "limit: 1 to %d connections", CALL_PAGE_MAX);
        api_op_finish(op, 107);
        return;
    }
    q.limit = (uint32_t)limit;
    op->work = malloc(sizeof q.limit);
    assert(op->work);
    memcpy(op->work, &q.limit, sizeof q.limit);
    api_ask(op, &q, key_tenant(op), connections_arrived);
}
