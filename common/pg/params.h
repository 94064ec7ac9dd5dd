/* Inside of a query's parameters: one buffer of values, and where in it each one lies. */
#ifndef PG_PARAMS_H
#define PG_PARAMS_H

#include "pg/pg.h"

#include <libpq-fe.h>

#define PG_PARAMS_MAX 64

struct pg_params {
    struct buf data;
    int n;
    bool array_open;
    uint32_t array_items;
    size_t offsets[PG_PARAMS_MAX]; /* of the value in data; of no meaning for a null */
    bool nulls[PG_PARAMS_MAX];
    Oid types[PG_PARAMS_MAX]; /* 0: the server infers it */
    int lengths[PG_PARAMS_MAX];
    int formats[PG_PARAMS_MAX]; /* 1: binary */
};

void pg_params_clear(struct pg_params *a);
/* Pointers into data, as libpq takes them; good until the next add. */
void pg_params_values(const struct pg_params *a, const char *ret_values[PG_PARAMS_MAX]);

#endif
