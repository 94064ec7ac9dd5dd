/* Every message between our processes: one field table each. README.md of this folder tells who sends what when.
 *
 * On a link a frame is: u32 length of what follows, u8 type (the enums below), body. In Kafka the value of a record
 * is a `record` body alone. Stamps end in _us: µs since 1970 on the stamping host's clock; 0: not passed.
 * Channels are always in full form, `tenant/name`. Statuses are protocol error codes, 0 is success. */
#ifndef WIRE_MESSAGES_H
#define WIRE_MESSAGES_H

#include "wire/codec.h"

#define WIRE_VERSION 1 /* of all tables; a peer with another one is refused in the hello */

enum record_kind { RECORD_MESSAGE = 1, RECORD_STUB = 2, RECORD_EPHEMERAL = 3, RECORD_PRESENCE = 4 };
enum data_format { FORMAT_JSON = 0, FORMAT_BINARY = 1 };
#define FORMAT_DELTA 2 /* beside one of them: the publisher asks for deltas */
#define FORMAT_REMOVAL 4 /* no publication: those before it are no history any more */
#define FORMAT_MOST (FORMAT_BINARY | FORMAT_DELTA | FORMAT_REMOVAL)

static inline bool format_is_binary(uint8_t format)
{
    return format & FORMAT_BINARY;
}

/* What a subscriber gets, wherever it travels (Kafka value, worker to gateway, in a range). */
#define PUBLICATION_FIELDS(F)                                                                                \
    F(u64, epoch, "generation of the message log")                                                           \
    F(u64, seq, "sequence number in the channel, from 1; 0: ephemeral")                                      \
    F(u64, id, "global id (id.h)")                                                                           \
    F(u64, time_ms, "database's clock at commit, ms since 1970")                                             \
    F(u8, format, "enum data_format of data, and the flags")                                                              \
    F(str, data, "payload, verbatim")                                                                        \
    F(str, tags, "JSON object of strings without id and after, or empty")                                    \
    F(str, info, "publisher's ClientInfo as a JSON object, or empty")                                        \
    F(str, after, "what it answers: channel@seq, parted by one space; or empty")                             \
    F(u64, committed_us, "commit, from the WAL; 0 when read from the table")                                 \
    F(u64, relayed_us, "handed to Kafka by the relay (ephemeral: by the gateway)")                                                       \
    F(u64, consumed_us, "taken from Kafka by the worker")                                                    \
    F(u64, sent_us, "written to the gateway's link by the worker")

/* Value of a Kafka record; its key is the channel. */
#define RECORD_FIELDS(F)                                                                                     \
    F(u8, version, "WIRE_VERSION")                                                                           \
    F(u8, kind, "enum record_kind; a stub has empty data, tags, info: the worker reads the row")             \
    F(str, publication, "one publication; of RECORD_PRESENCE one presence_news")

/* What a cell's worker tells the other cells of a tenant about a channel's members (decision 32). */
enum presence_news_what {
    NEWS_JOINED = 1,
    NEWS_LEFT = 2,
    NEWS_GONE = 3,   /* may come back, here or there, before he has left */
    NEWS_TAKEN = 4,  /* is back under another client's name: neither joined nor left */
    NEWS_MISSED = 5, /* joins and leaves were too many to be told */
};
#define PRESENCE_NEWS_FIELDS(F)                                                                              \
    F(u8, what, "enum presence_news_what")                                                                   \
    F(str, client, "joined, left, gone: the connection; taken: the one that was gone; else empty")           \
    F(str, info, "joined, left: ClientInfo as it is told; gone: the connection's own")                       \
    F(str, user, "gone")                                                                                     \
    F(str, place, "gone: client whose join was told, which is the connection's own or an earlier one's")     \
    F(str, announced, "gone: ClientInfo of that join")                                                       \
    F(u32, linger_ms, "gone: he leaves then")                                                                \
    F(str, cell, "whose worker says it")                                                                     \
    F(u64, cell_start, "of that cell, ms since 1970; 0: not known")

/* ---- gateway <-> sequencer, TCP; the gateway connects */
enum seq_type {
    SEQ_HELLO = 1,
    SEQ_WELCOME = 2,
    SEQ_PUBLISH = 3,
    SEQ_RESULT = 4,
    SEQ_BEAT = 5,
    SEQ_PEER_HELLO = 6,
    SEQ_PEER_BEAT = 7,
    SEQ_PEER_ASK = 8,
    SEQ_CELL_HELLO = 9,
    SEQ_CELLS = 10,
    SEQ_CROSS_CALL = 11,
    SEQ_CROSS_RESULT = 12,
};

#define SEQ_HELLO_FIELDS(F)                                                                                  \
    F(u32, version, "WIRE_VERSION")                                                                          \
    F(str, gateway, "name for logs: cell and slot")                                                          \
    F(u64, origin, "random, drawn at this gateway process's start; scope of counter")
#define SEQ_WELCOME_FIELDS(F)                                                                                \
    F(u32, version, "WIRE_VERSION")                                                                          \
    F(str, sequencer, "name for logs")                                                                       \
    F(u64, epoch, "of the message log")                                                                      \
    F(u64, shards, "bit n: it leads shard n now; sent again whenever that changes, 0 when it lost PostgreSQL")
#define SEQ_PUBLISH_FIELDS(F)                                                                                \
    F(u64, counter, "ascending per origin from 1; a repeat has the first one's")                             \
    F(u8, retry, "1: may have been sent before")                                                             \
    F(u64, shown, "highest id written on the publisher's connection; the new id is above it")                \
    F(str, channel, "full form")                                                                             \
    F(u8, format, "as in publication")                                                                       \
    F(str, data, "payload")                                                                                  \
    F(str, tags, "JSON object of strings, or empty")                                                         \
    F(str, info, "ClientInfo as JSON, or empty")                                                             \
    F(str, after, "references, or empty")                                                                    \
    F(str, key, "idempotency key, or empty")                                                                 \
    F(u64, received_us, "publish read by the gateway")
#define SEQ_RESULT_FIELDS(F)                                                                                 \
    F(u64, counter, "of the publish")                                                                        \
    F(u32, code, "0, or a protocol error code (100 temporary, 107, 111, 131, 132)")                                    \
    F(u8, repeated, "1: that publish had been committed before; seq and id are the first one's")             \
    F(u64, epoch, "")                                                                                        \
    F(u64, seq, "")                                                                                          \
    F(u64, id, "")                                                                                           \
    F(str, text, "why, when code is not 0")
#define SEQ_BEAT_FIELDS(F) F(u64, sent_us, "every 500 ms each way; silent for 1.5 s means gone")
/* Between sequencers, over the same port; whoever listens to the other one's beats connects. */
#define SEQ_PEER_HELLO_FIELDS(F)                                                                             \
    F(u32, version, "WIRE_VERSION")                                                                          \
    F(str, sequencer, "name for logs")                                                                       \
    F(u64, holder, "drawn at this process's start: whose the shard rows are")
/* The last: and it answers without a gap, also to whoever waits for no commit. */
enum peer_postgres { PEER_POSTGRES_LOST = 0, PEER_POSTGRES_UP = 1, PEER_POSTGRES_STEADY = 2 };
#define SEQ_PEER_BEAT_FIELDS(F)                                                                              \
    F(str, sequencer, "name for logs")                                                                       \
    F(u64, holder, "")                                                                                       \
    F(u64, shards, "bit n: it leads shard n now")                                                            \
    F(u8, postgres, "enum peer_postgres; 0: it has lost PostgreSQL, its shards are to be taken")             \
    F(u64, sent_us, "ten in --leader-silence, and at every change")
#define SEQ_PEER_ASK_FIELDS(F)                                                                               \
    F(u64, shards, "hand these over to the asking peer")                                                     \
    F(u32, pid, "of the PostgreSQL backend that it writes with")
/* Between supervisors of several cells, over the same port, to which each connects: what one says to another is passed on
 * (decision 31). */
#define SEQ_CELL_HELLO_FIELDS(F)                                                                             \
    F(u32, version, "WIRE_VERSION")                                                                          \
    F(str, cell, "")
#define SEQ_CELLS_FIELDS(F) F(str, cells, "list of cell_name: who is connected; sent again whenever that changes")
#define CELL_NAME_FIELDS(F) F(str, name, "")
#define SEQ_CROSS_CALL_FIELDS(F)                                                                             \
    F(str, to, "cell")                                                                                       \
    F(str, from, "cell")                                                                                     \
    F(u64, request, "the asking supervisor's number")                                                        \
    F(u32, patience_ms, "what has come by then is the answer")                                               \
    F(u8, one, "as in ctl_ask")                                                                              \
    F(str, method, "as in ctl_call, like the rest")                                                          \
    F(str, tenant, "")                                                                                       \
    F(str, body, "")
#define SEQ_CROSS_RESULT_FIELDS(F)                                                                           \
    F(str, to, "cell")                                                                                       \
    F(str, from, "cell")                                                                                     \
    F(u64, request, "")                                                                                      \
    F(u32, asked, "as in ctl_result; 0: the cell has nobody to ask")                                         \
    F(str, answers, "as in ctl_result")

/* ---- gateway <-> worker, Unix socket; the gateway connects */
enum fan_type {
    FAN_HELLO = 1,
    FAN_SUBSCRIBE = 2,
    FAN_UNSUBSCRIBE = 3,
    FAN_READ = 4,
    FAN_ASK_HEAD = 5,
    FAN_PRESENCE_SET = 6,
    FAN_PRESENCE_CLEAR = 7,
    FAN_ASK_PRESENCE = 8,
    FAN_SYNCED = 9,
    FAN_BEAT = 10,
    FAN_FORGET = 11,
    FAN_WELCOME = 20,
    FAN_SUBSCRIBED = 21,
    FAN_PUBLICATION = 22,
    FAN_RANGE = 23,
    FAN_HEAD = 24,
    FAN_PRESENCE = 25,
    FAN_NOT_MINE = 26,
    FAN_JOIN = 27,
    FAN_LEAVE = 28,
    FAN_COUNTS = 29,
};

#define FAN_HELLO_FIELDS(F)                                                                                  \
    F(u32, version, "WIRE_VERSION")                                                                          \
    F(str, gateway, "name for logs")                                                                         \
    F(u64, origin, "as in seq_hello; what an origin of the same name held whose link has gone is dropped")   \
    F(u64, generation, "of the partition map that the gateway goes by")
#define FAN_SUBSCRIBE_FIELDS(F)                                                                              \
    F(str, channel, "")                                                                                      \
    F(u8, from_head, "1: from the head on; 0: what follows (epoch, since)")                                  \
    F(u64, epoch, "")                                                                                        \
    F(u64, since, "seq; publications above it are sent")                                                     \
    F(u8, ephemeral, "1: only what has no seq; from now on, without a position")
#define FAN_UNSUBSCRIBE_FIELDS(F) F(str, channel, "")
#define FAN_READ_FIELDS(F)                                                                                   \
    F(u64, request, "the gateway's number for the answer")                                                   \
    F(str, channel, "")                                                                                      \
    F(u64, epoch, "0: whichever is current; another one than current: status 112")                           \
    F(u64, since, "forward: seq above it; reverse: seq below it, 0 = from the head down")                    \
    F(u64, until, "forward only: seq up to it; 0 = to the head")                                             \
    F(u32, limit, "publications at most; 0: only epoch and head")                                            \
    F(u8, reverse, "")
#define FAN_ASK_HEAD_FIELDS(F)                                                                               \
    F(u64, request, "")                                                                                      \
    F(str, channel, "")                                                                                      \
    F(u64, at_least, "a head below it is not believed before PostgreSQL was asked")
#define FAN_PRESENCE_SET_FIELDS(F)                                                                           \
    F(str, channel, "")                                                                                      \
    F(str, client, "")                                                                                       \
    F(str, user, "")                                                                                         \
    F(str, info, "ClientInfo as a JSON object")                                                              \
    F(u8, silent, "1: its join was told before (re-sent after a reconnect)")                                 \
    F(u8, tells, "1: joins and leaves of the channel are pushed")                                            \
    F(u32, linger_ms, "a leave is told when the client has not come back for so long")                       \
    F(u32, pushes, "joins and leaves times members in a second at most, above it counts; 0: no bound")
#define FAN_PRESENCE_CLEAR_FIELDS(F)                                                                         \
    F(str, channel, "")                                                                                      \
    F(str, client, "")                                                                                       \
    F(u8, left, "1: it unsubscribed or was unsubscribed, so nobody waits for its return; 0: its connection ended")
#define FAN_ASK_PRESENCE_FIELDS(F)                                                                           \
    F(u64, request, "")                                                                                      \
    F(str, channel, "")                                                                                      \
    F(u64, after, "a fan_presence's next; 0: from the first one on")                                         \
    F(u32, limit, "entries at most; 0: only counts")                                                         \
    F(u32, bytes, "of these entries at most, about")                                                         \
    F(u32, users, "distinct users whose hashes are asked for, if there are no more; 0: none are")            \
    F(u64, seed, "of the hashes")
#define FAN_SYNCED_FIELDS(F) F(u64, generation, "all interest and presence of this gateway have been sent")
#define FAN_BEAT_FIELDS(F) F(u64, sent_us, "every second each way")
#define FAN_FORGET_FIELDS(F) F(u64, request, "of a fan_read or fan_ask_head whose answer nobody waits for any more")
#define FAN_WELCOME_FIELDS(F)                                                                                \
    F(u32, version, "WIRE_VERSION")                                                                          \
    F(u32, worker, "slot")                                                                                   \
    F(u64, generation, "of the worker's map")                                                                \
    F(u8, caught_up, "1: all its partitions have been read up to the end seen at start; sent again when it turns 1")
#define FAN_SUBSCRIBED_FIELDS(F)                                                                             \
    F(str, channel, "")                                                                                      \
    F(u32, status, "0, or 112: (epoch, since) can't be continued; the cursor then stands at the head")       \
    F(u64, epoch, "")                                                                                        \
    F(u64, seq, "where the cursor stands: seq + 1 comes next")
#define FAN_PUBLICATION_FIELDS(F)                                                                            \
    F(str, channel, "")                                                                                      \
    F(str, publication, "one publication")
#define FAN_RANGE_FIELDS(F)                                                                                  \
    F(u64, request, "")                                                                                      \
    F(u32, status, "0; 100 PostgreSQL is away; 111 too many wait; 112 epoch differs")                                           \
    F(u64, epoch, "")                                                                                        \
    F(u64, head, "seq of the newest")                                                                        \
    F(u8, more, "1: limit or size cut it short")                                                             \
    F(str, publications, "list of publication, ascending (descending when reverse)")
#define FAN_HEAD_FIELDS(F)                                                                                   \
    F(u64, request, "")                                                                                      \
    F(u32, status, "0, 100 or 111")                                                                              \
    F(u64, epoch, "")                                                                                        \
    F(u64, head, "")
#define FAN_PRESENCE_FIELDS(F)                                                                               \
    F(u64, request, "")                                                                                      \
    F(u32, status, "")                                                                                       \
    F(u8, complete, "0: not every gateway has told its presence since the worker started")                   \
    F(u32, clients, "")                                                                                      \
    F(u32, users, "distinct")                                                                                \
    F(str, entries, "list of presence_entry, in the order of coming")                                        \
    F(u64, next, "there are more: what to ask for as after; 0: that is all")                                 \
    F(str, hashes, "u64 each, hash_seeded of its distinct users; empty: they are more, or were not asked for")
#define PRESENCE_ENTRY_FIELDS(F)                                                                             \
    F(str, client, "whose join was told: of the same user, who has come back as another client since")       \
    F(str, info, "ClientInfo as a JSON object")
#define FAN_NOT_MINE_FIELDS(F)                                                                               \
    F(str, channel, "")                                                                                      \
    F(u64, generation, "of the worker's map; a gateway with an older one waits for the supervisor's")
#define FAN_JOIN_FIELDS(F)                                                                                   \
    F(str, channel, "")                                                                                      \
    F(str, info, "ClientInfo as a JSON object")
#define FAN_LEAVE_FIELDS(F) FAN_JOIN_FIELDS(F)
#define FAN_COUNTS_FIELDS(F)                                                                                 \
    F(str, channel, "in which joins and leaves were too many to be pushed")                                  \
    F(u32, clients, "")                                                                                      \
    F(u32, users, "distinct")

/* ---- supervisor <-> its children, inherited socket pair (CTL_FD). Accepted connections come over a second one
 * (ACCEPT_FD, SOCK_SEQPACKET): one descriptor a message, whose bytes are a ctl_accepted body. */
#define CTL_FD 3
#define ACCEPT_FD 4
#define LISTEN_FD 5 /* gateway: its slot's own listening socket, which the supervisor keeps over restarts; or none */
#define TOKENS_FD 6 /* gateway: memory for the tokens that any of them has checked, or none; gateway/token_cache.h */
enum ctl_type {
    CTL_HELLO = 1,
    CTL_STATUS = 2,
    CTL_METRICS = 3,
    CTL_CONFIG = 4,
    CTL_MAP = 5,
    CTL_DRAIN = 6,
    CTL_CANARY = 7,
    CTL_CANARY_SEEN = 8,
    CTL_CALL = 9,
    CTL_ANSWER = 10,
    CTL_RESULT = 11,
    CTL_PACE = 12,
    CTL_TLS = 16,
    CTL_USAGE = 18,
    CTL_JWKS = 20,
    CTL_JWKS_ASK = 21,
    CTL_EMULATE = 24,
    CTL_EMULATED = 25,
};

#define CTL_ACCEPTED_FIELDS(F)                                                                               \
    F(str, peer, "address of the client, text")                                                              \
    F(u64, accepted_us, "")
#define CTL_HELLO_FIELDS(F)                                                                                  \
    F(u32, version, "WIRE_VERSION")                                                                          \
    F(u32, pid, "")                                                                                          \
    F(u32, port, "gateway: its own loopback port; worker: 0")                                                \
    F(u64, origin, "gateway: as in seq_hello")                                                               \
    F(str, node, "gateway: what clients call this process in ctl_emulate; worker: empty")
#define CTL_STATUS_FIELDS(F)                                                                                 \
    F(u32, connections, "gateway: open now")                                                                 \
    F(u32, capacity, "gateway: most that it can hold")                                                       \
    F(u64, adopted, "gateway: descriptors taken over ACCEPT_FD since its start")                             \
    F(u8, ready, "worker: caught up; gateway: configured, sequencer and all workers linked")                 \
    F(u8, draining, "")                                                                                      \
    F(str, why, "what it waits for, when not ready")                                                         \
    F(u32, lag_ms, "gateway: how late its loop does what is due, worst of the last moments")
/* Behind ctl_status in the same frame, from a gateway: who knows of none skips it, and one of before has none there. So
 * ctl_status itself is complete: what is to be added goes to the end of this one. */
#define CTL_CONFIG_HELD_FIELDS(F)                                                                            \
    F(u64, version, "of the configuration that it goes by; 0: none yet")                                     \
    F(u64, refused, "of the one that it was handed last and cannot go by; 0: it goes by that")               \
    F(str, why, "what is wrong with that one")
#define CTL_METRICS_FIELDS(F) F(str, metrics, "list of metric: everything that the process counts")
#define METRIC_FIELDS(F)                                                                                     \
    F(u8, kind, "enum metric_kind (run/metrics.h)")                                                          \
    F(str, name, "without the cellcast_ prefix")                                                             \
    F(str, labels, "extra labels, `a=\"b\",c=\"d\"`, or empty")                                              \
    F(str, help, "")                                                                                         \
    F(u64, value, "counter, gauge; histogram: count")                                                        \
    F(u64, sum_us, "histogram")                                                                              \
    F(str, cells, "histogram: list of metric_cell, only those above 0")
#define METRIC_CELL_FIELDS(F)                                                                                \
    F(u32, cell, "index into struct histogram::cells")                                                       \
    F(u64, count, "")
#define CTL_CONFIG_FIELDS(F)                                                                                 \
    F(u64, version, "grows with every change")                                                               \
    F(str, json, "what cellcast.config() returns: tenants, namespaces, api_keys")
#define CTL_MAP_FIELDS(F)                                                                                    \
    F(u64, generation, "grows with every change")                                                            \
    F(u32, partitions, "of the cell's topic, that channels are hashed over")                                 \
    F(str, owners, "u32 each, of these partitions and then of the lanes: worker slot")                       \
    F(str, workers, "list of ctl_worker")                                                                    \
    F(str, lanes, "list of ctl_lane (lanes.h)")
#define CTL_WORKER_FIELDS(F)                                                                                 \
    F(u32, slot, "")                                                                                         \
    F(str, path, "its Unix socket")
#define CTL_LANE_FIELDS(F)                                                                                   \
    F(str, channel, "")                                                                                      \
    F(u32, lane, "from 1")
#define CTL_DRAIN_FIELDS(F) F(u32, seconds, "the process ends; everybody is to be gone by then")
#define CTL_PACE_FIELDS(F)                                                                                   \
    F(u8, clear, "1: its clients are sent away, and it stays; 0: they are not, unless ctl_drain came")       \
    F(u32, rate, "clients to send away a second: what the others can take")
#define CTL_CANARY_FIELDS(F)                                                                                 \
    F(str, channel, "cellcast/canary-CELL-N, or empty")                                                      \
    F(str, data, "payload to publish; empty: only listen")                                                   \
    F(str, listen, "list of ctl_channel: what this gateway is to listen to from now on; empty: unchanged")
#define CTL_CHANNEL_FIELDS(F) F(str, channel, "")
#define CTL_CANARY_SEEN_FIELDS(F)                                                                            \
    F(str, channel, "")                                                                                      \
    F(str, publication, "as it arrived, all stamps in it")                                                   \
    F(u64, seen_us, "")
#define CTL_CALL_FIELDS(F)                                                                                   \
    F(u64, request, "the supervisor's number")                                                               \
    F(str, method, "row of gateway/call.c's table")                                                          \
    F(str, tenant, "of the API key; empty: all tenants")                                                     \
    F(str, body, "as gateway/call.h has it for the method")
/* The same from a gateway, which says whom the supervisor is to ask. */
#define CTL_ASK_FIELDS(F)                                                                                    \
    F(u64, request, "the gateway's number")                                                                  \
    F(str, method, "")                                                                                       \
    F(str, tenant, "")                                                                                       \
    F(str, body, "")                                                                                         \
    F(str, cells, "list of cell_name: the other cells to ask")                                               \
    F(u8, one, "0: every gateway, of the own cell too; 1: one gateway of each of the other cells")
#define CTL_ANSWER_FIELDS(F)                                                                                 \
    F(u64, request, "")                                                                                      \
    F(str, body, "JSON; CTL_ANSWER_FULL in place of one that is too long")
#define CTL_ANSWER_FULL "{\"full\":true}"
#define CTL_RESULT_FIELDS(F)                                                                                 \
    F(u64, request, "")                                                                                      \
    F(u32, asked, "gateways that were asked; a cell that can't be asked, or does not answer, counts as one") \
    F(str, answers, "list of ctl_answer; fewer than asked when one did not answer in 2 s")                   \
    F(str, missing, "list of cell_name: those of which not every gateway that was asked has answered, the own one too")
/* Bodies of the method "presence": between gateways, each asks its own cell's worker. */
#define CALL_ASK_PRESENCE_FIELDS(F)                                                                          \
    F(str, channel, "")                                                                                      \
    F(u32, cell, "place among the tenant's cells: entries of it and those behind it, of others only counts") \
    F(u64, after, "as in fan_ask_presence, for that cell")                                                   \
    F(u32, limit, "entries at most, of each cell")                                                           \
    F(u32, bytes, "as in fan_ask_presence, like the rest")                                                   \
    F(u32, users, "")                                                                                        \
    F(u64, seed, "")
#define CALL_PRESENCE_FIELDS(F)                                                                              \
    F(u32, cell, "place among the tenant's cells")                                                           \
    F(u32, status, "as in fan_presence, like the rest")                                                      \
    F(u32, clients, "")                                                                                      \
    F(u32, users, "")                                                                                        \
    F(str, entries, "")                                                                                      \
    F(u64, next, "")                                                                                         \
    F(str, hashes, "")
/* What tenants with quotas use: from a gateway its own, to a gateway that of all others. */
#define CTL_USAGE_FIELDS(F)                                                                                  \
    F(u32, gateways, "to a gateway: how many the cell has")                                                  \
    F(str, tenants, "list of tenant_usage")
#define TENANT_USAGE_FIELDS(F)                                                                               \
    F(str, tenant, "")                                                                                       \
    F(u32, connections, "open now")                                                                          \
    F(u64, publishes_m, "in 1000 s, of late")                                                                \
    F(u64, bytes, "of their payload, a second")                                                              \
    F(u64, deliveries, "a second")
/* Commands of a client that came to another gateway than its stream: to the supervisor, and from it to that one. */
#define CTL_EMULATE_FIELDS(F)                                                                                \
    F(u64, request, "the asking gateway's number")                                                           \
    F(str, node, "of the gateway that they are for: its ctl_hello's")                                        \
    F(str, session, "of the client")                                                                         \
    F(str, data, "its commands")
#define CTL_EMULATED_FIELDS(F)                                                                               \
    F(u64, request, "")                                                                                      \
    F(u32, status, "204 passed on; 404 there is no such gateway; 503 too much waits for it")
/* To gateways with --tls, after the hello and with every change. */
#define TLS_TICKET_KEY_BYTES 80 /* name 16, HMAC-SHA-256 32, AES-256 32 */
#define TLS_TICKET_KEYS_MAX 3
#define CTL_TLS_FIELDS(F)                                                                                    \
    F(str, chain, "PEM: certificate, then those between it and the root")                                    \
    F(str, key, "PEM: its private key")                                                                      \
    F(str, tickets, "keys of session tickets, one behind the other; the first one encrypts")                 \
    F(u32, ticket_s, "life of a session")

/* To gateways, after the hello and with every change: public keys of tokens, as they were fetched for a tenant. */
#define CTL_JWKS_FIELDS(F)                                                                                   \
    F(str, url, "a tenant's token_jwks_public_endpoint")                                                     \
    F(u64, fetched_ms, "since 1970")                                                                         \
    F(str, json, "a JWK set (RFC 7517)")
#define CTL_JWKS_ASK_FIELDS(F) F(str, url, "whose set lacks a key that a token names")

/* ---- before everything else, on a link between hosts whose ends share a secret (run/handshake.h) */
enum link_type {
    LINK_START = 240,
    LINK_CHALLENGE = 241,
    LINK_PROOF = 242,
    LINK_ADMIT = 243,
    LINK_REFUSED = 244,
};
#define LINK_START_FIELDS(F) F(str, nonce, "of who connects: 16 bytes")
#define LINK_CHALLENGE_FIELDS(F) F(str, nonce, "of who accepts: 16 bytes")
#define LINK_PROOF_FIELDS(F) F(str, mac, "HMAC-SHA-256 of \"cellcast connects\" and both nonces, the connecting one's first")
#define LINK_ADMIT_FIELDS(F) F(str, mac, "the same of \"cellcast accepts \"")
#define LINK_REFUSED_FIELDS(F) F(str, why, "for the other end's log; the link ends")

#define WIRE_MESSAGES(M)                                                                                     \
    M(publication, PUBLICATION_FIELDS)                                                                       \
    M(record, RECORD_FIELDS)                                                                                 \
    M(seq_hello, SEQ_HELLO_FIELDS)                                                                           \
    M(seq_welcome, SEQ_WELCOME_FIELDS)                                                                       \
    M(seq_publish, SEQ_PUBLISH_FIELDS)                                                                       \
    M(seq_result, SEQ_RESULT_FIELDS)                                                                         \
    M(seq_beat, SEQ_BEAT_FIELDS)                                                                             \
    M(seq_peer_hello, SEQ_PEER_HELLO_FIELDS)                                                                 \
    M(seq_peer_beat, SEQ_PEER_BEAT_FIELDS)                                                                   \
    M(seq_peer_ask, SEQ_PEER_ASK_FIELDS)                                                                     \
    M(fan_hello, FAN_HELLO_FIELDS)                                                                           \
    M(fan_subscribe, FAN_SUBSCRIBE_FIELDS)                                                                   \
    M(fan_unsubscribe, FAN_UNSUBSCRIBE_FIELDS)                                                               \
    M(fan_read, FAN_READ_FIELDS)                                                                             \
    M(fan_ask_head, FAN_ASK_HEAD_FIELDS)                                                                     \
    M(fan_presence_set, FAN_PRESENCE_SET_FIELDS)                                                             \
    M(fan_presence_clear, FAN_PRESENCE_CLEAR_FIELDS)                                                         \
    M(fan_ask_presence, FAN_ASK_PRESENCE_FIELDS)                                                             \
    M(fan_synced, FAN_SYNCED_FIELDS)                                                                         \
    M(fan_beat, FAN_BEAT_FIELDS)                                                                             \
    M(fan_welcome, FAN_WELCOME_FIELDS)                                                                       \
    M(fan_subscribed, FAN_SUBSCRIBED_FIELDS)                                                                 \
    M(fan_publication, FAN_PUBLICATION_FIELDS)                                                               \
    M(fan_range, FAN_RANGE_FIELDS)                                                                           \
    M(fan_head, FAN_HEAD_FIELDS)                                                                             \
    M(fan_presence, FAN_PRESENCE_FIELDS)                                                                     \
    M(presence_entry, PRESENCE_ENTRY_FIELDS)                                                                 \
    M(fan_not_mine, FAN_NOT_MINE_FIELDS)                                                                     \
    M(fan_join, FAN_JOIN_FIELDS)                                                                             \
    M(fan_leave, FAN_LEAVE_FIELDS)                                                                           \
    M(ctl_accepted, CTL_ACCEPTED_FIELDS)                                                                     \
    M(ctl_hello, CTL_HELLO_FIELDS)                                                                           \
    M(ctl_status, CTL_STATUS_FIELDS)                                                                         \
    M(ctl_config_held, CTL_CONFIG_HELD_FIELDS)                                                               \
    M(ctl_metrics, CTL_METRICS_FIELDS)                                                                       \
    M(metric, METRIC_FIELDS)                                                                                 \
    M(metric_cell, METRIC_CELL_FIELDS)                                                                       \
    M(ctl_config, CTL_CONFIG_FIELDS)                                                                         \
    M(ctl_map, CTL_MAP_FIELDS)                                                                               \
    M(ctl_worker, CTL_WORKER_FIELDS)                                                                         \
    M(ctl_lane, CTL_LANE_FIELDS)                                                                             \
    M(ctl_drain, CTL_DRAIN_FIELDS)                                                                           \
    M(ctl_canary, CTL_CANARY_FIELDS)                                                                         \
    M(ctl_channel, CTL_CHANNEL_FIELDS)                                                                       \
    M(ctl_canary_seen, CTL_CANARY_SEEN_FIELDS)                                                               \
    M(ctl_call, CTL_CALL_FIELDS)                                                                             \
    M(ctl_answer, CTL_ANSWER_FIELDS)                                                                         \
    M(ctl_result, CTL_RESULT_FIELDS)                                                                         \
    M(ctl_pace, CTL_PACE_FIELDS)                                                                             \
    M(ctl_tls, CTL_TLS_FIELDS)                                                                               \
    M(fan_counts, FAN_COUNTS_FIELDS)                                                                         \
    M(tenant_usage, TENANT_USAGE_FIELDS)                                                                     \
    M(ctl_usage, CTL_USAGE_FIELDS)                                                                           \
    M(link_start, LINK_START_FIELDS)                                                                         \
    M(link_challenge, LINK_CHALLENGE_FIELDS)                                                                 \
    M(link_proof, LINK_PROOF_FIELDS)                                                                         \
    M(link_admit, LINK_ADMIT_FIELDS)                                                                         \
    M(link_refused, LINK_REFUSED_FIELDS)                                                                     \
    M(seq_cell_hello, SEQ_CELL_HELLO_FIELDS)                                                                 \
    M(seq_cells, SEQ_CELLS_FIELDS)                                                                           \
    M(cell_name, CELL_NAME_FIELDS)                                                                           \
    M(seq_cross_call, SEQ_CROSS_CALL_FIELDS)                                                                 \
    M(seq_cross_result, SEQ_CROSS_RESULT_FIELDS)                                                             \
    M(ctl_ask, CTL_ASK_FIELDS)                                                                               \
    M(call_ask_presence, CALL_ASK_PRESENCE_FIELDS)                                                           \
    M(call_presence, CALL_PRESENCE_FIELDS)                                                                   \
    M(ctl_emulate, CTL_EMULATE_FIELDS)                                                                       \
    M(ctl_emulated, CTL_EMULATED_FIELDS)                                                                     \
    M(ctl_jwks, CTL_JWKS_FIELDS)                                                                             \
    M(ctl_jwks_ask, CTL_JWKS_ASK_FIELDS)                                                                     \
    M(presence_news, PRESENCE_NEWS_FIELDS)                                                                   \
    M(fan_forget, FAN_FORGET_FIELDS)

WIRE_MESSAGES(WIRE_DECLARE)

#endif
