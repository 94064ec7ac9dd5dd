#include "pg/walsender.h"
#include "pg/pgoutput.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define DATA_HEAD 25       /* 'w', LSN, end of WAL, clock */
#define KEEPALIVE_BYTES 18 /* 'k', end of WAL, clock, question */

/* Names are ours or an option's; the quoting is for what an option may hold. */
static void append_quoted(struct buf *b, const char *name, char quote)
{
    buf_append_char(b, quote);
    for (; *name; name++) {
        if (*name == quote)
            buf_append_char(b, quote);
        buf_append_char(b, *name);
    }
    buf_append_char(b, quote);
}

void walsender_sql_look(struct buf *into, const char *slot, const char *publication)
{
    buf_append_str(into,
                   "SELECT exists(SELECT FROM pg_catalog.pg_publication WHERE pubname = ");
    append_quoted(into, publication, '\'');
    buf_append_str(
        into,
        "), s.slot_name IS NOT NULL, coalesce(s.plugin = 'pgoutput' AND s.database = "
        "pg_catalog.current_database(), false), coalesce(s.active_pid, 0), "
        "coalesce(s.wal_status = 'lost', false), s.confirmed_flush_lsn FROM (SELECT) AS one "
        "LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name = ");
    append_quoted(into, slot, '\'');
}

/* By the function, not by CREATE_REPLICATION_SLOT: only inside of a statement does the server
 * look whether its client is still there (client_connection_check_interval), and a slot that
 * came to be after its maker's death would pass for an old one that has missed nothing. */
void walsender_sql_make(struct buf *into, const char *slot, bool temporary)
{
    buf_append_str(into, "SET client_connection_check_interval = 1000; "
                         "SELECT lsn FROM pg_catalog.pg_create_logical_replication_slot(");
    append_quoted(into, slot, '\'');
    buf_printf(into, ", 'pgoutput', %s)", temporary ? "true" : "false");
}

void walsender_sql_drop(struct buf *into, const char *slot)
{
    buf_append_str(into, "DROP_REPLICATION_SLOT ");
    append_quoted(into, slot, '"');
}

/* From 0/0: the server goes on from what was confirmed. */
void walsender_sql_start(struct buf *into, const char *slot, const char *publication)
{
    struct buf list = {0};
    append_quoted(&list, publication, '"');
    buf_append_str(into, "START_REPLICATION SLOT ");
    append_quoted(into, slot, '"');
    buf_append_str(into, " LOGICAL 0/0 (proto_version '1', binary 'true', publication_names ");
    append_quoted(into, list.p, '\'');
    buf_append_char(into, ')');
    buf_fini(&list);
}

static void put_u64(char *at, uint64_t v)
{
    v = htobe64(v);
    memcpy(at, &v, sizeof v);
}

static uint64_t get_u64(const char *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return be64toh(v);
}

int walsender_read(struct bytes m, struct walsender_message *ret_message)
{
    if (m.n >= DATA_HEAD && m.p[0] == 'w') {
        *ret_message =
            (struct walsender_message){.is_data = true,
                                       .lsn = get_u64(m.p + 1),
                                       .wal_end = get_u64(m.p + 9),
                                       .data = bytes_of(m.p + DATA_HEAD, m.n - DATA_HEAD)};
        return 0;
    }
    if (m.n >= KEEPALIVE_BYTES && m.p[0] == 'k') {
        *ret_message =
            (struct walsender_message){.wal_end = get_u64(m.p + 1), .question = m.p[17] != 0};
        return 0;
    }
    return -EBADMSG;
}

void walsender_status(char into[WALSENDER_STATUS_BYTES], uint64_t received, uint64_t confirmed,
                      uint64_t time_us)
{
    into[0] = 'r';
    put_u64(into + 1, received > confirmed ? received : confirmed);
    put_u64(into + 9, confirmed);
    put_u64(into + 17, confirmed);
    put_u64(into + 25, time_us - PG_EPOCH_US);
    into[33] = 0; /* no answer is asked for */
}

uint64_t walsender_lsn(const char *text)
{
    uint32_t high = 0, low = 0;
    return sscanf(text, "%" SCNx32 "/%" SCNx32, &high, &low) == 2 ? (uint64_t)high << 32 | low
                                                                  : 0;
}
