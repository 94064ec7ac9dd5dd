/* A client: its state, its identity, its subscriptions, what waits to be told to it and its deadlines.
 *
 * What is written to it is replies (and pings, unsubscribes, joins, leaves: messages in `out`, bounded by --replies-max)
 * and publications, which are never queued: each write gathers what its cursors are behind on (deliver.h). */
#ifndef GATEWAY_CONNECTION_H
#define GATEWAY_CONNECTION_H

#include "channel.h"
#include "codes.h"
#include "encoding.h"
#include "reply.h"
#include "session.h"
#include "stranger.h"
#include "transport.h"

#define CLIENT_BYTES 36 /* of a client's UUID as text */

struct tenant;
struct ws_socket;
struct errand;
struct proxied;

/* states and moves: connection.c */
enum connection_state {
    CONNECTION_FRESH,    /* upgraded; the first command has to be connect */
    CONNECTION_WAITING,  /* connect waits for admission; what comes behind it is parked */
    CONNECTION_ENTERING, /* it has a place; its server-side subscriptions have no position yet, and the rest is parked */
    CONNECTION_OPEN,
    CONNECTION_REJECTED, /* connect was answered with an error: any further command is 3501 */
    CONNECTION_CLOSING,  /* the Close frame is under way: hears and says nothing more */
};

#define STRIKES 4     /* channels whose 2500s are remembered per connection */
#define STRIKES_MAX 3 /* 2500s of one channel in a minute; then disconnect 3008 */
struct strike {
    uint64_t channel; /* hash of its name */
    int64_t since_ns; /* 0: free */
    uint32_t n;       /* 2500s since then */
};

/* What a delivery looks at stands in front. What few connections have at a time is in `extras`. */
struct connection {
    struct gateway *gateway;
    struct ws_socket *socket;
    struct sub **subs;
    struct sub *only; /* memory of `subs` while it has one */
    uint32_t n_subs, cap_subs;
    uint32_t gather_at; /* the next write begins with this subscription, so that none starves the others */
    enum connection_state state : 8;
    enum encoding encoding : 2;
    enum transport_kind kind : 4;
    bool paused : 1;  /* nothing is read from the socket */
    bool blocked : 1; /* the socket took the last write in part: nothing more until it is writable */
    unsigned overdue : 6; /* times that it was spared at the end of its lifetime, since commands were in flight */
    bool unfocused : 1; /* what it subscribes to is passive (passive.h) */
    bool deflates : 1; /* takes compressed messages (parcel.h) */
    bool departs : 1; /* this pass leads it to another cell (departure.h) */
    bool ordered : 1; /* a publish or an rpc waits for the tenant's application: those behind it wait */
    bool announced : 1; /* its worker was told that it is connected (attendance.h) */
    bool renews : 1;  /* was told a ttl: its client brings a fresh token */
    bool held : 1;    /* a command waits for some of those without a reply, and all behind it; nothing more is read */
    struct pace pace;    /* publications that go out to it */
    uint32_t pings;      /* sent and not answered */
    uint64_t shown;      /* highest id written to it */
    struct buf out;      /* whole messages */

    struct list talking; /* struct tenant::talking; while blocked gateway::slow */
    struct tenant *tenant; /* a counted reference */
    struct list all;     /* struct gateway::connections */
    struct list errands; /* struct errand::by_connection: commands without a reply yet */
    uint32_t n_errands;  /* these, and subscribes */
    uint32_t n_joining;  /* subscribes without a reply yet */

    /* Who it is: tenant, user, ClientInfo, name and version of its program behind each other; only the tenant, that of the
     * path, before connect. */
    char *texts;
    uint32_t user_n, info_n;
    uint32_t client_at; /* where its UUID stands in them: ClientInfo names it */
    uint8_t tenant_n, name_n, version_n;
    uint64_t granted; /* server_subs_print of what its token granted */

    struct wheel_timer timer; /* the earliest of these, ns of the loop clock, 0: none */
    int64_t end_ns;  /* until connect, and once that is refused: stale; open: the pong is missing; closing: the socket is cut */
    int64_t next_ns; /* waiting: refused; open: the next ping */
    int64_t expires_ns, subs_expire_ns;
    int64_t leaves_ns; /* the end of its lifetime */
    uint64_t acked; /* bytes the client's kernel had taken when the pong was missed first; 0: it was not yet */
    struct connection_extras *extras; /* or NULL */
};

struct connection_extras {
    struct connection *connection;
    struct buf parked;    /* commands that wait: for the connect before them, or for subscribes (held) */
    struct list resuming; /* struct gateway::resuming: what it was held for is there */
    struct stranger stranger; /* until its connect */
    struct list waiting;  /* struct queue::waiting (admission.c) */
    struct queue *queue;  /* that one, or NULL */
    struct entrance *entrance; /* of a connect that has no answer yet, or NULL */
    struct proxied *proxied;   /* or NULL */
    struct strike strikes[STRIKES];
    struct session *session; /* of one that has no WebSocket, or NULL */
};

/* tenant: of the path, or empty; copied. */
struct connection *connection_new(struct gateway *g, struct ws_socket *socket, struct bytes tenant,
                                  enum transport_kind kind, enum encoding encoding);
void connection_free(struct connection *c); /* its socket has gone */

/* Doorways of ws.c. message: commands; of a one-way client a ConnectRequest in JSON. */
void connection_message(struct connection *c, struct bytes message, bool binary);
void connection_writable(struct connection *c);

/* Ends it with a Close frame; what was queued is written first if the socket takes it. Again is fine. reason NULL:
 * the code's own. The connection lives on until the socket has gone. */
void connection_disconnect(struct connection *c, uint32_t code, const char *reason);
void connection_goto(struct connection *c, enum connection_state state);
/* Counts commands without a reply, and subscribes among them. */
void connection_began(struct connection *c, bool joining);
void connection_ended(struct connection *c, bool joining);
void connection_resume_if_due(struct connection *c); /* something that a held command may wait for has come */
void connection_resume_due(struct gateway *g); /* those that are held no longer; once a turn */

/* Goes on, if it waits no longer, with the commands that were parked. What stands behind a connect that was answered with an
 * error is dropped if it came with it: an SDK that sent both at once is to see the error, not a disconnect. */
void connection_go_on(struct connection *c);
void connection_drop_subs(struct connection *c); /* ends them all; it is told nothing */

/* Each -> false when that ended the connection */
bool connection_reply(struct connection *c, const struct reply *r);
bool connection_reply_error(struct connection *c, uint32_t id, uint32_t code);
/* The same with an error of the tenant's application. */
bool connection_reply_own_error(struct connection *c, uint32_t id, uint32_t code, struct bytes message, bool temporary);
bool connection_reply_empty(struct connection *c, uint32_t id, enum reply_kind kind);
/* One whole message has been appended to `out`: marks it for writing and checks the bound. */
bool connection_said(struct connection *c);
void connection_dirty(struct connection *c); /* to be written to at the next flush */

struct connection_extras *connection_extras(struct connection *c); /* made if there are none */
void connection_tidy(struct connection *c); /* drops them when nothing in them is in use */

#define PROGRAM_MAX 32 /* bytes that are kept of a program's name, and of its version */
struct identity { /* connection::texts */
    struct bytes tenant, user, client, info, name, version;
};
void connection_identify(struct connection *c, const struct identity *who);

/* An end in s since 1970 on the loop's clock, with the grace to bring a fresh token. 0: never, both ways */
int64_t connection_end_of(const struct gateway *g, int64_t expire_at);
/* Deadlines: after changing one of the *_ns fields. */
void connection_rearm(struct connection *c);

struct sub *connection_sub(const struct connection *c, const struct channel *channel); /* -> NULL when it has none */

static inline struct bytes connection_tenant(const struct connection *c)
{
    return bytes_of(c->texts, c->tenant_n);
}
static inline struct bytes connection_user(const struct connection *c) /* empty: anonymous */
{
    return bytes_of(c->texts + c->tenant_n, c->user_n);
}
static inline struct bytes connection_info(const struct connection *c) /* ClientInfo as JSON */
{
    return bytes_of(c->texts + c->tenant_n + c->user_n, c->info_n);
}
static inline struct bytes connection_name(const struct connection *c) /* of its program: "js" */
{
    return bytes_of(c->texts + c->tenant_n + c->user_n + c->info_n, c->name_n);
}
static inline struct bytes connection_version(const struct connection *c)
{
    return bytes_of(c->texts + c->tenant_n + c->user_n + c->info_n + c->name_n, c->version_n);
}
static inline struct bytes connection_client(const struct connection *c) /* its UUID */
{
    return bytes_of(c->texts + c->client_at, CLIENT_BYTES);
}

static inline const struct transport *connection_transport(const struct connection *c)
{
    return transport_of(c->kind);
}
/* Says nothing behind its connect, and hears pushes only. */
static inline bool connection_is_one_way(const struct connection *c)
{
    return connection_transport(c)->one_way;
}
/* For operators, in the protocol's words. */
static inline struct bytes connection_protocol(const struct connection *c)
{
    return c->encoding == ENCODING_JSON ? BYTES("json") : BYTES("protobuf");
}
static inline struct bytes connection_session(const struct connection *c) /* empty: a transport without sessions */
{
    return c->extras && c->extras->session ? c->extras->session->id : (struct bytes){0};
}

static inline bool connection_is_open(const struct connection *c)
{
    return c->state == CONNECTION_OPEN;
}
static inline bool connection_has_place(const struct connection *c) /* counts among its tenant's, and is known by name */
{
    return c->state == CONNECTION_ENTERING || c->state == CONNECTION_OPEN;
}

#endif
