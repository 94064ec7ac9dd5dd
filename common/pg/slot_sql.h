/* What is said to a walsender on the way to a stream, as text; the answer's columns in the order of the enum. */
#ifndef PG_SLOT_SQL_H
#define PG_SLOT_SQL_H

#include "core/buf.h"

enum slot_column { SLOT_PUBLISHED, SLOT_THERE, SLOT_OURS, SLOT_PID, SLOT_LOST, SLOT_CONFIRMED, SLOT_COLUMNS };

void slot_sql_look(struct buf *into, const char *slot, const char *publication); /* one row of SLOT_COLUMNS */
void slot_sql_make(struct buf *into, const char *slot, bool temporary);          /* one row: its first LSN */
void slot_sql_drop(struct buf *into, const char *slot);
void slot_sql_start(struct buf *into, const char *slot, const char *publication);

#endif
