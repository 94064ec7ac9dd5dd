#include "api_call.h"

#include "api_params.h"
#include "gateway.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct api_method methods[] = {
    {"publish", api_publish_start, api_publish_forget, 0},
    {"broadcast", api_broadcast_start, api_publish_forget, 0},
    {"history", api_history_start, api_history_forget, 0},
    {"presence", api_presence_start, NULL, 0},
    {"presence_stats", api_presence_stats_start, NULL, 0},
    {"channels", api_channels_start, NULL, 0},
    {"info", api_info_start, NULL, 0},
    {"disconnect", api_disconnect_start, NULL, 0},
    {"unsubscribe", api_unsubscribe_start, NULL, 0},
    {"subscribe", api_subscribe_start, NULL, 0},
    {"refresh", api_refresh_start, NULL, 0},
    {"connections", api_connections_start, NULL, 0},
    {"rpc", NULL, NULL, 104},
    {"history_remove", api_history_remove_start, NULL, 0},
};

const struct api_method *api_method_find(struct bytes name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (bytes_is(name, methods[i].name))
            return &methods[i];
    return NULL;
}

static void op_start(struct api_op *op)
{
    op->started = true;
    if (!op->method)
        api_op_finish(op, 104);
    else if (!op->method->start)
        api_op_finish(op, op->method->refused);
    else if (op->too_deep) {
        api_op_detail(op, "nested deeper than %d levels", JSON_DEPTH_MAX);
        api_op_finish(op, 107);
    } else if (op->call->bytes > (size_t)op->call->gateway->options->api_answer_max) {
        api_op_detail(op, "the results are above --api-answer-max");
        api_op_finish(op, 106);
    } else {
        api_fields_find(op);
        op->method->start(op);
    }
}

bool api_call_drive(struct api_call *call)
{
    call->driving = true;
    while (call->next < call->n_ops && call->running < call->window) {
        call->running++;
        op_start(&call->ops[call->next++]);
    }
    call->driving = false;
    if (call->running > 0)
        return false;
    api_call_answer(call);
    api_call_free(call);
    return true;
}

static void op_forget(struct api_op *op)
{
    if (op->started && !op->finished) {
        ops_cancel(op->call->gateway, op->ticket);
        if (op->method->forget)
            op->method->forget(op);
    }
    free(op->work);
    buf_fini(&op->memory);
    buf_fini(&op->result);
}

void api_call_free(struct api_call *call)
{
    for (size_t i = 0; i < call->n_ops; i++)
        op_forget(&call->ops[i]);
    free(call->ops);
    buf_fini(&call->body);
    config_unref(call->config);
    free(call);
}

void api_op_finish(struct api_op *op, uint32_t code)
{
    struct api_call *call = op->call;
    assert(!op->finished);
    op->finished = true;
    op->code = code;
    op->ticket = 0;
    if (code)
        buf_fini(&op->result);
    call->bytes += op->result.n;
    call->running--;
    if (!call->driving)
        api_call_drive(call);
}

void api_op_detail(struct api_op *op, const char *fmt, ...)
{
    va_list ap;
    if (op->call->detail[0])
        return;
    va_start(ap, fmt);
    vsnprintf(op->call->detail, sizeof op->call->detail, fmt, ap);
    va_end(ap);
    for (char *c = op->call->detail; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?'; /* it becomes a header */
}

void api_op_missing(struct api_op *op, struct bytes cells, const char *consequence)
{
    struct buf names = {0};
    struct cell_name one;
    while (wire_next_cell_name(&cells, &one) > 0)
        buf_printf(&names, "%s%.*s", names.n ? ", " : " of cell ", BYTES_FMT(one.name));
    api_op_detail(op, "not every gateway%s answered%s", names.n ? names.p : " of every cell", consequence);
    buf_fini(&names);
}

void api_op_malformed(struct api_op *op, const char *field)
{
    api_op_detail(op, "%s has a wrong type", field);
    op->malformed = true;
    api_op_finish(op, 107);
}
