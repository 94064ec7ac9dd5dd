-- An advisory lock is anybody's: a role with nothing but CONNECT could hold the one that partitions were made behind, and at the next new day
-- every publish waited for it. The lock is that of the log's table itself, which ATTACH PARTITION takes anyway: SELECT on it, the most that other
-- roles are given, is not enough for this mode, and neither readers nor writers wait for it. Taken first, so that nothing is raised later,
-- and for a second at most: who waits in vain says so and comes again.

CREATE OR REPLACE FUNCTION cellcast.add_partition(day integer) RETURNS boolean LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    v_name text := cellcast.partition_name(day);
BEGIN
    IF to_regclass('cellcast.' || v_name) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE ONLY cellcast.message IN SHARE UPDATE EXCLUSIVE MODE;
    -- Not to_regclass(), see 0034.
    IF EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'cellcast'::regnamespace AND c.relname = v_name) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE cellcast.%I (LIKE cellcast.message INCLUDING ALL)', v_name);
    EXECUTE format('ALTER TABLE cellcast.message ATTACH PARTITION cellcast.%I FOR VALUES FROM (%s) TO (%s)',
                   v_name, (day::bigint * 86400000) << 21, ((day + 1)::bigint * 86400000) << 21);
    RETURN true;
END $$;
