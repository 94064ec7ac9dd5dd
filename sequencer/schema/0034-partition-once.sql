-- Who waited for another one that made the same partition finds it. to_regclass() goes by what the session remembers, and nothing
-- had told that of the new table: the second one failed with 42P07, and two sequencers that start together said `upkeep_failed`.

CREATE OR REPLACE FUNCTION cellcast.add_partition(day integer) RETURNS boolean LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_name text := cellcast.partition_name(day);
BEGIN
    IF to_regclass('cellcast.' || v_name) IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('cellcast.add_partition'));
    IF EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'cellcast'::regnamespace AND c.relname = v_name) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE cellcast.%I (LIKE cellcast.message INCLUDING ALL)', v_name);
    EXECUTE format('ALTER TABLE cellcast.message ATTACH PARTITION cellcast.%I FOR VALUES FROM (%s) TO (%s)',
                   v_name, (day::bigint * 86400000) << 21, ((day + 1)::bigint * 86400000) << 21);
    RETURN true;
END $$;
