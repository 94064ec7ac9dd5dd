/* The other sequencers, as they are heard: each is dialled, and says ten times in --leader-silence
 * that its loop turns, which shards it leads and whether it has PostgreSQL. What they say decides
 * only whom a takeover spares; that nobody writes beside a leader, the rows decide.
 *
 * A process that was stopped itself, or has just started, has heard nobody for reasons of its own:
 * it judges after it has heard all of them, or has listened for --leader-silence. */
#ifndef SEQUENCER_PEERS_H
#define SEQUENCER_PEERS_H

#include "core/buf.h"

struct sequencer;
struct peers;

#define PEERS_MAX 64

/* addresses: host:port, parted by commas; may be empty: it then beats for those who listen, and
 * hears nobody. Dials each. */
struct peers *peers_new(struct sequencer *s, const char *addresses);
void peers_free(struct peers *p); /* NULL is fine */

bool peers_are_configured(const struct peers *p);
/* Whoever is not heard now is silent: what it leads may be taken. Ask this before peers_spared. */
bool peers_are_settled(struct peers *p, int64_t now_ns);
/* Holders of those that are heard and have PostgreSQL. -> how many, PEERS_MAX at most */
unsigned peers_spared(const struct peers *p, int64_t now_ns, int64_t ret_holders[PEERS_MAX]);
/* Shards that those lead. */
uint64_t peers_lead(const struct peers *p, int64_t now_ns);
unsigned peers_heard(const struct peers *p, int64_t now_ns);
/* A peer went a moment ago: its backend is about to. */
bool peers_just_lost_one(const struct peers *p, int64_t now_ns);
/* Asks whoever leads some of these to hand them over to the writer of that backend. */
void peers_ask(struct peers *p, uint64_t shards, int pid);
/* A JSON list of what is known of them. */
void peers_describe(const struct peers *p, int64_t now_ns, struct buf *into);

#endif
