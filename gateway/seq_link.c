#include "seq_link.h"

#include "gateway.h"
#include "pending.h"

#include "core/clock.h"
#include "run/introduce.h"
#include "run/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define PEERS_MAX 64
#define BEAT_MS 500
#define REDIAL_MIN_MS 20
#define REDIAL_MAX_MS 500

struct seq_peer {
    struct seq_links *links;
    struct dial *dial;
    struct introduction introduction;
    uint64_t shards; /* of its last welcome; 0 while it is down */
    bool welcome;
};

struct seq_links {
    struct gateway *g;
    struct pending pending;
    struct seq_peer peers[PEERS_MAX];
    int n_peers;
    struct seq_peer *leaders[SHARDS]; /* NULL: nobody leads it, publishes wait */
    ev_timer beat;
    uint64_t unsent; /* bits of the shards that this turn has brought publishes for */
    ev_prepare turn;
};

/* ---- sending */

static bool send_one(void *ctx, const struct seq_publish *m)
{
    struct seq_peer *leader = ctx;
    if (m->retry)
        leader->links->g->metrics.publishes_resent_total++;
    LINK_SEND(dial_link(leader->dial), SEQ_PUBLISH, seq_publish, m);
    return true;
}

static void send_shard(struct seq_links *s, unsigned shard)
{
    struct seq_peer *leader = s->leaders[shard];
    if (leader && dial_link(leader->dial))
        pending_send(&s->pending, shard, send_one, leader);
}

static void appoint(struct seq_links *s, unsigned shard, struct seq_peer *leader)
{
    if (s->leaders[shard] == leader)
        return;
    s->leaders[shard] = leader;
    pending_unsend(&s->pending, shard);
    send_shard(s, shard);
}

static struct seq_peer *other_leader(struct seq_links *s, unsigned shard)
{
    for (struct seq_peer *p = s->peers; p < s->peers + s->n_peers; p++)
        if (p->shards >> shard & 1)
            return p;
    return NULL;
}

/* The one who spoke last is believed. */
static void leads(struct seq_peer *p, uint64_t shards)
{
    struct seq_links *s = p->links;
    p->shards = shards;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (shards >> shard & 1)
            appoint(s, shard, p);
        else if (s->leaders[shard] == p)
            appoint(s, shard, other_leader(s, shard));
    }
}

int seq_publish(struct seq_links *s, uint64_t ticket, const struct ops_publish *what)
{
    struct gateway *g = s->g;
    unsigned shard = channel_place(what->channel).shard;
    struct seq_publish m = {.shown = what->shown,
                            .channel = what->channel,
                            .format = what->format,
                            .data = what->data,
                            .tags = what->tags,
                            .info = what->info,
                            .after = what->after,
                            .key = what->key,
                            .received_us = g->now_us};
    if (!pending_add(&s->pending, shard, &m, ticket, clock_mono_ns()))
        return -ENOBUFS;
    s->unsent |= 1ULL << shard;
    return 0;
}

/* What a turn has brought: a batch of the API is many publishes. */
static void send_unsent(struct seq_links *s)
{
    for (; s->unsent; s->unsent &= s->unsent - 1)
        send_shard(s, (unsigned)__builtin_ctzll(s->unsent));
}

static void on_turn(struct ev_loop *loop, ev_prepare *w, int events)
{
    send_unsent(w->data);
}

/* ---- hearing */

static void publish_late(void *owner, struct pending_publish *p)
{
    struct seq_links *s = owner;
    uint64_t ticket = p->ticket;
    pending_remove(p);
    s->g->metrics.publishes_timed_out_total++;
    ops_publish_done(s->g, ticket, &(struct ops_published){.code = 100, .text = BYTES("no result in time: the outcome is unknown")});
}

/* What was committed is so whoever says it. A refusal holds for who says it only: when the publish has been sent to
 * another leader since, that one may commit it. */
static bool is_settled(const struct seq_peer *from, const struct pending_publish *p, const struct seq_result *m)
{
    return !m->code || p->sent_to == from;
}

static void result_came(struct seq_peer *from, const struct seq_result *m)
{
    struct seq_links *s = from->links;
    struct gateway *g = s->g;
    struct pending_publish *p = pending_find(&s->pending, m->counter);
    if (!p || !is_settled(from, p, m))
        return; /* given up, or answered over another link, or to be */
    uint64_t ticket = p->ticket;
    histogram_record(&g->metrics.publish_commit_seconds, (clock_mono_ns() - p->since_ns) / NS_PER_US);
    *(m->code ? &g->metrics.publishes_refused_total : &g->metrics.publishes_committed_total) += 1;
    if (m->code == 131 || m->code == 132)
        budget_refused(g, p->message.channel);
    if (m->code == 0)
        written_note(&g->written, p->message.channel, m->epoch, m->seq, g->now_ns);
    pending_remove(p);
    ops_publish_done(g, ticket,
                     &(struct ops_published){.code = m->code, .text = m->text, .epoch = m->epoch, .seq = m->seq, .id = m->id});
}

static int welcome_came(struct seq_peer *p, struct bytes body)
{
    struct seq_welcome m;
    if (wire_get_seq_welcome(body, &m) < 0)
        return -EBADMSG;
    if (m.version != WIRE_VERSION) {
        log_error("version_differs", "peer=%s theirs=%u ours=%u", dial_address(p->dial), m.version, WIRE_VERSION);
        return -EPROTO;
    }
    if (!p->welcome)
        log_info("sequencer_linked", "peer=%s shards=%016llx", dial_address(p->dial), (unsigned long long)m.shards);
    p->welcome = true;
    leads(p, m.shards);
    return 0;
}

static int frame_came(struct seq_peer *p, uint8_t type, struct bytes body)
{
    struct seq_result result;
    switch (type) {
    case SEQ_WELCOME:
        return welcome_came(p, body);
    case SEQ_RESULT:
        if (wire_get_seq_result(body, &result) < 0)
            return -EBADMSG;
        result_came(p, &result);
        return 0;
    default:
        return 0; /* beats, and what a newer one may say */
    }
}

static void say_hello(void *owner, struct link *l)
{
    struct gateway *g = ((struct seq_peer *)owner)->links->g;
    LINK_SEND(l, SEQ_HELLO, seq_hello,
              (&(struct seq_hello){.version = WIRE_VERSION, .gateway = bytes_str(g->name), .origin = g->origin}));
}

static void on_up(void *owner, struct dial *d, struct link *l)
{
    struct seq_peer *p = owner;
    p->links->g->metrics.links_up++;
    introduce_up(&p->introduction, d, l);
}

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct seq_peer *p = owner;
    if (introduce_frame(&p->introduction, l, type, body) || frame_came(p, type, body) == 0)
        return;
    log_warn("frame_refused", "peer=%s type=%u bytes=%zu the link starts anew", dial_address(p->dial), type, body.n);
    dial_reset(p->dial);
}

static void on_down(void *owner, struct dial *d, int error)
{
    struct seq_peer *p = owner;
    p->links->g->metrics.links_up--;
    if (!p->introduction.refused)
        log_warn("sequencer_lost", "peer=%s errno=%s pending=%zu they are sent again", dial_address(d), strerror(-error),
                 p->links->pending.all.count);
    p->welcome = false;
    leads(p, 0);
}

static const struct dial_handlers doors = {on_up, on_frame, NULL, on_down};

static void on_beat(struct ev_loop *loop, ev_timer *w, int events)
{
    struct seq_links *s = w->data;
    struct seq_beat beat = {.sent_us = clock_real_us()};
    for (struct seq_peer *p = s->peers; p < s->peers + s->n_peers; p++)
        if (dial_link(p->dial))
            LINK_SEND(dial_link(p->dial), SEQ_BEAT, seq_beat, &beat);
}

/* ---- life */

static void add_peer(struct seq_links *s, const char *address)
{
    struct seq_peer *p = &s->peers[s->n_peers++];
    p->links = s;
    p->introduction = (struct introduction){.secret_file = s->g->options->secret_file,
                                            .refused_total = &s->g->metrics.secrets_refused_total,
                                            .hello = say_hello,
                                            .owner = p,
                                            .loss = "publishes wait"};
    p->dial = dial_new(s->g->loop, address, REDIAL_MIN_MS, REDIAL_MAX_MS, BEAT_MS, &doors, p);
}

struct seq_links *seq_links_new(struct gateway *g, const char *addresses)
{
    struct seq_links *s = calloc(1, sizeof *s);
    assert(s);
    s->g = g;
    pending_init(&s->pending, &g->wheel,
                 &(struct pending_limits){.count_max = (uint32_t)g->options->publishes_max,
                                          .bytes_max = (size_t)g->options->publishes_bytes,
                                          .timeout_ns = g->options->publish_timeout * NS_PER_MS},
                 publish_late, s);
    char *list = strdup(addresses), *rest = list, *one;
    assert(list);
    while ((one = strsep(&rest, ", ")) && s->n_peers < PEERS_MAX)
        if (*one)
            add_peer(s, one);
    free(list);
    ev_timer_init(&s->beat, on_beat, BEAT_MS / 1000., BEAT_MS / 1000.);
    s->beat.data = s;
    ev_timer_start(g->loop, &s->beat);
    ev_prepare_init(&s->turn, on_turn);
    ev_set_priority(&s->turn, EV_MINPRI); /* behind whatever else ends the turn, and may publish */
    s->turn.data = s;
    ev_prepare_start(g->loop, &s->turn);
    return s;
}

void seq_links_free(struct seq_links *s)
{
    if (!s)
        return;
    ev_timer_stop(s->g->loop, &s->beat);
    ev_prepare_stop(s->g->loop, &s->turn);
    for (struct seq_peer *p = s->peers; p < s->peers + s->n_peers; p++)
        dial_free(p->dial);
    pending_fini(&s->pending);
    free(s);
}

bool seq_linked(const struct seq_links *s)
{
    for (const struct seq_peer *p = s->peers; p < s->peers + s->n_peers; p++)
        if (p->welcome)
            return true;
    return false;
}

void seq_links_look(struct seq_links *s)
{
    send_unsent(s);
    for (struct seq_peer *p = s->peers; p < s->peers + s->n_peers; p++)
        link_look(dial_link(p->dial));
}

uint32_t seq_pending(const struct seq_links *s)
{
    return (uint32_t)s->pending.all.count;
}
