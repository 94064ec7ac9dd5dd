/* One command of a client (protocol.md 2, Command), from a line of JSON (command_json.c) or from Protobuf
 * (command_protobuf.c). Keys and fields that are not known are ignored, null counts as absent, a known one with a wrong
 * type, or a text that is not UTF-8 or has a NUL in it, makes the command invalid (disconnect 3501). */
#ifndef GATEWAY_COMMAND_H
#define GATEWAY_COMMAND_H

#include "want.h"

#include "core/buf.h"
#include "core/bytes.h"

struct Pb__Command;

enum command_kind {
    COMMAND_NONE, /* nothing known in it: with id 0 a pong, otherwise a mistake */
    COMMAND_CONNECT,
    COMMAND_SUBSCRIBE,
    COMMAND_UNSUBSCRIBE,
    COMMAND_PUBLISH,
    COMMAND_PRESENCE,
    COMMAND_PRESENCE_STATS,
    COMMAND_HISTORY,
    COMMAND_PING, /* legacy, refused */
    COMMAND_SEND,
    COMMAND_RPC,
    COMMAND_REFRESH,
    COMMAND_SUB_REFRESH,
    COMMAND_KINDS
};

struct command {
    uint32_t id;
    enum command_kind kind;
    struct bytes channel, token, method, delta; /* decoded text; empty when absent */
    struct bytes epoch;       /* of subscribe, or of history's since */
    struct bytes data;        /* as it came, or empty */
    struct bytes filter;      /* tf of subscribe as JSON, or empty */
    bool data_is_json;        /* it is known to be one value; otherwise nothing is known (command_has_json) */
    bool too_deep;            /* data of a publish or rpc was JSON nested deeper than it may be, and is empty: error 107 */
    uint64_t offset;          /* of subscribe, or of history's since */
    int64_t limit, flag, type;
    bool recover, join_leave, positioned, recoverable, reverse;
    bool has_since;
    struct wants asked;       /* connect's subs */
    struct bytes name, version; /* of connect: the client's program */
    struct bytes headers;       /* of connect: a JSON object, or what stands in its place; or empty */
    struct buf text;              /* memory of the decoded texts; the rest points into the line */
    struct Pb__Command *unpacked; /* Protobuf: all of them point into it */
};

/* Takes the next command off what is left of a frame, which is not empty (encoding.h has the one that a connection needs). ret:
 * any memory; command_fini is needed after success only. -> 0, -EBADMSG: frame is as it was, and of no use */
int command_take_json(struct bytes *frame, struct command *ret);
int command_take_protobuf(struct bytes *frame, struct command *ret);
/* A ConnectRequest in JSON by itself, as one-way clients say it: a connect with id 0. -> the same */
int command_take_connect(struct bytes request, struct command *ret);
void command_fini(struct command *c);

/* A copy in memory of its own, for a command that is gone on with later; without asked and headers. */
struct command *command_keep(const struct command *c);
void command_free(struct command *c); /* NULL is fine */

/* Whether `data` is there and is one JSON value. */
bool command_has_json(const struct command *c);
/* Levels that `data` may be nested. */
int command_depth_max(const struct command *c);

#endif
