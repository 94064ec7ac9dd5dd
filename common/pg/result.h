/* Inside of a query's result; only this room looks in. */
#ifndef PG_RESULT_H
#define PG_RESULT_H

#include "pg/pg.h"

#include <libpq-fe.h>

struct pg_result {
    PGresult *rows;
    char message[512]; /* one line, "" when it was no error */
};

void pg_result_init(struct pg_result *r, PGresult *rows); /* rows: borrowed */
/* Copies text as one line, its line breaks and runs of blanks as one blank each; cut to the
 * size. */
void pg_one_line(char *into, size_t size, const char *text);

#endif
