#include "api_params.h"
#include "call.h"
#include "gateway.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define PAGE_DEFAULT 100 /* connections or channels of a page whose length is not said */

void api_ask(struct api_op *op, const struct call_question *q, struct bytes tenant, ops_called_fn *arrived)
{
    struct buf body;
    buf_init(&body);
    call_encode(&body, q);
    op->ticket = ops_call(op->call->gateway, bytes_str(call_method(q->kind)), tenant,
                          buf_bytes(&body), arrived, op);
    buf_fini(&body);
}

/* ---- pages */

/* The limit is kept in op->work until the answers are there. -> whether the call goes on; otherwise it is finished */
static bool read_page(struct api_op *op, struct call_question *q)
{
    uint64_t limit = PAGE_DEFAULT;
    if (!api_text(op, API_cursor, &q->cursor) || !api_u64(op, API_limit, &limit))
        return false;
    uint64_t most = (uint64_t)op->call->gateway->options->api_page_max;
    if (limit == 0 || limit > most) {
        api_op_detail(op, "limit: 1 to %" PRIu64 " of a page (--api-page-max)", most);
        api_op_finish(op, 107);
        return false;
    }
    q->limit = (uint32_t)limit;
    op->work = malloc(sizeof q->limit);
    assert(op->work);
    memcpy(op->work, &q->limit, sizeof q->limit);
    return true;
}

static void finish(struct api_op *op, uint32_t code, const struct ops_called *answer, const char *if_full)
{
    if (code == 106)
        api_op_detail(op, "%s", if_full);
    else if (code)
        api_op_missing(op, answer->missing, "");
    api_op_finish(op, code);
}

/* ---- channels, info, connections */

static void channels_arrived(void *ctx, const struct ops_called *answer)
{
    struct api_op *op = ctx;
    uint32_t limit = op->work ? *(const uint32_t *)op->work : 0;
    uint32_t code = call_merge_channels(op->call->config, op->call->tenant, answer->asked, answer->answers, limit, &op->result);
    finish(op, code, answer, "channels are above --call-answer-max or --call-answers-max: ask for pages (limit)");
}

static void info_arrived(void *ctx, const struct ops_called *answer)
{
    struct api_op *op = ctx;
    uint32_t code = call_merge_info(answer->answers, answer->missing, &op->result);
    api_op_finish(op, code);
}

static struct bytes key_tenant(const struct api_op *op)
{
    return op->call->tenant ? op->call->tenant->name : bytes_of(NULL, 0);
}

void api_channels_start(struct api_op *op)
{
    struct call_question q = {.kind = CALL_CHANNELS};
    bool paged = op->fields[API_cursor].n || op->fields[API_limit].n;
    if (!api_text(op, API_pattern, &q.pattern) || (paged && !read_page(op, &q)))
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

static void connections_arrived(void *ctx, const struct ops_called *answer)
{
    struct api_op *op = ctx;
    uint32_t limit = *(const uint32_t *)op->work;
    uint32_t code = call_merge_connections(answer->asked, answer->answers, limit, &op->result);
    finish(op, code, answer, "connections are above --call-answers-max: a smaller limit helps");
}

void api_connections_start(struct api_op *op)
{
    struct call_question q = {.kind = CALL_CONNECTIONS};
    if (api_text(op, API_user, &q.user) && read_page(op, &q))
        api_ask(op, &q, key_tenant(op), connections_arrived);
}
