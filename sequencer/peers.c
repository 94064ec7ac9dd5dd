#include "peers.h"

#include "gateways.h"
#include "sequencer.h"

#include "core/clock.h"
#include "core/json.h"
#include "run/introduce.h"
#include "run/log.h"
#include "wire/messages.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEATS 10 /* in --leader-silence */
#define STEADY_BEATS 2 /* how old one may be that says how PostgreSQL is now */
#define REDIAL_MIN_MS 20
#define REDIAL_MAX_MS 250
#define GOING_NS (2 * NS_PER_S) /* a killed process's backend ends by then, or is ended */

struct peer {
    struct peers *peers;
    struct dial *dial; /* NULL: it is this process itself */
    struct introduction introduction;
    char address[256];
    char name[64];
    uint64_t holder, shards; /* of its newest beat */
    bool postgres, steady;
    bool heard;       /* a beat has come, ever */
    bool silent;      /* and that was said */
    int64_t heard_ns; /* when the newest one came */
};

struct peers {
    struct sequencer *sequencer;
    struct peer all[PEERS_MAX];
    unsigned n;
    int64_t silence_ns;
    int64_t since_ns; /* silence counts from here: our start, or the end of a pause of our own */
    int64_t tick_ns;
    int64_t lost_ns; /* when a link to one of them went down; 0: never */
    ev_timer tick;
};

/* ---- who lives */

static bool is_heard(const struct peer *p, int64_t now_ns)
{
    int64_t from_ns = p->heard_ns > p->peers->since_ns ? p->heard_ns : p->peers->since_ns;
    return p->dial && p->heard && now_ns - from_ns < p->peers->silence_ns;
}

static bool is_spared(const struct peer *p, int64_t now_ns)
{
    return is_heard(p, now_ns) && p->postgres;
}

bool peers_are_configured(const struct peers *p)
{
    return p->n > 0;
}

/* The loop stood still: we were stopped, and what they said meanwhile is still unread. Whoever asks
 * looks first, since a timer of his may come before ours. */
static void notice_pause(struct peers *p, int64_t now_ns)
{
    if (now_ns - p->tick_ns > p->silence_ns / 2)
        p->since_ns = now_ns;
    p->tick_ns = now_ns;
}

bool peers_are_settled(struct peers *p, int64_t now_ns)
{
    notice_pause(p, now_ns);
    if (now_ns - p->since_ns >= p->silence_ns)
        return true;
    for (const struct peer *one = p->all; one < p->all + p->n; one++)
        if (one->dial && one->heard_ns < p->since_ns)
            return false;
    return true;
}

unsigned peers_spared(const struct peers *p, int64_t now_ns, int64_t ret_holders[PEERS_MAX])
{
    unsigned n = 0;
    for (const struct peer *one = p->all; one < p->all + p->n; one++)
        if (is_spared(one, now_ns))
            ret_holders[n++] = (int64_t)one->holder;
    return n;
}

uint64_t peers_lead(const struct peers *p, int64_t now_ns)
{
    uint64_t shards = 0;
    for (const struct peer *one = p->all; one < p->all + p->n; one++)
        if (is_spared(one, now_ns))
            shards |= one->shards;
    return shards;
}

/* One of them has just said that PostgreSQL answers it, and has for a while (pulse_is_steady). */
static bool reach_postgres(const struct peers *p, int64_t now_ns)
{
    int64_t since_ns = now_ns - p->silence_ns / BEATS * STEADY_BEATS;
    for (const struct peer *one = p->all; one < p->all + p->n; one++)
        if (is_heard(one, now_ns) && one->steady && one->heard_ns > since_ns)
            return true;
    return false;
}

unsigned peers_heard(const struct peers *p, int64_t now_ns)
{
    unsigned n = 0;
    for (const struct peer *one = p->all; one < p->all + p->n; one++)
        n += is_heard(one, now_ns);
    return n;
}

bool peers_just_lost_one(const struct peers *p, int64_t now_ns)
{
    return p->lost_ns && now_ns - p->lost_ns < GOING_NS;
}

/* ---- what they say */

static void say_hello(void *owner, struct link *l)
{
    const struct sequencer *s = ((struct peer *)owner)->peers->sequencer;
    struct seq_peer_hello hello = {
        .version = WIRE_VERSION,
        .sequencer = bytes_str(s->options->name),
        .holder = (uint64_t)s->lead.holder,
    };
    LINK_SEND(l, SEQ_PEER_HELLO, seq_peer_hello, &hello);
}

static void on_up(void *owner, struct dial *d, struct link *l)
{
    introduce_up(&((struct peer *)owner)->introduction, d, l);
}

/* The same list of peers may be given to all of them. */
static void is_ourselves(struct peer *p)
{
    log_debug("peer_is_itself", "address=%s", p->address);
    dial_free(p->dial);
    p->dial = NULL;
}

static void beat_came(struct peer *p, const struct seq_peer_beat *b)
{
    struct sequencer *s = p->peers->sequencer;
    int64_t now_ns = clock_mono_ns();
    if (b->holder == (uint64_t)s->lead.holder) {
        is_ourselves(p);
        return;
    }
    if (!p->heard || p->silent || p->holder != b->holder)
        log_info("peer_up", "peer=%.*s address=%s shards=%016" PRIx64 " postgres=%u",
                 BYTES_FMT(b->sequencer), p->address, b->shards, b->postgres);
    snprintf(p->name, sizeof p->name, "%.*s", BYTES_FMT(b->sequencer));
    p->holder = b->holder;
    p->shards = b->shards;
    p->postgres = b->postgres != PEER_POSTGRES_LOST;
    p->steady = b->postgres == PEER_POSTGRES_STEADY;
    p->heard = true;
    p->silent = false;
    p->heard_ns = now_ns;
    if (s->leader.wanted & ~s->leader.led & ~peers_lead(p->peers, now_ns))
        lead_look(s);
}

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct peer *p = owner;
    struct seq_peer_beat beat;
    if (introduce_frame(&p->introduction, l, type, body) || type != SEQ_PEER_BEAT)
        return; /* beats of the link, and what a newer one may say */
    if (wire_get_seq_peer_beat(body, &beat) == 0) {
        beat_came(p, &beat);
        return;
    }
    log_warn("frame_refused", "peer=%s type=%u bytes=%zu the link starts anew", p->address, type,
             body.n);
    dial_reset(p->dial);
}

/* No proof of its death: it counts as heard until its silence is over. But whoever was killed
 * leaves a backend that ends by itself, and then nobody needs to wait. */
static void on_down(void *owner, struct dial *d, int error)
{
    struct peer *p = owner;
    if (!p->heard)
        return;
    log_info("peer_link_lost", "peer=%s address=%s errno=%s", p->name, p->address,
             strerror(-error));
    p->peers->lost_ns = clock_mono_ns();
    lead_look(p->peers->sequencer);
}

static const struct dial_handlers doors = {on_up, on_frame, NULL, on_down};

void peers_ask(struct peers *p, uint64_t shards, int pid)
{
    int64_t now_ns = clock_mono_ns();
    for (struct peer *one = p->all; one < p->all + p->n; one++) {
        struct seq_peer_ask ask = {.shards = shards & one->shards, .pid = (uint32_t)pid};
        if (ask.shards && is_spared(one, now_ns) && dial_link(one->dial))
            LINK_SEND(dial_link(one->dial), SEQ_PEER_ASK, seq_peer_ask, &ask);
    }
}

/* ---- time */

static void judge(struct peer *p, int64_t now_ns)
{
    if (!p->heard || p->silent || !p->dial || is_heard(p, now_ns))
        return;
    struct sequencer *s = p->peers->sequencer;
    p->silent = true;
    s->metrics.peers_silent_total++;
    log_warn("peer_silent", "peer=%s address=%s ms=%" PRId64 " its shards=%016" PRIx64
             " are to be taken", p->name, p->address, (int64_t)((now_ns - p->heard_ns) / NS_PER_MS), p->shards);
    lead_look(s);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct peers *p = w->data;
    struct sequencer *s = p->sequencer;
    int64_t now_ns = clock_mono_ns();
    struct seq_beat beat = {.sent_us = clock_real_us()};
    notice_pause(p, now_ns);
    for (struct peer *one = p->all; one < p->all + p->n; one++) {
        if (one->dial && dial_link(one->dial))
            LINK_SEND(dial_link(one->dial), SEQ_BEAT, seq_beat, &beat);
        judge(one, now_ns);
    }
    pulse_tick(&s->pulse, now_ns);
    if (pulse_is_lost(&s->pulse, now_ns) && reach_postgres(p, now_ns))
        sequencer_cut_off(s);
    gateways_tell_peers(s->gateways);
    lead_ask(s);
}

/* ---- what is known of them */

void peers_describe(const struct peers *p, int64_t now_ns, struct buf *into)
{
    const char *comma = "";
    buf_append_str(into, "[");
    for (const struct peer *one = p->all; one < p->all + p->n; one++) {
        if (!one->dial)
            continue;
        buf_printf(into, "%s{\"address\":", comma);
        json_append_string(into, bytes_str(one->address));
        buf_append_str(into, ",\"name\":");
        json_append_string(into, bytes_str(one->name));
        buf_printf(into, ",\"heard\":%s,\"postgres\":%s,\"shards\":\"",
                   is_heard(one, now_ns) ? "true" : "false", one->postgres ? "true" : "false");
        leader_print_shards(is_spared(one, now_ns) ? one->shards : 0, into);
        buf_append_str(into, "\"}");
        comma = ",";
    }
    buf_append_str(into, "]");
}

/* ---- life */

static void add(struct peers *p, const char *address)
{
    struct peer *one = &p->all[p->n++];
    one->peers = p;
    snprintf(one->address, sizeof one->address, "%s", address);
    one->introduction = (struct introduction){.secret_file = p->sequencer->options->secret_file,
                                              .refused_total = &p->sequencer->metrics.secrets_refused_total,
                                              .hello = say_hello,
                                              .owner = one,
                                              .loss = "it can't be relied on"};
    one->dial = dial_new(p->sequencer->loop, address, REDIAL_MIN_MS, REDIAL_MAX_MS,
                         (uint32_t)(p->silence_ns / NS_PER_MS / 3), &doors, one);
}

struct peers *peers_new(struct sequencer *s, const char *addresses)
{
    struct peers *p = calloc(1, sizeof *p);
    assert(p);
    p->sequencer = s;
    p->silence_ns = s->options->leader_silence * NS_PER_MS;
    p->since_ns = p->tick_ns = clock_mono_ns();
    char *list = strdup(addresses), *rest = list, *one;
    assert(list);
    while ((one = strsep(&rest, ", ")) && p->n < PEERS_MAX)
        if (*one)
            add(p, one);
    free(list);
    double beat_s = (double)p->silence_ns / NS_PER_S / BEATS;
    ev_timer_init(&p->tick, on_tick, beat_s, beat_s);
    p->tick.data = p;
    ev_timer_start(s->loop, &p->tick);
    return p;
}

void peers_free(struct peers *p)
{
    if (!p)
        return;
    ev_timer_stop(p->sequencer->loop, &p->tick);
    for (struct peer *one = p->all; one < p->all + p->n; one++)
        dial_free(one->dial);
    free(p);
}
