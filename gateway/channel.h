/* A channel that somebody on this gateway listens to: a ring of its recent publications, each encoded once, and the
 * subscriptions, each with a cursor into it. Nothing is queued per subscriber.
 *
 *     publications   … 38 39 40 | 41 42 43 44 45 46 |
 *                     below     | base          head|         base = seq before the ring's first
 *     cursors            ^sent=39      ^sent=43     ^sent=46
 *
 * A cursor in the ring is served from it; one below it reads pages from the channel's worker (page.h) until it is in
 * the ring; one above the head (its client had been served by a gateway that was ahead) waits silently.
 * Bounds: messages and bytes per ring, and bytes over all rings, of which the oldest publications go first. */
#ifndef GATEWAY_CHANNEL_H
#define GATEWAY_CHANNEL_H

#include "config.h"
#include "core/buf.h"
#include "core/drr.h"
#include "core/list.h"
#include "core/map.h"
#include "encoding.h"
#include "pace.h"
#include "wheel.h"
#include "wire/messages.h"

struct after;
struct budget;
struct connection;
struct filter;
struct forms;
struct hold;
struct page;
struct gateway;
struct tags;
struct tenant;

/* A publication as what clients get: a JSON object in one line; the same in Protobuf, and what those get who asked for deltas
 * (delta.h), once somebody needs it. */
struct frame {
    struct list by_age;      /* struct rings::by_age; alone when it is in a page */
    struct channel *channel;
    uint64_t seq, id;
    uint64_t committed_us, sent_us; /* µs since 1970; 0: not known */
    struct after *after;            /* what it answers and could be held for (hold.h), or NULL */
    struct frame_form *protobuf;    /* or NULL */
    struct forms *forms;            /* the same */
    struct tags *tags;              /* decoded (tags.h), or NULL */
    uint32_t n;                     /* bytes of json */
    uint32_t data_n : 30;           /* of them the payload's, behind FRAME_DATA; 0: it is no JSON */
    uint32_t wants_delta : 1;       /* its publisher, or its namespace */
    uint32_t removal : 1;           /* of what is before it: for nobody, cursors pass it over */
    char json[];
};

struct frame_form {
    uint32_t n; /* bytes */
    char p[];
};

static inline size_t frame_form_bytes(const struct frame_form *f) /* of memory; NULL: 0 */
{
    return f ? sizeof *f + f->n : 0;
}

#define FRAME_DATA "{\"data\":" /* what a frame's JSON begins with, but where its payload is none */

/* What all rings share: limits and the order of age. */
struct rings {
    struct list by_age;    /* struct frame::by_age, oldest first */
    size_t bytes;          /* of all frames in rings */
    size_t passing_bytes;  /* of those of ephemeral channels among them */
    size_t bytes_max;      /* --rings-bytes */
    size_t channel_bytes;  /* --ring-bytes */
    uint32_t messages_max; /* --ring-messages */
};

enum channel_state {
    CHANNEL_ASKED, /* the worker has not said yet where it stands: no position, subscribers wait */
    CHANNEL_LIVE,  /* epoch and head are known; also while its worker is away */
};

/* A client's place in one channel. There are a hundred thousand: what few of them have at a time is in `extras`. */
struct sub {
    struct channel *channel;
    struct connection *connection;
    uint64_t sent;             /* seq that the client has; seq + 1 is its next */
    struct sub_extras *extras; /* sub.h; or NULL */
    uint32_t at;               /* index in channel::subs */
    bool live : 1;             /* false: the reply to subscribe is still to come (join.h) */
    bool full : 1;             /* the client spelled it tenant/name */
    bool positioned : 1;       /* told epoch and offset */
    bool recoverable : 1;      /* and goes on from them when its client comes back */
    bool server : 1;           /* made by the server (server_sub.h) */
    bool renews : 1;           /* was told a ttl: its client brings a fresh token */
    bool wants_joins : 1;      /* joins and leaves are pushed to it */
    bool present : 1;          /* its presence stands with the worker */
    bool tells : 1;            /* its presence is announced by joins and leaves */
    bool passive : 1;          /* its client does not look: told of the head alone (passive.h) */
    bool deltas : 1;           /* asked for and granted (delta.h) */
    bool filtered : 1;         /* told what its filter lets through (filter.h) */
    bool has_last : 1;         /* its client was told `sent` itself by this subscription: a delta may build on it */
};

struct sub_extras {
    struct sub *sub;
    struct joining *joining; /* while not live */
    struct page *page;       /* what it reads while it is below the ring, or NULL */
    struct list page_link;   /* struct page::readers, or struct tenant::page_waiters */
    struct hold *hold;       /* once it waited for another one of the connection's, or was waited for; or NULL */
    uint64_t old;            /* head when the subscribe was answered: up to it a delivery is recovery, not news */
    int64_t expires_ns;      /* loop clock; 0: never; grace included */
    bool asked;              /* the application, whether it goes on */
    struct filter *filter;   /* a counted reference, or NULL */
    char *info;              /* ClientInfo with chan_info, when the token gave one; else NULL: the connection's */
};

/* What is looked at for each delivery stands together; what few have at a time is in `extras`. */
struct channel {
    uint64_t head;             /* seq of the newest publication seen; undefined while CHANNEL_ASKED */
    struct frame **slots;      /* ring of `cap` pointers, a power of two; grows up to messages_max */
    uint32_t cap, first, count;
    uint32_t bytes;            /* of the frames */
    struct sub **subs;         /* unordered */
    struct sub *only;          /* memory of `subs` while it has one */
    uint32_t n_subs, cap_subs;
    uint32_t flush_at;         /* the walk over subs goes on here */
    bool flush_again : 1;      /* and starts anew afterwards */
    bool batched : 1;          /* waits for more news */
    bool ephemeral : 1;        /* its publications have no number; head, ring and cursors are this gateway's own count */
    bool deltas : 1;           /* its namespace wants them of every publication */
    bool conflates : 1;        /* who is slow goes on with the newest (slow.h) */
    bool astray : 1;           /* its worker says that it is not its own: told again soon */
    bool removed : 1;          /* what is below a removal waits in the ring for those who have yet to be told of it */
    bool heard : 1;            /* a canary's: somebody of ours listens (canary.h) */
    bool escaped : 1;          /* the name is not its own JSON */
    enum channel_state state : 7;
    uint16_t quoted_n;         /* bytes of the full name as JSON text, and `",` */
    struct pace pace;          /* what goes out to its subscribers */
    uint32_t due_ms;           /* loop clock, low bits: when its news went out last, or while batched goes next (batch.h) */
    struct drr_flow dirty;     /* struct tenant::dirty: somebody may be behind; or, by its list, struct batch::waiting or struct budget::late */

    struct map_node by_name;   /* struct hub::channels */
    struct channel_place place;
    uint64_t epoch;            /* of the newest publication seen; undefined while CHANNEL_ASKED */
    uint64_t sweep;            /* ticket of that question, or 0 */
    struct gateway *gateway;
    struct tenant *tenant;     /* a counted reference; hub.c */
    struct channel_extras *extras; /* or NULL */
    uint32_t heard_ms;         /* loop clock, low bits: when something came last, or the head was asked for (sweep.h) */
    uint16_t batch_ms;         /* batch_delay of its namespace */
    uint8_t gathered;          /* publications that wait while it is batched, up to batch_full() */
    uint8_t name_at;           /* bytes of the tenant and its slash */
    uint16_t full_n;           /* bytes of the full name */
    char text[];               /* the full name, its JSON text if that is another one, and `",` */
};

/* Its passive subscriptions; passive.c */
struct passive {
    struct wheel_timer timer; /* set: some are still to be told of the head, or were within the last second */
    int64_t next_ns;          /* when they are told again */
    uint32_t n;
    uint32_t left;            /* subscriptions below this index are still to be told */
    bool moved;               /* the head, since they were */
};

struct channel_extras {
    struct channel *channel;
    struct wheel_timer linger;   /* set while nobody listens */
    struct wheel_timer holding;  /* set while somebody may wait for what a publication answers: hold.h */
    int64_t holds_in_vain_ns[2]; /* when the last two such waits ran out; 0: none */
    int64_t holds_off_until_ns;  /* nothing is held until then */
    struct list passing;         /* struct gateway::passing: the ring holds ephemeral frames */
    struct list pages;           /* struct page::by_channel */
    struct passive passive;
    struct budget *budget;       /* of its tenant, if that has a delivery_rate; or NULL */
};

static inline struct budget *channel_budget(const struct channel *c)
{
    return c->extras ? c->extras->budget : NULL;
}

/* The client has not got all that there is, and would. */
static inline bool sub_is_behind(const struct sub *s)
{
    return s->live && !s->passive && s->sent < s->channel->head;
}

enum channel_appended {
    CHANNEL_APPENDED, /* it is the new head */
    CHANNEL_REPEATED, /* at or below the head, or of an older epoch: dropped */
    CHANNEL_JUMPED,   /* it is the new head, and the ring holds it alone: what lies between was not seen */
    CHANNEL_ROSE,     /* a newer epoch: the ring holds it alone, and every cursor is void */
};

void rings_init(struct rings *r);
void rings_trim(struct rings *r); /* drops what is above their bound; not while somebody reads one */

/* full: tenant/name. Starts CHANNEL_ASKED. */
struct channel *channel_new(struct gateway *g, struct bytes full);
void channel_free(struct rings *r, struct channel *c); /* has no subscribers and no pages */
struct channel_extras *channel_extras(struct channel *c); /* made if there are none */
void channel_tidy(struct channel *c);                     /* drops them when nothing in them is in use */

static inline uint64_t channel_base(const struct channel *c) /* head - frames in the ring */
{
    return c->head - c->count;
}

static inline struct frame **channel_slot(const struct channel *c, uint32_t i) /* of the ring's i-th frame */
{
    return &c->slots[(c->first + i) & (c->cap - 1)];
}

/* -> the frame of that seq, or NULL when it is not in the ring */
static inline struct frame *channel_frame(const struct channel *c, uint64_t seq)
{
    uint64_t i = seq - channel_base(c) - 1;
    return i < c->count ? *channel_slot(c, (uint32_t)i) : NULL;
}

uint64_t channel_floor(const struct channel *c); /* lowest offset from which the ring recovers: what a removal is for is no history */
void channel_forget(struct rings *r, struct channel *c, uint64_t seq); /* what is at that seq or below */
/* The channel is live, at that position, with an empty ring. */
void channel_stand(struct rings *r, struct channel *c, uint64_t epoch, uint64_t head);
/* Only while live. What is below a removal stays until hub_forget_removed. scratch: any buffer, cleared. */
enum channel_appended channel_append(struct rings *r, struct channel *c, const struct publication *p, struct buf *scratch);
/* An ephemeral one becomes the new head. Only while live. */
void channel_pass(struct rings *r, struct channel *c, const struct publication *p, struct buf *scratch);
void channel_drain(struct rings *r, struct channel *c); /* its ring is empty, the head stays */
/* Puts frames below the ring: frames[0…n) ascend without a hole and the last one's seq is the base. Owns them from
 * here. -> true, or false when the ring has no room for all of them (nothing was taken) */
bool channel_prepend(struct rings *r, struct channel *c, struct frame **frames, uint32_t n);

struct frame *frame_new(struct channel *c, const struct publication *p, struct buf *scratch);
struct frame_form *frame_form_new(struct bytes text);
const struct frame_form *frame_make_protobuf(const struct frame *f); /* what it costs counts with its ring */
/* Something was made beside f; in a ring it is larger from now on. What that pushes out goes when something is appended, or
 * at the end of the turn, since somebody is reading this ring. */
void frame_grew(const struct frame *f, size_t bytes);
void frame_free(struct frame *f); /* in no ring any more */

/* Puts `s` among the subscribers / takes it away. During a flush walk (flush_at > 0) nobody is passed over. */
void channel_add(struct channel *c, struct sub *s);
void channel_remove(struct channel *c, struct sub *s);

/* The publication as it stands in a message of that encoding. */
static inline struct bytes frame_in(const struct frame *f, enum encoding e)
{
    if (e == ENCODING_JSON)
        return bytes_of(f->json, f->n);
    const struct frame_form *form = f->protobuf ? f->protobuf : frame_make_protobuf(f);
    return bytes_of(form->p, form->n);
}

static inline struct bytes channel_full(const struct channel *c) /* tenant/name */
{
    return bytes_of(c->text, c->full_n);
}

#define CHANNEL_PUSH "{\"push\":{\"channel\":\""

/* `{"push":{"channel":"…",` in the subscriber's spelling; the push's own member and `}}` follow. */
static inline void channel_put_push(const struct channel *c, bool full, struct buf *b)
{
    size_t skip = full ? 0 : c->name_at;
    buf_append(b, CHANNEL_PUSH, sizeof CHANNEL_PUSH - 1);
    buf_append(b, c->text + (c->escaped ? c->full_n : 0) + skip, c->quoted_n - skip);
}

static inline size_t channel_push_size(const struct channel *c) /* bytes of that at most */
{
    return sizeof CHANNEL_PUSH - 1 + c->quoted_n;
}

/* `"…",`: the channel in the subscriber's spelling as JSON text. */
static inline void channel_put_quoted(const struct channel *c, bool full, struct buf *b)
{
    size_t skip = full ? 0 : c->name_at;
    buf_append_char(b, '"');
    buf_append(b, c->text + (c->escaped ? c->full_n : 0) + skip, c->quoted_n - skip);
}

static inline struct bytes channel_spelling(const struct channel *c, bool full)
{
    size_t skip = full ? 0 : c->name_at;
    return bytes_of(c->text + skip, c->full_n - skip);
}

static inline struct bytes channel_tenant(const struct channel *c)
{
    return bytes_of(c->text, c->name_at - 1U);
}

/* Subscriptions of a channel, or of a connection: memory for one more. *cap begins at 0, and the one that most have stands
 * in *only; then there are 3, as many as the smallest piece of memory holds, then half as many more. -> the array */
struct sub **subs_grow(struct sub **subs, uint32_t *cap, struct sub **only);
void subs_free(struct sub **subs, uint32_t cap);

#endif
