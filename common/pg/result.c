#include "pg/result.h"

#include <assert.h>
#include <endian.h>

#define OID_JSONB 3802 /* pg_type.dat */

void pg_one_line(char *into, size_t size, const char *text)
{
    size_t n = 0;
    for (; *text && n + 1 < size; text++) {
        char c = *text == '\n' || *text == '\r' || *text == '\t' ? ' ' : *text;
        if (c != ' ' || (n > 0 && into[n - 1] != ' '))
            into[n++] = c;
    }
    while (n > 0 && into[n - 1] == ' ')
        n--;
    into[n] = 0;
}

void pg_result_init(struct pg_result *r, PGresult *rows)
{
    r->rows = rows;
    const char *primary = PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY);
    pg_one_line(r->message, sizeof r->message, primary ? primary : PQresultErrorMessage(rows));
}

int pg_rows(const struct pg_result *r)
{
    return PQntuples(r->rows);
}

/* A row or column that is not there is a mistake of the query's author. */
static void check_place(const struct pg_result *r, int row, int column)
{
    assert(row >= 0 && row < PQntuples(r->rows));
    assert(column >= 0 && column < PQnfields(r->rows));
}

bool pg_is_null(const struct pg_result *r, int row, int column)
{
    check_place(r, row, column);
    return PQgetisnull(r->rows, row, column);
}

struct bytes pg_bytes(const struct pg_result *r, int row, int column)
{
    check_place(r, row, column);
    struct bytes v =
        bytes_of(PQgetvalue(r->rows, row, column), (size_t)PQgetlength(r->rows, row, column));
    /* jsonb's binary form is a version byte and the text */
    if (v.n > 0 && PQftype(r->rows, column) == OID_JSONB)
        v = bytes_of(v.p + 1, v.n - 1);
    return v;
}

int64_t pg_i64(const struct pg_result *r, int row, int column)
{
    check_place(r, row, column);
    const char *at = PQgetvalue(r->rows, row, column);
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    switch (PQgetlength(r->rows, row, column)) {
    case 2:
        memcpy(&v16, at, 2);
        return (int16_t)be16toh(v16);
    case 4:
        memcpy(&v32, at, 4);
        return (int32_t)be32toh(v32);
    case 8:
        memcpy(&v64, at, 8);
        return (int64_t)be64toh(v64);
    default:
        return 0; /* null, or a column of another type */
    }
}

bool pg_bool(const struct pg_result *r, int row, int column)
{
    check_place(r, row, column);
    return PQgetlength(r->rows, row, column) == 1 && PQgetvalue(r->rows, row, column)[0] != 0;
}

const char *pg_sqlstate(const struct pg_result *r)
{
    const char *state = PQresultErrorField(r->rows, PG_DIAG_SQLSTATE);
    return state ? state : "";
}

const char *pg_message(const struct pg_result *r)
{
    return r->message;
}
