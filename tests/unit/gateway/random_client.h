/* A client in the gateway's random test: what it says, in JSON or Protobuf, and what it may be told. Whatever it is told is
 * checked against what it has said and where it stands: each command has one reply of its kind, nothing is told of a channel
 * that it is not subscribed to, and the publications of one come in their order, without a hole or a repeat. */
#ifndef TEST_RANDOM_CLIENT_H
#define TEST_RANDOM_CLIENT_H

#include "random_world.h"

#define CLIENT_COMMANDS 600 /* that one says before it comes anew */

/* What it knows of a channel. */
struct random_view {
    bool subscribed, positioned;
    bool deltas;    /* what comes may be told by what came before */
    uint64_t epoch;
    int64_t offset; /* of what it was told last; -1: not known */
};

struct random_client {
    struct world *world;
    struct ws_socket *socket;
    int number;
    uint32_t last_id;
    const char *asked[CLIENT_COMMANDS]; /* by id: the command that has no reply yet, or NULL */
    int channels[CLIENT_COMMANDS];      /* by id */
    struct random_view views[WORLD_CHANNELS];
    bool connects; /* it is one-way and has yet to hear that it is connected */
    bool refused;  /* its connect was */
    bool ended;    /* its socket was closed, and what was written before is read */
    int pings;     /* that it has not answered */
};

void random_client_come(struct random_client *c, struct world *w, int number); /* anew, if it was there */
void random_client_go(struct random_client *c);
bool random_client_is_gone(const struct random_client *c); /* the gateway has closed or cut its socket */
void random_client_say(struct random_client *c);  /* one to four commands in a message, or the connect of a one-way client */
void random_client_hear(struct random_client *c); /* checks what was written to it since the last time; answers pings */
void random_client_check_rest(const struct random_client *c); /* nothing is under way any more */

/* ---- random_command.c, random_protobuf.c */

/* Appends a command as a line of JSON and keeps what it asks. */
void random_command(struct random_client *c, struct buf *into);
/* Appends the same in Protobuf, behind its size. */
void random_pack(struct buf *into, struct bytes line);
/* Takes the next message in Protobuf and writes it as JSON says it. -> false: there is none */
bool random_unpack(struct bytes *messages, struct buf *into);

#endif
