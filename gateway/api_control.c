#include "api_params.h"
#include "call.h"
#include "core/json.h"

/* Sends the question to all gateways of the cell. */
static void ask(struct api_op *op, const struct call_question *q, struct bytes tenant,
                ops_called_fn *arrived)
{
    struct buf body;
    buf_init(&body);
    call_encode(&body, q);
    op->ticket = ops_call(op->call->gateway, bytes_str(call_method(q->kind)), tenant,
                          buf_bytes(&body), arrived, op);
    buf_fini(&body);
}

/* ---- disconnect, unsubscribe */

static void counted(void *ctx, const struct ops_called *answer)
{
    struct api_op *op = ctx;
    uint64_t count;
    uint32_t code = call_merge_count(answer->asked, answer->answers, &count);
    if (code)
        api_op_detail(op, "not every gateway of every cell answered: it may have been done in part");
    else
        buf_append_str(&op->result, "{}");
    api_op_finish(op, code);
}

/* Whose users and channels are meant: the key's tenant, or for a key of all tenants the one
 * that it names. ret_asker: as whom a channel is resolved. */
static bool read_tenant(struct api_op *op, const struct config_tenant **ret,
                        const struct config_tenant **ret_asker)
{
    struct bytes name = {0};
    if (!api_text(op, API_tenant, &name))
        return false;
    const struct config_tenant *named = op->call->tenant;
    if (!named)
        named = config_tenant(op->call->config, name.n ? name : BYTES(CONFIG_DEFAULT_TENANT));
    *ret = named;
    *ret_asker = name.n ? named : op->call->tenant;
    if (named)
        return true;
    api_op_detail(op, "tenant: there is no such tenant");
    api_op_finish(op, 107);
    return false;
}

/* Who is meant: nobody in particular would be everybody. */
static bool read_who(struct api_op *op, struct call_question *q,
                     const struct config_tenant **ret_tenant,
                     const struct config_tenant **ret_asker)
{
    struct bytes session = {0};
    if (!api_text(op, API_user, &q->user) || !api_text(op, API_client, &q->client) ||
        !api_text(op, API_session, &session) || !read_tenant(op, ret_tenant, ret_asker))
        return false;
    if ((q->user.n || q->client.n) && session.n == 0)
        return true;
    api_op_detail(op, session.n ? "session is not offered" : "user or client is missing");
    api_op_finish(op, 107);
    return false;
}

static bool read_whitelist(struct api_op *op, struct call_question *q)
{
    struct bytes list = {0}, item;
    struct json_iter it;
    if (!api_array(op, API_whitelist, &list))
        return false;
    json_array_each (&it, list, &item) {
        if (q->n_whitelist == CALL_WHITELIST_MAX) {
            api_op_detail(op, "whitelist: at most %d clients", CALL_WHITELIST_MAX);
            api_op_finish(op, 107);
            return false;
        }
        if (!api_item(op, item, &q->whitelist[q->n_whitelist++])) {
            api_op_malformed(op, "whitelist");
            return false;
        }
    }
    return true;
}

/* {"disconnect":{"code":4000,"reason":"…"}}: what the client's SDK is told; the code decides
 * whether it comes back. */
static bool read_disconnect(struct api_op *op, struct call_question *q)
{
    struct bytes how = {0}, code, reason;
    uint64_t number = 0;
    if (!api_object(op, API_disconnect, &how))
        return false;
    if (how.n == 0)
        return true;
    code = json_member(how, "code");
    reason = json_member(how, "reason");
    if ((!api_absent(code) && !json_u64(code, &number)) ||
        (!api_absent(reason) && !api_item(op, reason, &q->reason))) {
        api_op_malformed(op, "disconnect");
        return false;
    }
    if ((number == 0 || (number >= 3000 && number <= 4999)) && q->reason.n <= 123) {
        q->code = (uint32_t)number;
        return true;
    }
    api_op_detail(op, "disconnect: a code is 3000 to 4999, a reason at most 123 bytes");
    api_op_finish(op, 107);
    return false;
}

void api_disconnect_start(struct api_op *op)
{
    struct call_question q = {.kind = CALL_DISCONNECT};
    const struct config_tenant *tenant, *asker;
    if (read_who(op, &q, &tenant, &asker) && read_whitelist(op, &q) && read_disconnect(op, &q))
        ask(op, &q, tenant->name, counted);
}

void api_unsubscribe_start(struct api_op *op)
{
    struct call_question q = {.kind = CALL_UNSUBSCRIBE};
    const struct config_tenant *tenant, *asker;
    struct config_channel channel;
    struct bytes spelling = {0};
    if (!read_who(op, &q, &tenant, &asker) || !api_text(op, API_channel, &spelling))
        return;
    if (spelling.n) {
        uint32_t code = config_resolve(op->call->config, asker, spelling, &channel);
        if (code)
            return api_op_finish(op, code);
        q.channel = channel.full;
        tenant = channel.tenant;
    }
    ask(op, &q, tenant->name, counted);
}

/* ---- channels, info */

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
        return ask(op, &q, key_tenant(op), channels_arrived);
    api_op_detail(op, "pattern: at most %d bytes", CONFIG_FULL_MAX);
    api_op_finish(op, 107);
}

void api_info_start(struct api_op *op)
{
    struct call_question q = {.kind = CALL_INFO};
    ask(op, &q, key_tenant(op), info_arrived);
}
