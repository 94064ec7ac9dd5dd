/* How rows that each batch updates are read (decision 0036): by the highest era, so that their older versions, which PostgreSQL
 * keeps beside a long transaction, are not walked. Items of a FROM, to be joined `ON true`; the argument is SQL. */
#ifndef WIRE_NEWEST_H
#define WIRE_NEWEST_H

#define NEWEST_SHARD(SHARD) "LATERAL (SELECT * FROM cellcast.shard c WHERE c.shard = " SHARD " ORDER BY c.era DESC LIMIT 1) s "
#define NEWEST_HEAD(CHANNEL)                                                                                 \
    "LATERAL (SELECT * FROM cellcast.channel_head c WHERE c.channel = " CHANNEL                              \
    " ORDER BY c.epoch DESC, c.era DESC LIMIT 1) h "

/* Of a session that does: a plan is made once, maybe while a table is small, and dead rows may make it large. */
#define BY_INDEX "SET jit = off; SET enable_seqscan = off; SET enable_bitmapscan = off; "

#endif
