/* The edges of a gateway, pretended: sockets keep what is written to them, links keep what they are asked. */
#ifndef TEST_FAKE_EDGES_H
#define TEST_FAKE_EDGES_H

#include "connection.h"
#include "gateway.h"

#include "run/http_client.h"
#include "run/source.h"

struct ws_socket {
    struct connection *connection;
    struct source from;
    struct buf written;    /* messages, those of text each ended by \n */
    int writes;
    int packed;            /* writes that came compressed; in `written` they are not */
    size_t largest;        /* bytes of one write */
    bool full;             /* keeps the next write: WS_KEPT */
    uint32_t close_code;
    char close_reason[128];
    bool cut, paused;
    uint64_t acked;
    int64_t silent_ms;
    bool waiting;
    /* of a request */
    int status; /* 0: no answer yet */
    struct buf headers;
    void *kept;
    void (*drop)(void *kept);
    const struct transport *transport; /* it has become a stream */
};

/* What the application was asked and has not answered. */
#define EDGES_PROXIED 32
struct edges_proxied {
    char url[128];
    struct buf body, headers; /* headers: each ended by \n */
    struct http_transfer *transfer;
    http_done *done;
    void *owner;
};

#define EDGES_HEADS 64
struct edges {
    bool worker_away;          /* nothing can be asked of it */
    bool sequencer_full;
    int broker_error;          /* what an ephemeral publish is refused with, or 0 */
    struct buf asked;          /* a line per call: "subscribe default/news head", "read default/news 5 32" … */
    uint64_t request;          /* ticket of the last read, head or presence asked for */
    struct {
        uint64_t request, since;
        char channel[40];
    } open[64];                /* reads without an answer, oldest first */
    int n_open;
    struct {
        uint64_t request;
        char channel[40];
    } heads[EDGES_HEADS];      /* the last heads asked for, each by its request */
    uint64_t publish_ticket;   /* of the last publish */
    int reads, publishes;
    int forgotten;             /* reads that it was told to forget */
    struct buf canary;         /* a line per report: channel */
    bool supervisor;           /* takes calls; else there is none */
    struct {
        uint64_t request;
        uint8_t one;
        struct buf cells, body;
    } call;                    /* the last one */
    struct buf answer;         /* to the last question of another gateway */
    uint64_t presence_after;   /* of the last question about presence */
    uint32_t presence_limit, presence_bytes, presence_users;
    uint64_t presence_seed;
    struct edges_proxied proxied[EDGES_PROXIED]; /* oldest first */
    size_t n_proxied;
    bool application_full;     /* too many wait for it */
};
extern struct edges edges;

/* A gateway with a configuration: tenant default, anonymous clients may do everything in its namespaces '', recovery, chat
 * (with presence), state (conflates for who is slow) and typing (ephemeral). They may connect to the tenants acme and slow
 * (10 in a second) too, which have no namespaces. */
void edges_start(struct gateway *g, struct gateway_options *options); /* whoever connects is admitted */
void edges_start_gated(struct gateway *g, struct gateway_options *options); /* as the options say */
void edges_stop(struct gateway *g);
void edges_configure(struct gateway *g, bool ephemeral); /* anew: namespace typing is, or it is not */
/* Anew, with further options of tenant default, and of its namespaces '' and typing: ",\"publish_rate\":5", or "". */
void edges_quotas(struct gateway *g, const char *tenant, const char *namespace);
void edges_configure_text(struct gateway *g, const char *json); /* anew, for cell a */
void edges_pass(struct gateway *g, int64_t ms); /* time: the wheel turns, then the end of the loop's turn */

struct ws_socket *edges_connect(struct gateway *g); /* upgraded, no connect yet */
struct ws_socket *edges_connect_to(struct gateway *g, const char *tenant); /* with it in its path */
struct ws_socket *edges_connect_protobuf(struct gateway *g);
/* Connected and subscribed, at epoch 1 and head 0 (typing:…, which is ephemeral: 0 and 0); what it was told is forgotten. */
struct ws_socket *edges_reader(struct gateway *g, const char *channel);
/* The same, of several durable channels whose names are one letter: "ab". */
struct ws_socket *edges_reader_of_all(struct gateway *g, const char *channels);
void edges_leave(struct ws_socket *s);              /* the socket has gone: frees both */
/* Says one message; ends the turn. */
void edges_say(struct ws_socket *s, const char *message);
void edges_say_binary(struct ws_socket *s, struct bytes message);
/* The lines that were written since the last time, joined by \n; "" if none. The caller frees. */
char *edges_take(struct ws_socket *s);

/* What the worker says. data: JSON. */
void edges_subscribed(struct gateway *g, const char *channel, uint64_t epoch, uint64_t seq);
void edges_publish(struct gateway *g, const char *channel, uint64_t epoch, uint64_t seq, const char *data);
/* With what it answers: references in full form, or NULL. */
void edges_answer(struct gateway *g, const char *channel, uint64_t epoch, uint64_t seq, const char *after);
/* Any publication, as wire_put_publication has put it into b, which is emptied. */
void edges_say_publication(struct gateway *g, const char *channel, struct buf *b);
/* Answers the read asked for last with publications first…last, data 1. */
void edges_range(struct gateway *g, uint32_t status, uint64_t epoch, uint64_t head, uint64_t first, uint64_t last);

/* ---- the application */
/* It answers the oldest question; error: as in http_response. */
void edges_application(struct gateway *g, int error, int status, const char *body);
/* The body of the oldest question, "" if there is none. */
const char *edges_question(void);

/* Answers the oldest open read from a log of `head` rows, 10 at most. -> false when there is none */
bool edges_serve(struct gateway *g, uint64_t epoch, uint64_t head);
/* The same with these publications, in the list b, which is emptied. */
void edges_serve_list(struct gateway *g, uint64_t epoch, uint64_t head, struct buf *b);
/* The same for the oldest open read of that channel; `after` says what each publication answers (printf, its seq), or NULL. */
bool edges_serve_channel(struct gateway *g, const char *channel, uint64_t epoch, uint64_t head, const char *after);

#endif
