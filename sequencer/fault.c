#include "fault.h"

#include <string.h>

/* By class (PostgreSQL 15 documentation, appendix A). Whatever is not listed is taken for the
 * data's fault: it is then looked for, and if it is not there the batch passes in smaller
 * pieces. */
static const char passing[][3] = {
    "08", /* connection exception */
    "0A", /* feature not supported: a cached plan after a change of the schema */
    "25", /* invalid transaction state: read-only, so no primary */
    "26", /* invalid statement name */
    "28", /* invalid authorization */
    "3D", /* invalid catalog name */
    "3F", /* invalid schema name */
    "40", /* transaction rollback: deadlock, serialization */
    "42", /* a function or table is missing, or its use not granted */
    "53", /* insufficient resources */
    "55", /* object not in prerequisite state: lock not available */
    "57", /* operator intervention */
    "58", /* system error */
    "F0", /* configuration file error */
    "XX", /* internal error */
};

enum fault fault_of(const char *sqlstate)
{
    if (strcmp(sqlstate, "ZC001") == 0)
        return FAULT_FENCED;
    if (strncmp(sqlstate, "ZC", 2) == 0)
        return FAULT_STALE;
    for (unsigned i = 0; i < sizeof passing / sizeof *passing; i++)
        if (strncmp(sqlstate, passing[i], 2) == 0)
            return FAULT_PASSING;
    return FAULT_DATA;
}

bool fault_is_schema(const char *sqlstate)
{
    return strncmp(sqlstate, "3F", 2) == 0 || strncmp(sqlstate, "42", 2) == 0;
}

const char *fault_name(enum fault f)
{
    static const char *const names[] = {
        [FAULT_NONE] = "none", [FAULT_FENCED] = "fenced",   [FAULT_STALE] = "stale",
        [FAULT_DATA] = "data", [FAULT_PASSING] = "passing",
    };
    return names[f];
}
