/* One command of a client, parsed from one JSON line (protocol.md 2, Command). Keys that are not known are ignored,
 * null counts as absent, a known key with a wrong type makes the line invalid (disconnect 3501). */
#ifndef GATEWAY_COMMAND_H
#define GATEWAY_COMMAND_H

#include "want.h"

#include "core/buf.h"
#include "core/bytes.h"

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
    struct bytes data;        /* JSON as it came, or empty */
    uint64_t offset;          /* of subscribe, or of history's since */
    int64_t limit, flag, type;
    bool recover, join_leave, positioned, recoverable, reverse;
    bool has_since, has_filter;
    struct wants asked;       /* connect's subs */
    struct bytes name, version; /* of connect: the client's program */
    struct buf text;          /* memory of the decoded texts; the rest points into the line */
};

/* The next line of a frame, whose commands are parted by single \n, one more allowed at the end.
 * -> true, or false at the end. An empty line is handed out, and no command. */
bool command_next_line(struct bytes *frame, struct bytes *ret_line);
/* ret: any memory; command_fini is needed after success only. -> 0, -EBADMSG */
int command_parse(struct bytes line, struct command *ret);
void command_fini(struct command *c);

#endif
