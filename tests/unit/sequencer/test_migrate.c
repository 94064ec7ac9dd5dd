#include "migrate.h"

#include "unit.h"

START_TEST(migrations_are_numbered_upwards_from_one)
{
    ck_assert_uint_gt(n_migrations, 0);
    ck_assert_uint_eq(migrations[0].number, 1);
    for (unsigned i = 0; i < n_migrations; i++) {
        if (i)
            ck_assert_uint_gt(migrations[i].number, migrations[i - 1].number);
        ck_assert_uint_gt(strlen(migrations[i].sql), 0);
    }
}
END_TEST

START_TEST(the_script_is_one_transaction_behind_a_lock)
{
    struct buf script;
    buf_init(&script);
    migrate_script(&script);
    ck_assert(bytes_starts(buf_bytes(&script), BYTES("BEGIN ISOLATION LEVEL READ COMMITTED;\n")));
    const char *lock = strstr(script.p, "LOCK TABLE cellcast.migration"), *first = strstr(script.p, "$migration_0001$");
    ck_assert(lock && first && lock < first);
    ck_assert_str_eq(script.p + script.n - strlen("COMMIT;\n"), "COMMIT;\n");
    ck_assert_ptr_nonnull(strstr(script.p, "wal_level"));
    buf_fini(&script);
}
END_TEST

START_TEST(the_script_is_ascii_so_that_a_database_of_any_encoding_reads_it)
{
    struct buf script;
    buf_init(&script);
    migrate_script(&script);
    for (size_t i = 0; i < script.n; i++)
        ck_assert_msg((unsigned char)script.p[i] < 0x80, "byte %zu", i);
    buf_fini(&script);
}
END_TEST

START_TEST(backslashes_mean_themselves_while_migrations_run)
{
    struct buf script;
    buf_init(&script);
    migrate_script(&script);
    const char *set = strstr(script.p, "SET LOCAL standard_conforming_strings = on;");
    const char *first = strstr(script.p, "$migration_0001$");
    ck_assert(set && first && set < first);
    buf_fini(&script);
}
END_TEST

UNIT_MAIN("sequencer/migrate", migrations_are_numbered_upwards_from_one,
          the_script_is_one_transaction_behind_a_lock,
          the_script_is_ascii_so_that_a_database_of_any_encoding_reads_it,
          backslashes_mean_themselves_while_migrations_run)
