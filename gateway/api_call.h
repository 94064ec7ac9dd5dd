/* What the files api_*.c share: a request under way is a call, which is one command, or the
 * commands of a batch. Each command is started once and finishes once, at once or when its
 * operations have answered; the call then goes on.
 *
 *     api.c          path, key, body → a call; the finished call → status and body
 *     api_call.c     which command runs when; the end
 *     api_params.c   fields out of a command's JSON
 *     api_publish.c  publish, broadcast       api_read.c     history, presence, presence_stats
 *     api_users.c    disconnect, unsubscribe, subscribe, refresh
 *     api_control.c  connections, channels, info */
#ifndef GATEWAY_API_CALL_H
#define GATEWAY_API_CALL_H

#include "api.h"
#include "history.h"

#include "core/json.h"

/* The members of a command that some method reads; one walk over the JSON finds them all. */
/* clang-format off */
#define API_FIELDS(F)                                                                          \
    F(channel) F(channels) F(data) F(b64data) F(tags) F(after) F(idempotency_key) F(version)   \
    F(skip_history) F(delta) F(limit) F(since) F(reverse) F(pattern) F(user) F(client)         \
    F(session) F(tenant) F(whitelist) F(disconnect) F(cursor) F(info) F(b64info) F(override)   \
    F(recover_since) F(expire_at) F(expired)
enum api_field {
#define API_FIELD(name) API_##name,
    API_FIELDS(API_FIELD)
#undef API_FIELD
    API_N_FIELDS
};
/* clang-format on */

#define API_PARAMS_DEPTH (JSON_DEPTH_MAX + 1) /* a payload lies in the params */

struct api_op;
struct call_question;

struct api_method {
    const char *name;
    /* ends in api_op_finish, now or later; NULL: answers `refused` */
    void (*start)(struct api_op *op);
    /* while under way: lets go of operations; NULL: there is only op->ticket */
    void (*forget)(struct api_op *op);
    uint32_t refused;
};
const struct api_method *api_method_find(struct bytes name); /* -> NULL: unknown */

/* One command. */
struct api_op {
    struct api_call *call;
    const struct api_method *method;   /* NULL: unknown, 104 */
    struct bytes params;               /* checked JSON, slice of call->body; empty when it is too deep */
    struct bytes fields[API_N_FIELDS]; /* of params; empty: absent or null */
    struct buf memory;                 /* texts decoded from params; api_params.h */
    uint64_t ticket;                   /* of its one operation under way */
    void *work; /* what the method keeps while it is under way; freed with the op */
    bool started, finished;
    bool too_deep;     /* a value of params is */
    bool malformed;    /* a field of a wrong type: HTTP 400 when it is the only command */
    uint32_t code;     /* 0, or the error; set with finished */
    struct buf result; /* JSON of the result when code is 0 */
};

struct api_call {
    struct gateway *gateway;
    const struct config *config;        /* a reference */
    const struct config_tenant *tenant; /* of the key; NULL: all */
    uint64_t now_ms;
    api_done_fn *done;
    void *ctx;
    const char *method; /* as in struct api_answer */
    bool batch, transport_errors;
    bool deep; /* body is nested deeper than params may be: each command's have to be looked at */
    struct buf body; /* what all slices point into */
    char detail[96]; /* of the first error that has one */
    struct api_op *ops;
    size_t n_ops, next, running, window;
    size_t bytes; /* of results so far */
    bool driving; /* inside api_call_drive: commands that finish now are seen there */
};

/* Runs what may run. -> true when everything has finished and `done` was called: the call is
 * gone */
bool api_call_drive(struct api_call *call);
void api_call_free(struct api_call *call);
void api_call_answer(struct api_call *call); /* api.c: calls done */

/* code 0: op->result holds the JSON. May end the call: the op is not touched any more. */
void api_op_finish(struct api_op *op, uint32_t code);
/* The same for a field that cannot be what it is: 107, HTTP 400 by itself. */
void api_op_malformed(struct api_op *op, const char *field);
/* Says which cells have not answered (list of cell_name, empty: nobody knows), and what of it. */
void api_op_missing(struct api_op *op, struct bytes cells, const char *consequence);
/* Says why, for X-Cellcast-Detail; the first of a call stays. */
void api_op_detail(struct api_op *op, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* api_publish.c */
void api_publish_start(struct api_op *op);
void api_broadcast_start(struct api_op *op);
void api_history_remove_start(struct api_op *op);
void api_publish_forget(struct api_op *op);
/* api_read.c */
void api_history_start(struct api_op *op);
void api_history_forget(struct api_op *op);
void api_presence_start(struct api_op *op);
void api_presence_stats_start(struct api_op *op);
/* api_users.c */
void api_disconnect_start(struct api_op *op);
void api_unsubscribe_start(struct api_op *op);
void api_subscribe_start(struct api_op *op);
void api_refresh_start(struct api_op *op);
/* api_control.c */
/* Sends the question to all gateways of the cell. tenant: empty: all */
void api_ask(struct api_op *op, const struct call_question *q, struct bytes tenant, ops_called_fn *arrived);
void api_connections_start(struct api_op *op);
void api_channels_start(struct api_op *op);
void api_info_start(struct api_op *op);

#endif
