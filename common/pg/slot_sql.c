#include "pg/slot_sql.h"

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

void slot_sql_look(struct buf *into, const char *slot, const char *publication)
{
    buf_append_str(into, "SELECT exists(SELECT FROM pg_catalog.pg_publication WHERE pubname = ");
    append_quoted(into, publication, '\'');
    buf_append_str(into, "), s.slot_name IS NOT NULL, coalesce(s.plugin = 'pgoutput' AND s.database = "
                         "pg_catalog.current_database(), false), coalesce(s.active_pid, 0), "
                         "coalesce(s.wal_status = 'lost', false), s.confirmed_flush_lsn FROM (SELECT) AS one "
                         "LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name = ");
    append_quoted(into, slot, '\'');
}

/* By the function, not by CREATE_REPLICATION_SLOT: only inside of a statement does the server look whether its client
 * is still there (client_connection_check_interval), and a slot that came to be after its maker's death would pass
 * for an old one that has missed nothing. */
void slot_sql_make(struct buf *into, const char *slot, bool temporary)
{
    buf_append_str(into, "SET client_connection_check_interval = 1000; "
                         "SELECT lsn FROM pg_catalog.pg_create_logical_replication_slot(");
    append_quoted(into, slot, '\'');
    buf_printf(into, ", 'pgoutput', %s)", temporary ? "true" : "false");
}

void slot_sql_drop(struct buf *into, const char *slot)
{
    buf_append_str(into, "DROP_REPLICATION_SLOT ");
    append_quoted(into, slot, '"');
}

/* From 0/0: the server goes on from what was confirmed. */
void slot_sql_start(struct buf *into, const char *slot, const char *publication)
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
