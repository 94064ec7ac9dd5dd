/* What is said to a walsender and by it, as bytes: the queries on the way to a stream, and the
 * messages of the stream (PostgreSQL 15 documentation, 55.4). Pure. */
#ifndef PG_WALSENDER_H
#define PG_WALSENDER_H

#include "core/buf.h"

/* The columns of the answer to `look`, one row. */
enum slot_column {
    SLOT_PUBLISHED,
    SLOT_THERE,
    SLOT_OURS,
    SLOT_PID,
    SLOT_LOST,
    SLOT_CONFIRMED,
    SLOT_COLUMNS
};

void walsender_sql_look(struct buf *into, const char *slot, const char *publication);
void walsender_sql_make(struct buf *into, const char *slot,
                        bool temporary); /* answer: one row, its first LSN */
void walsender_sql_drop(struct buf *into, const char *slot);
void walsender_sql_start(struct buf *into, const char *slot, const char *publication);

struct walsender_message {
    bool is_data;
    uint64_t lsn;      /* of data */
    uint64_t wal_end;  /* everything below it that concerns us has been sent */
    bool question;     /* of a keepalive: the server wants a status at once */
    struct bytes data; /* one pgoutput message */
};

/* data points into m. -> 0, -EBADMSG */
int walsender_read(struct bytes m, struct walsender_message *ret_message);

#define WALSENDER_STATUS_BYTES 34

/* Written is what has come; flushed and applied only what is confirmed: that alone moves the
 * slot. time_us: since 1970 */
void walsender_status(char into[WALSENDER_STATUS_BYTES], uint64_t received, uint64_t confirmed,
                      uint64_t time_us);
uint64_t walsender_lsn(const char *text); /* "0/16B3748"; 0 when it is none */

#endif
