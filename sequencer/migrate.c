#include "migrate.h"

#include "pg/pg.h"

#include <errno.h>

#define PROCESS "cellcast-migrate"

/* What no later statement could repair; each message says what would be right. Behind the lock of a table that only its
 * owner may write to, since an advisory lock is anybody's. Of those who come at once to where there is none yet, one makes
 * it, and the others wait for that in the catalog. */
static const char before[] =
    "BEGIN ISOLATION LEVEL READ COMMITTED;\n"
    "DO $check$ BEGIN\n"
    "IF current_setting('server_version_num')::integer < 150000 THEN\n"
    "    RAISE EXCEPTION 'PostgreSQL % is too old', current_setting('server_version')\n"
    "        USING HINT = 'Cellcast needs PostgreSQL 15 or newer.';\n"
    "END IF;\n"
    "IF current_setting('wal_level') <> 'logical' THEN\n"
    "    RAISE EXCEPTION 'wal_level is %, but must be logical', current_setting('wal_level')\n"
    "        USING HINT = 'ALTER SYSTEM SET wal_level = logical, then restart PostgreSQL.';\n"
    "END IF;\n"
    "IF current_setting('server_encoding') <> 'UTF8' THEN\n"
    "    RAISE EXCEPTION 'the encoding of this database is %, but must be UTF8', "
    "current_setting('server_encoding')\n"
    "        USING HINT = 'CREATE DATABASE ... ENCODING ''UTF8'' TEMPLATE template0.';\n"
    "END IF;\n"
    "END $check$;\n"
    "DO $make$ BEGIN\n"
    "CREATE SCHEMA IF NOT EXISTS cellcast;\n"
    "EXCEPTION WHEN unique_violation OR duplicate_schema THEN NULL;\n"
    "END $make$;\n"
    "DO $make$ BEGIN\n"
    "CREATE TABLE IF NOT EXISTS cellcast.migration (number integer PRIMARY KEY, name text NOT NULL,\n"
    "    applied_at timestamptz NOT NULL DEFAULT clock_timestamp());\n"
    "EXCEPTION WHEN unique_violation OR duplicate_table OR duplicate_object THEN NULL;\n"
    "END $make$;\n"
    "LOCK TABLE cellcast.migration IN EXCLUSIVE MODE;\n"
    /* The first ones make partitions as they were made before 0037, behind an advisory lock. */
    "SELECT set_config('lock_timeout', '10s', true) WHERE NOT EXISTS (SELECT FROM cellcast.migration);\n";

static void append_one(struct buf *b, const struct migration *m)
{
    buf_printf(b,
               "DO $apply$ BEGIN IF NOT EXISTS (SELECT FROM cellcast.migration WHERE number = "
               "%u) THEN\n"
               "EXECUTE $migration_%04u$\n",
               m->number, m->number);
    buf_append_str(b, m->sql);
    buf_printf(
        b,
        "$migration_%04u$;\nINSERT INTO cellcast.migration (number, name) VALUES (%u, '%s');\n"
        "END IF; END $apply$;\n",
        m->number, m->number, m->name);
}

void migrate_script(struct buf *ret_sql)
{
    buf_append_str(ret_sql, before);
    /* Bodies that are parsed here, not when they are called, have backslashes in plain quotes. */
    buf_append_str(ret_sql, "SET LOCAL standard_conforming_strings = on;\n");
    for (unsigned i = 0; i < n_migrations; i++)
        append_one(ret_sql, &migrations[i]);
    buf_append_str(ret_sql, "COMMIT;\n");
}

/* -> highest migration recorded, 0 when there is none (or no schema) */
static uint64_t recorded(const char *conninfo)
{
    struct buf answer, error;
    uint64_t number = 0;
    buf_init(&answer);
    buf_init(&error);
    if (pg_ask(conninfo, PROCESS, "SELECT max(number)::text FROM cellcast.migration", NULL,
               &answer, &error) < 0 ||
        !bytes_u64(buf_bytes(&answer), &number))
        number = 0;
    buf_fini(&answer);
    buf_fini(&error);
    return number;
}

/* Each time, not once: roles are the server's, so they may come later than the schema, or be gone. */
static int grant_rights(const char *conninfo, struct buf *ret_text, struct buf *ret_missing)
{
    int error = pg_ask(conninfo, PROCESS,
                       "SELECT string_agg(line, E'\n') FROM cellcast.grant_rights() line", NULL,
                       ret_missing, ret_text);
    return error < 0 ? -EIO : 0;
}

int migrate_run(const char *conninfo, struct buf *ret_text, struct buf *ret_missing)
{
    struct buf script;
    buf_init(&script);
    migrate_script(&script);
    uint64_t from = recorded(conninfo);
    int error = pg_run_script(conninfo, PROCESS, script.p, ret_text);
    buf_fini(&script);
    if (error == 0)
        error = grant_rights(conninfo, ret_text, ret_missing);
    if (error < 0)
        return error;
    uint64_t to = recorded(conninfo);
    unsigned newest = migrations[n_migrations - 1].number;
    if (to > newest)
        buf_printf(ret_text,
                   "schema cellcast is at migration %lu, newer than this program's %u: left as "
                   "it is\n",
                   (unsigned long)to, newest);
    else if (from >= to)
        buf_printf(ret_text, "schema cellcast is at migration %lu: nothing to do\n",
                   (unsigned long)to);
    else
        buf_printf(ret_text, "schema cellcast: migration %lu to %lu applied\n",
                   (unsigned long)from + 1, (unsigned long)to);
    return 0;
}
