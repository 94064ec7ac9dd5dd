#include "api_params.h"
#include "call.h"
#include "gateway.h"
#include "core/json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

static void counted(void *ctx, const struct ops_called *answer)
{
    struct api_op *op = ctx;
    uint64_t count;
    uint32_t code = call_merge_count(answer->asked, answer->answers, &count);
    if (code)
        api_op_missing(op, answer->missing, ": it may have been done in part");
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
    if (!api_text(op, API_user, &q->user) || !api_text(op, API_client, &q->client) ||
        !api_text(op, API_session, &q->session) || !read_tenant(op, ret_tenant, ret_asker))
        return false;
    if (q->user.n || q->client.n || q->session.n)
        return true;
    api_op_detail(op, "user, client or session is missing");
    api_op_finish(op, 107);
    return false;
}

static bool read_whitelist(struct api_op *op, struct call_question *q)
{
    int64_t most = op->call->gateway->options->api_whitelist_max;
    struct bytes list = {0}, item;
    struct json_iter it;
    size_t n = 0;
    if (!api_array(op, API_whitelist, &list))
        return false;
    json_array_each (&it, list, &item)
        n++;
    if (n > (size_t)most) {
        api_op_detail(op, "whitelist: at most %" PRId64 " clients (--api-whitelist-max)", most);
        api_op_finish(op, 107);
        return false;
    }
    q->whitelist = op->work = calloc(n + 1, sizeof *q->whitelist);
    assert(q->whitelist);
    json_array_each (&it, list, &item) {
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
    if ((!json_is_absent(code) && !json_u64(code, &number)) ||
        (!json_is_absent(reason) && !api_item(op, reason, &q->reason))) {
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
        api_ask(op, &q, tenant->name, counted);
}

/* The channel's tenant is whose users are meant. -> false: the op is finished */
static bool read_channel(struct api_op *op, struct bytes spelling, const struct config_tenant *asker,
                         struct config_channel *ret)
{
    uint32_t code = api_resolve(op, asker, spelling, ret);
    if (code)
        api_op_finish(op, code);
    return code == 0;
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
        if (!read_channel(op, spelling, asker, &channel))
            return;
        q.channel = channel.full;
        tenant = channel.tenant;
    }
    api_ask(op, &q, tenant->name, counted);
}

/* ---- subscribe, refresh */

/* info and expire_at, which both have. */
static bool read_terms(struct api_op *op, struct call_question *q)
{
    if (!api_json(op, API_info, API_b64info, &q->info) || !api_i64(op, API_expire_at, &q->expire_at))
        return false;
    if (q->expire_at >= 0)
        return true;
    api_op_detail(op, "expire_at: seconds since 1970, or 0: never");
    api_op_finish(op, 107);
    return false;
}

static bool read_subscribe(struct api_op *op, struct call_question *q)
{
    struct overrides overrides;
    struct since since = {0};
    if (!api_json(op, API_data, API_b64data, &q->data) || !read_terms(op, q) ||
        !api_object(op, API_override, &q->override) || !api_object(op, API_recover_since, &q->recover_since))
        return false;
    const char *wrong = overrides_read(&overrides, q->override) < 0                           ? "override"
                        : q->recover_since.n && since_read(&since, q->recover_since) < 0 ? "recover_since"
                                                                                              : NULL;
    if (wrong)
        api_op_malformed(op, wrong);
    return !wrong;
}

void api_subscribe_start(struct api_op *op)
{
    struct call_question q = {.kind = CALL_SUBSCRIBE};
    const struct config_tenant *tenant, *asker;
    struct config_channel channel;
    struct bytes spelling = {0};
    if (!read_who(op, &q, &tenant, &asker) || !api_text(op, API_channel, &spelling) || !read_subscribe(op, &q) ||
        !read_channel(op, spelling, asker, &channel))
        return;
    q.channel = channel.full;
    api_ask(op, &q, channel.tenant->name, counted);
}

void api_refresh_start(struct api_op *op)
{
    struct call_question q = {.kind = CALL_REFRESH};
    const struct config_tenant *tenant, *asker;
    if (read_who(op, &q, &tenant, &asker) && read_terms(op, &q) && api_bool(op, API_expired, &q.expired))
        api_ask(op, &q, tenant->name, counted);
}
