/* A connect from its command to its reply. On the way it may have to wait: for admission (admission.h), and, when the server
 * subscribes the client to channels, for the position of each of them (join.h), since the reply tells them all:
 *
 *     verb_connect ─▶ who is it? (auth.h) ─▶ admission ─▶ entrance_enter ─▶ joins ─▶ the reply
 *                          │    struct auth: user, info, data, wants
 *                          └──▶ an application that is asked instead of a token answers with the same
 *
 * What the client sends behind its connect is parked meanwhile. Bounded by --connect-wait and --subscribe-timeout. */
#ifndef GATEWAY_ENTRANCE_H
#define GATEWAY_ENTRANCE_H

#include "auth.h"
#include "command.h"
#include "connection.h"

/* connection_extras::entrance */
struct entrance {
    uint32_t id; /* of the command */
    struct bytes token, name, version, data; /* of the command; data: JSON */
    struct wants asked; /* of the command: what the client had, or would have */
    struct buf text;    /* memory of the texts */
    struct auth known;  /* what an application said instead of a token; is_known */
    bool is_known;
    bool data_is_json;
    struct bytes headers;          /* of the command: JSON, or empty */
    char client[CLIENT_BYTES + 1]; /* by what the application was told of it; "": none was asked */
    struct buf reply_data; /* JSON, or empty */
    uint32_t ttl;       /* s, for the reply; 0: does not expire */
    uint32_t unsettled; /* joins that have no answer yet */
};

struct entrance *entrance_new(struct connection *c, const struct command *m); /* copies; it hangs in c->extras */
void entrance_free(struct connection *c);                                     /* none is fine */

/* Each answers the connect, and so ends its entrance, at once unless it says otherwise. */

/* Lets the client in that `a` says it is, if it has a place, with the subscriptions of a->wants, of the tenant's
 * options and, as far as it may have them, of `asked`. The answer may come later, when they have a position. */
void entrance_enter(struct connection *c, const struct auth *a);
void entrance_refuse(struct connection *c, uint32_t error); /* a one-way client is disconnected with the code that stands for it */
/* The same with an error of the application's. */
void entrance_refuse_own(struct connection *c, uint32_t error, struct bytes message, bool temporary);
/* -> whether there is room here for one more of that tenant and user, which asks for so many channels; otherwise it has been
 * told: disconnect 4010, 4011, 3504, 3505 */
bool entrance_has_place(struct connection *c, const struct auth *a);

/* For join.c: one of its joins has an answer, or cannot have one. */
void entrance_settled(struct connection *c);
void entrance_fail(struct connection *c, uint32_t error);

#endif
