#include "api_params.h"
#include "core/json.h"
#include "permission.h"
#include "presence.h"
#include "publication.h"

/* ---- history */

static void history_arrived(void *ctx, const struct ops_range *answer)
{
    struct api_op *op = ctx;
    struct bytes list = answer->publications;
    struct publication p;
    struct buf *into = &op->result;
    op->work = NULL;
    if (answer->code == 111)
        api_op_detail(op, "too many wait: --histories-max; or at the worker, --reads-waiting-max");
    if (answer->code)
        return api_op_finish(op, answer->code);
    buf_append_str(into, "{\"publications\":[");
    for (size_t i = 0; wire_next_publication(&list, &p) > 0; i++) {
        buf_append_str(into, i ? "," : "");
        publication_json(into, &p, false);
    }
    buf_append_str(into, "],\"epoch\":\"");
    buf_append_u64(into, answer->epoch);
    buf_append_str(into, "\",\"offset\":");
    buf_append_u64(into, answer->head);
    buf_append_char(into, '}');
    api_op_finish(op, 0);
}

static bool read_since(struct api_op *op, struct history_query *q)
{
    struct bytes since = {0}, offset, epoch;
    if (!api_object(op, API_since, &since))
        return false;
    if (since.n == 0)
        return true;
    q->has_since = true;
    offset = json_member(since, "offset");
    epoch = json_member(since, "epoch");
    if ((!json_is_absent(offset) && !json_u64(offset, &q->since_seq)) ||
        (!json_is_absent(epoch) && !api_item(op, epoch, &q->since_epoch))) {
        api_op_malformed(op, "since");
        return false;
    }
    return true;
}

void api_history_start(struct api_op *op)
{
    struct config_channel channel;
    struct history_query q = {.now_ms = op->call->now_ms};
    if (!api_channel(op, &channel) || !api_i64(op, API_limit, &q.limit) ||
        !api_bool(op, API_reverse, &q.reverse) || !read_since(op, &q))
        return;
    uint32_t code = permission_has_history(&channel) ? history_check(&q) : 108;
    if (code)
        return api_op_finish(op, code);
    op->work = history_read(op->call->gateway, &channel, &q, history_arrived, op);
}

void api_history_forget(struct api_op *op)
{
    history_cancel(op->work);
    op->work = NULL;
}

/* ---- presence */

static void presence_failed(struct api_op *op, const struct ops_presence *answer)
{
    if (answer->code == 100)
        api_op_missing(op, answer->missing, "");
    api_op_finish(op, answer->code ? answer->code : PRESENCE_TOO_LONG);
}

static void presence_arrived(void *ctx, const struct ops_presence *answer)
{
    struct api_op *op = ctx;
    if (answer->code || answer->next)
        return presence_failed(op, answer);
    buf_append_char(&op->result, '{');
    presence_put_list(&op->result, answer);
    buf_append_char(&op->result, '}');
    api_op_finish(op, 0);
}

static void presence_page_arrived(void *ctx, const struct ops_presence *answer)
{
    struct api_op *op = ctx;
    if (answer->code)
        return presence_failed(op, answer);
    buf_append_char(&op->result, '{');
    presence_put_page(&op->result, answer);
    buf_append_char(&op->result, '}');
    api_op_finish(op, 0);
}

static void presence_stats_arrived(void *ctx, const struct ops_presence *answer)
{
    struct api_op *op = ctx;
    if (answer->code)
        return presence_failed(op, answer);
    buf_append_char(&op->result, '{');
    presence_put_stats(&op->result, answer);
    buf_append_char(&op->result, '}');
    api_op_finish(op, 0);
}

/* -> whether the call goes on; otherwise it is finished */
static bool has_presence(struct api_op *op, struct config_channel *ret)
{
    if (!api_channel(op, ret))
        return false;
    if (!ret->ns->options.presence)
        api_op_finish(op, 108);
    return ret->ns->options.presence;
}

/* Whoever says `limit` or `cursor` knows of pages. */
void api_presence_start(struct api_op *op)
{
    struct config_channel channel;
    struct bytes cursor = {0};
    int64_t limit = 0;
    uint64_t after = 0;
    if (!api_text(op, API_cursor, &cursor) || !api_i64(op, API_limit, &limit))
        return;
    if (cursor.n && !bytes_u64(cursor, &after))
        return api_op_malformed(op, "cursor");
    bool paged = cursor.n || op->fields[API_limit].n;
    if (has_presence(op, &channel))
        op->ticket = ops_presence(op->call->gateway, channel.full, after, presence_limit(channel.ns, limit),
                                  paged ? presence_page_arrived : presence_arrived, op);
}

void api_presence_stats_start(struct api_op *op)
{
    struct config_channel channel;
    if (has_presence(op, &channel))
        op->ticket = ops_presence(op->call->gateway, channel.full, 0, 0, presence_stats_arrived, op);
}
