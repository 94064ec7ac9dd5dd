/* Subscriptions that are wanted for a client that does not ask for each of them by a command of its own (protocol.md 6.8):
 *
 *     connection token, or result of the connect proxy   channels, subs    wants_read_channels, wants_read_subs
 *     tenant's option                                    personal channel
 *     connect command                                    subs              wants_read_asked
 *     /api/subscribe                                     one of them
 *
 * and the options of a subscription that its namespace has and a token, a proxy or the API overrides. A list owns its
 * texts; nothing in it has been resolved or permitted (server_sub.h). */
#ifndef GATEWAY_WANT_H
#define GATEWAY_WANT_H

#include "core/buf.h"

struct namespace_options;

/* Bit i belongs to row i of the table in want.c. */
struct overrides {
    uint8_t given, value;
};

/* {"presence":{"value":true},…}, or nothing, or null; an option that may not be overridden is ignored. -> 0, -EBADMSG */
int overrides_read(struct overrides *ret, struct bytes json);
/* The namespace's options as they are for that subscription. */
void overrides_apply(const struct overrides *o, struct namespace_options *options);

/* From where on a client has to be told what it missed. */
struct since {
    bool recover;
    bool has_epoch;
    uint64_t epoch;  /* 0: none of ours */
    uint64_t offset;
};
void since_epoch(struct since *s, struct bytes epoch); /* as texts have it; empty: none */
/* {"offset":1,"epoch":"…"}, what is left out stays. -> 0, -EBADMSG */
int since_read(struct since *s, struct bytes json);

struct want {
    struct bytes channel; /* in any spelling */
    struct bytes info;    /* chan_info: one line of JSON, or empty */
    struct bytes data;    /* for the client: one line of JSON, or empty */
    int64_t expire_at;    /* s since 1970; 0: never */
    struct overrides overrides;
    struct since since;
    char *texts; /* memory of the three */
};

struct wants {
    struct want *items;
    size_t n, cap;
};
#define WANTS_MAX 10000 /* items of one list that is read; more: -EBADMSG */

void wants_fini(struct wants *w);
/* Copies the texts of `want`. -> the copy, until the next one is added */
struct want *wants_add(struct wants *w, const struct want *want);

/* Each appends what a JSON value says; nothing and null say nothing. -> 0, -EBADMSG (some may have been appended) */
int wants_read_channels(struct wants *w, struct bytes array);  /* ["news",…] */
int wants_read_subs(struct wants *w, struct bytes object);     /* {"news":{"info":…,"b64info":"…","data":…,"b64data":"…","override":{…}},…} */
int wants_read_asked(struct wants *w, struct bytes object);    /* {"news":{"recover":true,"offset":1,"epoch":"…"},…} */

/* JSON as it stands, or Base64 of JSON (which wins), as one line. -> 0, -EBADMSG */
int want_read_json(struct bytes json, struct bytes b64_json, struct buf *into);

#endif
