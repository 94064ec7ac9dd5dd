#include "api_params.h"
#include "core/json.h"
#include "permission.h"
#include "publication.h"

/* ---- history */

static void history_arrived(void *ctx, const struct ops_range *answer)
{
    struct api_op *op = ctx;
    struct bytes list = answer->publications;
    struct publication p;
    struct buf *into = &op->result;
    op->work = NULL;
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
    if ((!api_absent(offset) && !json_u64(offset, &q->since_seq)) ||
        (!api_absent(epoch) && !api_item(op, epoch, &q->since_epoch))) {
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

static void presence_arrived(void *ctx, const struct ops_presence *answer)
{
    struct api_op *op = ctx;
    struct bytes list = answer->entries;
    struct presence_entry entry;
    struct buf *into = &op->result;
    if (answer->code)
        return api_op_finish(op, answer->code);
    buf_append_str(into, "{\"presence\":{");
    for (size_t i = 0; wire_next_presence_entry(&list, &entry) > 0; i++) {
        buf_append_str(into, i ? "," : "");
        json_append_string(into, entry.client);
        buf_append_char(into, ':');
        json_append_line(into, entry.info);
    }
    buf_append_str(into, "}}");
    api_op_finish(op, 0);
}

static void presence_stats_arrived(void *ctx, const struct ops_presence *answer)
{
    struct api_op *op = ctx;
    if (answer->code)
        return api_op_finish(op, answer->code);
    buf_printf(&op->result, "{\"num_clients\":%u,\"num_users\":%u}", answer->clients,
               answer->users);
    api_op_finish(op, 0);
}

static void ask_presence(struct api_op *op, bool counts_only, ops_presence_fn *arrived)
{
    struct config_channel channel;
    if (!api_channel(op, &channel))
        return;
    if (!channel.ns->options.presence)
        return api_op_finish(op, 108);
    op->ticket = ops_presence(op->call->gateway, channel.full, counts_only, arrived, op);
}

void api_presence_start(struct api_op *op)
{
    ask_presence(op, false, presence_arrived);
}

void api_presence_stats_start(struct api_op *op)
{
    ask_presence(op, true, presence_stats_arrived);
}
