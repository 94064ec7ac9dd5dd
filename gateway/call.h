/* What the HTTP API asks of every gateway of the cell (ops_call; ctl_call, ctl_answer of
 * messages.h): the bodies, both ways, are JSON, written and read here only. The API's side
 * writes the question and merges the answers; the receiving side decodes the question, walks
 * its own connections or channels, and encodes its answer:
 *
 *     call_decode          below 0: call_answer_error
 *     then by q.kind:
 *     CALL_DISCONNECT      closes each connection that call_means with q.code and q.reason;
 *                          call_answer_count
 *     CALL_UNSUBSCRIBE     takes each such connection off q.channel (full name; empty: off all
 *                          its channels), push unsubscribe 2000; call_answer_count
 *     CALL_SUBSCRIBE       subscribes each such connection to q.want (channel: full name); call_answer_count
 *     CALL_REFRESH         gives each such connection another end and info, or ends it (q.expired); call_answer_count
 *     CALL_CONNECTIONS     call_page_begin, call_page_add for each connection that call_lists, behind
 *                          q.cursor and in the order of client ids, until it says no, call_page_end
 *     CALL_CHANNELS        call_channels_begin, call_channels_add for each channel with
 *                          subscribers, call_channels_end; of a page (q.paged) those that
 *                          call_channels_lists, in the order of full names
 *     CALL_INFO            counts what belongs to q.tenant (empty: all); call_answer_info
 *
 * Bodies, question and answer:
 *
 *     disconnect   {"user":"u","client":"c","whitelist":["d"],"code":3503,"reason":"…"}
 *                  {"count":1}
 *     unsubscribe  {"user":"u","client":"c","channel":"default/news"}
 *                  {"count":1}
 *     subscribe    {"user":"u","client":"c","session":"s","channel":"default/news","info":…,"data":…,
 *                  "override":{…},"recover_since":{…},"expire_at":1}
 *                  {"count":1}
 *     refresh      {"user":"u","client":"c","session":"s","info":…,"expire_at":1,"expired":true}
 *                  {"count":1}
 *     connections  {"user":"u","cursor":"CLIENT","limit":100}
 *                  {"connections":{"CLIENT":{…},…},"more":true}
 *     channels     {"pattern":"news*"}, for a page {"pattern":"news*","cursor":"default/news","limit":100}
 *                  {"channels":{"default/news":{"num_clients":3}}}, or {"full":true} when that
 *                  would pass --call-answer-max; of a page "more":true behind the channels
 *     info         {}
 *                  {"node":{"uid":"…","name":"…","version":"…","num_clients":0,"num_users":0,
 *                  "num_subs":0,"num_channels":0,"uptime":0}}
 *     what could not be read: {"error":100}; in place of what was too much for the supervisor: {"full":true}
 *
 * Fields left out are empty. `tenant` of the call: whose users and channels are meant; empty for
 * connections, channels and info: all tenants; never for the others (a user of one tenant is
 * nobody in another). Gateways of one cell are started anew together: a method that one does not
 * know is answered with an error. */
#ifndef GATEWAY_CALL_H
#define GATEWAY_CALL_H

#include "config.h"
#include "want.h"

#define CALL_PAGE_MOST 100000     /* connections or channels of one page, whatever --api-page-max says */
#define CALL_ENTRY_BYTES (1 << 20) /* of one connection in it, about: of more channels the rest is not listed */
#define CALL_PAGE_BYTES (1 << 16) /* of one gateway's part of it, about: 4 MiB of answers (supervisor/control.h) are 60 gateways' */

enum call_kind {
    CALL_DISCONNECT = 1,
    CALL_UNSUBSCRIBE,
    CALL_SUBSCRIBE,
    CALL_REFRESH,
    CALL_CONNECTIONS,
    CALL_CHANNELS,
    CALL_INFO,
};

struct call_question {
    enum call_kind kind;
    const struct config *config;
    const struct config_tenant *asker; /* the tenant; NULL: all tenants */
    struct bytes tenant;               /* its name, or empty */
    struct bytes user;                 /* empty: whoever `client` is */
    struct bytes client;               /* empty: all of the user's */
    struct bytes session;              /* empty: whatever the session */
    struct bytes channel;              /* unsubscribe: full name; empty: all; subscribe: full name */
    struct bytes pattern;              /* channels; empty: all */
    uint32_t code;                     /* disconnect: close code, 3000 to 4999 */
    struct bytes reason;               /* disconnect: 1 to 123 bytes */
    struct bytes info, data, override, recover_since; /* subscribe, refresh: JSON, or empty; of the body */
    int64_t expire_at;                 /* subscribe, refresh: s since 1970; 0: never */
    bool expired;                      /* refresh */
    struct bytes cursor;               /* client, or full name of a channel, behind which the page begins */
    uint32_t limit;                    /* of connections or channels in a page */
    bool paged;                        /* of the receiving side: limit was said */
    struct want want;                  /* of the receiving side: the four, channel and expire_at */
    struct bytes *whitelist; /* clients; of the receiving side: freed by call_fini */
    size_t n_whitelist;
    struct buf memory;
};

struct call_info {
    struct bytes uid, name, version;
    uint64_t num_clients, num_users, num_subs, num_channels;
    uint64_t uptime; /* s */
};

/* ---- asking side */
const char *call_method(enum call_kind kind);
/* Appends the body. For all that is about somebody user, client or session must be there. */
void call_encode(struct buf *into, const struct call_question *q);

/* ---- receiving side */
/* Borrows tenant, config and of the body its JSON, copies the rest. -> 0, -EBADMSG, -ENOENT (unknown method or
 * tenant) */
int call_decode(struct call_question *q, const struct config *config, struct bytes method,
                struct bytes tenant, struct bytes body);
void call_fini(struct call_question *q);
struct call_who {
    struct bytes tenant, user, client, session; /* of a connection */
};
/* Whether a connection is meant by what is about somebody. */
bool call_means(const struct call_question *q, const struct call_who *who);
/* Whether it is to be listed by connections, on this page or another. */
bool call_lists(const struct call_question *q, const struct call_who *who);
void call_answer_count(struct buf *into, uint64_t count);
void call_answer_info(struct buf *into, const struct call_info *info);
void call_answer_error(struct buf *into);

struct call_connection {
    struct call_who who;
    struct bytes app_name, app_version, transport, protocol;
};
struct call_page {
    const struct call_question *q;
    struct buf *into;
    size_t start;
    uint32_t n;
    bool more;
};
void call_page_begin(struct call_page *p, const struct call_question *q, struct buf *into);
/* Begins one, whose channels follow by call_page_channel (full name; those above CALL_ENTRY_BYTES are passed over); call_page_close
 * ends it. -> false: the page is full, it was not taken */
bool call_page_add(struct call_page *p, const struct call_connection *c);
void call_page_channel(struct call_page *p, struct bytes full);
void call_page_close(struct call_page *p);
void call_page_end(struct call_page *p);

struct call_channels {
    const struct call_question *q;
    struct buf *into;
    size_t start, n, most;
    bool full; /* the answer passed `most` bytes; a page took what it may */
};
/* most: --call-answer-max */
void call_channels_begin(struct call_channels *l, const struct call_question *q, size_t most, struct buf *into);
/* Whether the channel is of the asker's, matches the pattern (as the asker spells it) and is behind the cursor. */
bool call_channels_lists(const struct call_question *q, struct bytes full);
/* Adds it if it is listed. */
void call_channels_add(struct call_channels *l, struct bytes full, uint64_t num_clients);
void call_channels_end(struct call_channels *l);

/* ---- merging, back on the asking side. answers: list of ctl_answer. */
/* Sum of the counts. -> 0, or 100 when fewer than `asked` answered (at least one gateway's part
 * is unknown) */
uint32_t call_merge_count(uint32_t asked, struct bytes answers, uint64_t *ret_count);
/* Appends {"channels":{"news":{"num_clients":4}}}, names as the asker spells them, counts summed; with a limit at most so many,
 * in the order of full names, and "next" where there are more.
 * -> 0, 100 (as above), 106 (some answer was too long: a page or a narrower pattern helps) */
uint32_t call_merge_channels(const struct config *config, const struct config_tenant *asker, uint32_t asked,
                             struct bytes answers, uint32_t limit, struct buf *into);
/* Appends {"connections":{…}}, at most `limit` and each as its gateway told it, and "next" where there are more.
 * -> 0, 100, 106 (a smaller limit helps) */
uint32_t call_merge_connections(uint32_t asked, struct bytes answers, uint32_t limit, struct buf *into);
/* Appends {"nodes":[…]} with those that answered, and "missing":["b"], cells of which somebody has not: who is missing is what
 * info is asked for. missing: list of cell_name. -> 0, 100 (nobody) */
uint32_t call_merge_info(struct bytes answers, struct bytes missing, struct buf *into);

#endif
